"""Hexagons in tiles: each is in every tile that its outline touches, with the same id and values.

Renderers clip at the tile's border, so each pixel of a hexagon is drawn once.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from geo import cells as h3
from geo.tile_index import touched
from mapserve import mvt
from mapserve.anonymity import RESOLUTION as PUBLISHED_RESOLUTION
from mapserve.drawing import Drawing, Drawn, Tile, Tiles
from mapserve.hexes import Hexes, aggregate
from open311.jurisdictions import Jurisdiction

BUFFER = 64 / mvt.EXTENT
MAX_ZOOM = 16
_RESOLUTIONS = (3, 3, 3, 3, 3, 4, 4, 5, 6, 7, 7, 8)
_FINEST = 9
_WHOLE_CITY_ZOOM = 6
_INDEX_BITS = (1 << 52) - 1

FIELDS = {"cell": "String", "count": "Number", "open": "Number", "median_days": "Number"}


def resolution_at(zoom: int) -> int:
    """The H3 resolution whose hexagons are 18 to 50 pixels wide at a zoom (tiles of 512 pixels)."""
    return _RESOLUTIONS[zoom] if zoom < len(_RESOLUTIONS) else _FINEST


async def draw_hexes(drawing: Drawing, name: str = "hexes") -> Drawn:
    """The hexagons that touch a tile."""
    tile, city = drawing.tile, drawing.city
    resolution = _resolution(city, tile.zoom)
    touching = None
    if tile.zoom >= _WHOLE_CITY_ZOOM:
        touching = h3.cells_of_tile(tile.zoom, tile.x, tile.y, resolution, BUFFER)
    found = await aggregate(drawing.connection, city, resolution, drawing.selection, touching)
    features = [each for each in _features(found, tile) if touching or _touches(each, tile)]
    return Drawn(mvt.layer(name, features) if features else b"", spreads=True)


async def find_hexes(drawing: Drawing, zoom: int) -> Tiles:
    """The tiles of a zoom that hexagons may touch."""
    resolution = _resolution(drawing.city, zoom)
    found = await aggregate(drawing.connection, drawing.city, resolution, drawing.selection)
    outlines = [np.asarray(h3.outline(cell)) for cell in found.cells.tolist()]
    boxes = [(*each.min(axis=0), *each.max(axis=0)) for each in outlines]
    return touched(np.asarray(boxes, np.float64).reshape(-1, 4), zoom, BUFFER)


def _resolution(city: Jurisdiction, zoom: int) -> int:
    resolution = resolution_at(zoom)
    return min(resolution, PUBLISHED_RESOLUTION) if city.settings.hex_minimum > 1 else resolution


def _features(found: Hexes, tile: Tile) -> list[mvt.Feature]:
    table = zip(
        found.cells.tolist(),
        found.requests.tolist(),
        found.open.tolist(),
        found.median_days.tolist(),
        _outlines(found, tile),
        strict=True,
    )
    return [
        mvt.Feature(
            # the resolution is the same for all, and what is left a double holds exactly
            cell & _INDEX_BITS,
            corners,
            {
                "cell": h3.text_of(cell),
                "count": count,
                "open": still_open,
                "median_days": None if median != median else median,
            },
        )
        for cell, count, still_open, median, corners in table
    ]


def _outlines(found: Hexes, tile: Tile) -> Iterator[list[tuple[int, int]]]:
    """The corners of each hexagon in tile units; projected all at once, that takes a tenth."""
    outlines = [h3.outline(cell) for cell in found.cells.tolist()]
    corners = [corner for outline in outlines for corner in outline]
    if corners:
        across, down = mvt.project(corners, tile.zoom, tile.x, tile.y).T.tolist()
        flat = zip(across, down, strict=True)
        yield from (list(islice(flat, len(outline))) for outline in outlines)


def _touches(feature: mvt.Feature, tile: Tile) -> bool:
    widest, edge = mvt.EXTENT * (1 + BUFFER), -mvt.EXTENT * BUFFER
    return all(
        min(each) < widest and max(each) > edge for each in zip(*feature.corners, strict=True)
    )
