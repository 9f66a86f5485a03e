"""The tiles of one web process: drawn by layers, kept in memory, dropped as soon as they change."""

import time
from collections.abc import Sequence

from prometheus_client import Histogram

from geo.tiles import KEY_ZOOM
from mapserve import anonymity, hexes, points, styles
from mapserve.cache import HITS, UNCACHED, Entry, Key, TileCache
from mapserve.drawing import Drawing, Layer, Tile
from mapserve.filters import Selection
from mapserve.hex_tiles import MAX_ZOOM, resolution_at
from mapserve.layers import role_of
from mapserve.styles import Scene
from mapserve.themes import Theme
from open311.context import Context
from open311.errors import NotFound
from open311.jurisdictions import Jurisdiction

_SECONDS = Histogram(
    "open311_tile_seconds",
    "Time to draw a tile that was not kept, by zoom",
    ["zoom"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
_THRESHOLD_SECONDS = 60.0
_MOST_ADDRESSES = 100_000

Address = tuple[str, bytes]
"""Path and query of a call."""


class Atlas:
    """What a process knows of its maps beside the database.

    A class: the tiles that it keeps, and the zoom from which each city's requests are points.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._thresholds: dict[str, tuple[float, int]] = {}
        self._breaks: dict[str, tuple[float, dict[int, list[int]]]] = {}
        self._keys: dict[Address, Key] = {}
        self.cache = TileCache(context.settings.tile_cache_bytes)
        context.hub.subscribe(self._forget)

    def _forget(self, jurisdiction_id: str | None, quadkeys: Sequence[int] | None) -> None:
        self.cache.forget(jurisdiction_id, quadkeys)
        if quadkeys is None:
            # a catalogue may have changed what is shown at all
            self._thresholds.clear()
            self._breaks.clear()
            self._keys.clear()

    def is_fresh(self) -> bool:
        """Whether what is kept can be relied on: all changes up to a second ago are known."""
        return self._context.hub.fresh()

    def known(self, address: Address) -> Entry | None:
        """The tile that an address was answered with before, if that is kept and still right."""
        key = self._keys.get(address)
        if key is None or not self.is_fresh():
            return None
        entry = self.cache.get(key)
        if entry is not None:
            HITS.inc()
        return entry

    async def tile(
        self,
        city: Jurisdiction,
        layers: Sequence[Layer],
        tile: Tile,
        selection: Selection,
        address: Address,
    ) -> Entry:
        """A tile, kept or drawn now. Raises NotFound for one that is nowhere, and Busy."""
        _check(tile, layers)
        names = ",".join(layer.name for layer in layers)
        key = (city.jurisdiction_id, tile, names, selection.key)
        is_private = any(layer.access == "staff" for layer in layers)
        if is_private or not self.is_fresh():
            UNCACHED.inc()
            return await self._draw(city, layers, tile, selection)
        if len(self._keys) > _MOST_ADDRESSES:
            self._keys.clear()
        self._keys[address] = key
        known = self.cache.get(key)
        if known is not None:
            HITS.inc()
            return known
        return await self.cache.make(key, lambda: self._draw(city, layers, tile, selection))

    async def _draw(
        self, city: Jurisdiction, layers: Sequence[Layer], tile: Tile, selection: Selection
    ) -> Entry:
        begin = time.perf_counter()
        settings, points_from = self._context.settings, await self.points_from(city)
        async with role_of(self._context, layers).begin(city.jurisdiction_id) as connection:
            drawing = Drawing(connection, city, settings, tile, selection, points_from)
            drawn = [await layer.draw(drawing) for layer in layers]
        _SECONDS.labels(tile.zoom).observe(time.perf_counter() - begin)
        return Entry(
            b"".join(each.data for each in drawn),
            sum(each.truncated for each in drawn),
            any(each.spreads for each in drawn),
        )

    async def points_from(self, city: Jurisdiction) -> int:
        """The zoom from which a city's requests are points.

        Asked once a minute: neighbouring tiles must agree, and it hardly ever changes.
        """
        until, zoom = self._thresholds.get(city.jurisdiction_id, (0.0, 0))
        if until < time.monotonic():
            most = self._context.settings.max_tile_features
            async with self._context.maps.begin(city.jurisdiction_id) as connection:
                zoom = await points.first_zoom(connection, city, most)
            self._thresholds[city.jurisdiction_id] = time.monotonic() + _THRESHOLD_SECONDS, zoom
        return zoom

    async def scene(self, city: Jurisdiction, theme: Theme) -> Scene:
        """What the look of a city's layers depends on; its classes hold for a minute too."""
        until, breaks = self._breaks.get(city.jurisdiction_id, (0.0, {}))
        if until < time.monotonic():
            breaks = {}
            async with self._context.maps.begin(city.jurisdiction_id) as connection:
                for resolution in sorted({resolution_at(zoom) for zoom in range(MAX_ZOOM + 1)}):
                    if city.settings.hex_minimum == 1 or resolution <= anonymity.RESOLUTION:
                        found = await hexes.aggregate(connection, city, resolution, Selection())
                        breaks[resolution] = styles.breaks(found.requests)
            self._breaks[city.jurisdiction_id] = time.monotonic() + _THRESHOLD_SECONDS, breaks
        return Scene(theme, await self.points_from(city), breaks)


def _check(tile: Tile, layers: Sequence[Layer]) -> None:
    finest = min(layer.max_zoom for layer in layers)
    if not 0 <= tile.zoom <= min(finest, KEY_ZOOM):
        raise NotFound(f"Tiles of this are of zooms 0 to {finest}.")
    if not (0 <= tile.x < 1 << tile.zoom and 0 <= tile.y < 1 << tile.zoom):
        raise NotFound(f"At zoom {tile.zoom} columns and rows are 0 to {(1 << tile.zoom) - 1}.")
