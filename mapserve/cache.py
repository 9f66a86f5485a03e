"""Tiles kept in memory: bounded in bytes, made once for all who ask, dropped when they change."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from prometheus_client import Counter, Gauge

from geo.tiles import KEY_ZOOM, deinterleave
from mapserve.drawing import Tile
from mapserve.encodings import IDENTITY, encode
from mapserve.hex_tiles import MAX_ZOOM
from open311.etags import tag

Key = tuple[str, Tile, str, str]
"""Jurisdiction, tile, layers and selection."""

_ASKED = Counter("open311_tiles_total", "Tiles asked for, by where they came from", ["source"])
HITS, MISSES, SHARED, UNCACHED = (
    _ASKED.labels(source) for source in ("cache", "drawn", "shared", "uncached")
)
_BYTES = Gauge("open311_tile_cache_bytes", "Bytes of tiles kept", multiprocess_mode="livesum")
_OVERHEAD = 600
_REACH_ZOOM = 14
"""Up to here a hexagon touches the neighbours of its tile at most; twice as far at each beyond."""


class Entry:
    """A tile as drawn, and in the encodings that were asked for so far."""

    __slots__ = ("body", "encoded", "etag", "size", "spreads", "truncated")

    def __init__(self, body: bytes, truncated: int, spreads: bool) -> None:
        self.body = body
        self.truncated = truncated
        self.spreads = spreads
        self.etag = tag(body)
        self.encoded: dict[str, tuple[bytes, str]] = {IDENTITY: (body, IDENTITY)}
        # what is compressed later weighs too: as much again is a fair guess of it
        self.size = 2 * len(body) + _OVERHEAD

    def as_encoded(self, encoding: str) -> tuple[bytes, str]:
        """The body to send and its encoding, compressed at the first call."""
        if encoding not in self.encoded:
            self.encoded[encoding] = encode(self.body, encoding)
        return self.encoded[encoding]


class _Making(Struct):
    """A tile that is being drawn: for how many, and whether it changed meanwhile."""

    task: "asyncio.Task[Entry]"
    waiting: int = 0
    stale: bool = False


class TileCache:
    """The tiles of one process."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._by_tile: defaultdict[str, defaultdict[Tile, set[Key]]] = defaultdict(
            lambda: defaultdict(set)
        )
        self._making: dict[Key, _Making] = {}
        self._bytes = 0

    def get(self, key: Key) -> Entry | None:
        """A kept tile, which then counts as the latest used."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    async def make(self, key: Key, draw: Callable[[], Awaitable[Entry]]) -> Entry:
        """Draw a tile, once for all who ask meanwhile, and keep it unless it changed in between.

        When all who asked have gone, the drawing is stopped. What it raises is everybody's.
        """
        making = self._making.get(key)
        if making is None:
            MISSES.inc()
            making = _Making(asyncio.ensure_future(draw()))
            self._making[key] = making
            making.task.add_done_callback(lambda task: self._made(key, task))
        else:
            SHARED.inc()
        making.waiting += 1
        try:
            return await asyncio.shield(making.task)
        finally:
            making.waiting -= 1
            if not making.waiting and not making.task.done():
                making.task.cancel()
                self._making.pop(key, None)

    def _made(self, key: Key, task: "asyncio.Task[Entry]") -> None:
        making = self._making.get(key)
        if making is None or making.task is not task:
            return
        del self._making[key]
        if not task.cancelled() and task.exception() is None and not making.stale:
            self._keep(key, task.result())

    def _keep(self, key: Key, entry: Entry) -> None:
        if entry.size > self._most or (entry.spreads and key[1].zoom > MAX_ZOOM):
            return
        self._entries[key] = entry
        self._by_tile[key[0]][key[1]].add(key)
        self._bytes += entry.size
        while self._bytes > self._most:
            self._drop(next(iter(self._entries)))
        _BYTES.set(self._bytes)

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key)
        tiles = self._by_tile[key[0]]
        tiles[key[1]].discard(key)
        if not tiles[key[1]]:
            del tiles[key[1]]
        self._bytes -= entry.size

    def forget(self, jurisdiction_id: str | None, quadkeys: Sequence[int] | None) -> None:
        """Drop the tiles that points touch; all of a jurisdiction, or all, for None."""
        for key, making in self._making.items():
            if jurisdiction_id in (None, key[0]):
                making.stale = True
        if jurisdiction_id is None or quadkeys is None:
            for key in [each for each in self._entries if jurisdiction_id in (None, each[0])]:
                self._drop(key)
        else:
            for quadkey in quadkeys:
                self._forget_point(jurisdiction_id, quadkey)
        _BYTES.set(self._bytes)

    def _forget_point(self, jurisdiction_id: str, quadkey: int) -> None:
        """Its tile of each zoom, and those around it that show hexagons."""
        tiles = self._by_tile[jurisdiction_id]
        for zoom in range(KEY_ZOOM):
            x, y = deinterleave(quadkey >> 2 * (KEY_ZOOM - zoom))
            reach = 1 << max(0, zoom - _REACH_ZOOM) if zoom <= MAX_ZOOM else 0
            for across in range(-reach, reach + 1):
                for down in range(-reach, reach + 1):
                    found = tiles.get(Tile(zoom, x + across, y + down), ())
                    for key in list(found):
                        if (across, down) == (0, 0) or self._entries[key].spreads:
                            self._drop(key)
