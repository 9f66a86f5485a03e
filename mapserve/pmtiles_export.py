"""Tiles of a city as one file in the PMTiles format, which any static file server can serve.

https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct
from pmtiles.tile import Compression, TileType, tileid_to_zxy, zxy_to_tileid
from pmtiles.writer import Writer

from geo import tiles
from mapserve import points, tilejson
from mapserve.drawing import Drawing, Layer, Tile
from mapserve.export.paths import replacing
from mapserve.filters import Selection
from mapserve.layers import list_public, pick
from open311.db import Database
from open311.errors import BadInput
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

_AT_ONCE = 200
_LEVEL = 6
_OVERLAP = 1e-6  # degrees
_ROOT = Tile(0, 0, 0)

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


class Wanted(Struct, frozen=True):
    """Which tiles: of layers by name, of which requests, of which zooms, both ends included."""

    layers: str
    selection: Selection
    min_zoom: int
    max_zoom: int


class Written(Struct):
    """What a file holds."""

    tiles: int = 0
    truncated: int = 0
    """How many of them leave something out, as those that the server sends do."""


async def export(
    maps: Database,
    settings: Settings,
    city: Jurisdiction,
    wanted: Wanted,
    path: Path,
    progress: Progress = lambda _done, _size: None,
) -> Written:
    """Write the tiles that hold something, as the server draws them, to a file.

    By a connection that sees what everybody may see. The file appears, or is replaced, once it is
    whole. Raises NotFound (layers) and BadInput: zooms that there are no tiles of, filters that the
    city's maps do not take, nothing to write.
    """
    layers = pick(await list_public(maps, city), wanted.layers.split(","))
    finest = min(layer.max_zoom for layer in layers)
    if not 0 <= wanted.min_zoom <= wanted.max_zoom <= finest:
        raise BadInput(f"Zooms are 0 to {finest}, the first no greater than the last.")
    async with maps.begin(city.jurisdiction_id) as connection:
        from_zoom = await points.first_zoom(connection, city, settings.max_tile_features)
        told = await tilejson.describe(connection, city, layers, "")
    with replacing(path) as file, _writing(file) as writer:
        written, kept = Written(), list[int]()
        ids = await _find(maps, settings, city, wanted, layers, from_zoom)
        for begin in range(0, len(ids), _AT_ONCE):
            async with maps.begin(city.jurisdiction_id) as connection:
                for each in ids[begin : begin + _AT_ONCE]:
                    tile = Tile(*tileid_to_zxy(each))
                    drawing = Drawing(connection, city, settings, tile, wanted.selection, from_zoom)
                    if await _write(writer, each, layers, drawing, written):
                        kept.append(each)
            progress(min(begin + _AT_ONCE, len(ids)), len(ids))
        if not written.tiles:
            raise BadInput("Nothing of this is on the map.")
        writer.finalize(_header(told.center, kept), _metadata(told))
    return written


async def _find(
    maps: Database,
    settings: Settings,
    city: Jurisdiction,
    wanted: Wanted,
    layers: Sequence[Layer],
    from_zoom: int,
) -> list[int]:
    """The ids of the tiles that may hold something, in the order of the file."""
    ids: set[int] = set()
    async with maps.begin(city.jurisdiction_id) as connection:
        drawing = Drawing(connection, city, settings, _ROOT, wanted.selection, from_zoom)
        for zoom in range(wanted.min_zoom, wanted.max_zoom + 1):
            for layer in layers:
                found = await layer.find(drawing, zoom)
                ids.update(zxy_to_tileid(zoom, x, y) for x, y in found.tolist())
    return sorted(ids)


async def _write(
    writer: Writer, number: int, layers: Sequence[Layer], drawing: Drawing, written: Written
) -> bool:
    """Draw a tile and keep it if anything is there; whether it is."""
    drawn = [await layer.draw(drawing) for layer in layers]
    body = b"".join(each.data for each in drawn)
    if body:
        writer.write_tile(number, gzip.compress(body, _LEVEL, mtime=0))
        written.tiles += 1
        written.truncated += any(each.truncated for each in drawn)
    return bool(body)


@contextmanager
def _writing(file: BinaryIO) -> Iterator[Writer]:
    writer = Writer(file)
    try:
        yield writer
    finally:
        writer.tile_f.close()


def _header(centre: tuple[float, float, int], ids: Sequence[int]) -> dict[str, Any]:
    west, south, east, north = _bounds([tileid_to_zxy(each) for each in ids])
    numbers = {
        "min_lon_e7": west,
        "min_lat_e7": south,
        "max_lon_e7": east,
        "max_lat_e7": north,
        "center_lon_e7": centre[0],
        "center_lat_e7": centre[1],
    }
    return {name: round(number * 1e7) for name, number in numbers.items()} | {
        "center_zoom": centre[2],
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
    }


def _bounds(found: Sequence[tuple[int, int, int]]) -> tuple[float, float, float, float]:
    """Those of the finest tiles, and further where others lie beside: maps read none outside."""
    west, south, east, north = zip(*(tiles.bounds(*each) for each in found), strict=True)
    finest = sum(each[0] < found[-1][0] for each in found)
    return (
        min(*west[finest:], min(east) - _OVERLAP),
        min(*south[finest:], min(north) - _OVERLAP),
        max(*east[finest:], max(west) + _OVERLAP),
        max(*north[finest:], max(south) + _OVERLAP),
    )


def _metadata(told: tilejson.TileJson) -> dict[str, Any]:
    names = ("name", "description", "attribution", "vector_layers")
    return {name: msgspec.to_builtins(getattr(told, name)) for name in names}
