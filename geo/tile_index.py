"""Shapes by the smallest tile that holds each: found by ranges of whole numbers, like points.

Row-level security keeps spatial indexes from being used, for their operators are not leakproof;
comparisons of whole numbers are. So each shape has a `place`: the first quadkey of the smallest Web
Mercator tile around it, followed by that tile's zoom in the last five bits. What may touch a tile
is then either in a tile within it, which is one range of places, or in one of the few around it.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.tiles import KEY_ZOOM, MAX_LATITUDE, interleave, interleaved, key_range, tile_at

_ZOOM_BITS = 5
_FINER = 2
_MOST_TILES_ACROSS = 4
_UNITS = 4096
_SIZE = 1 << KEY_ZOOM

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Span = tuple[int, int]
"""Places from the first, included, to the last, excluded."""


def measure(boxes: Floats) -> tuple[Integers, Floats]:
    """Place and size of each box (rows of west, south, east, north in degrees).

    The size is the longer side in Web Mercator, where the world is 1 wide; of a point it is 0.
    """
    left, top = _world(boxes[:, 0], boxes[:, 3])
    right, bottom = _world(boxes[:, 2], boxes[:, 1])
    columns, rows = _tiles(left), _tiles(top)
    # the highest bit in which two corners differ says how many zooms they have in common
    apart = np.maximum(columns ^ _tiles(right), rows ^ _tiles(bottom))
    shifts = np.ceil(np.log2(apart + 1)).astype(np.int64)
    keys = interleaved(columns >> shifts, rows >> shifts) << 2 * shifts
    places: Integers = keys << _ZOOM_BITS | KEY_ZOOM - shifts
    return places, np.maximum(right - left, bottom - top)


def _world(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    lat = np.clip(lat, -MAX_LATITUDE, MAX_LATITUDE)
    return (lon + 180) / 360, 0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)


def _tiles(part: Floats) -> Any:
    return np.clip((part * _SIZE).astype(np.int64), 0, _SIZE - 1)


def first_zoom(size: float) -> int:
    """The first zoom, 16 at the latest, at which something of a size is a unit of a tile wide."""
    units = size * _UNITS
    return 16 if units <= 2**-16 else max(0, math.ceil(-math.log2(units)))


def within(zoom: int, x: int, y: int) -> Span:
    """The places of points in a tile."""
    first, last = key_range(zoom, x, y)
    return first << _ZOOM_BITS, last << _ZOOM_BITS


def around(zoom: int, x: int, y: int) -> list[Span]:
    """All places of what may touch a tile of zoom 0 to 22, or a quarter of its width around it.

    In order, and none twice.
    """
    finest, size = zoom + _FINER, 1 << zoom + _FINER
    left, right = max(0, (x << _FINER) - 1), min(size - 1, (x + 1) << _FINER)
    top, bottom = max(0, (y << _FINER) - 1), min(size - 1, (y + 1) << _FINER)
    return _around(finest, left, top, right, bottom)


def around_box(west: float, south: float, east: float, north: float) -> list[Span]:
    """All places of what may touch a box (degrees), in order, and none twice."""
    for zoom in range(KEY_ZOOM, -1, -1):
        left, top = tile_at(west, north, zoom)
        right, bottom = tile_at(east, south, zoom)
        if max(right - left, bottom - top) < _MOST_TILES_ACROSS:
            break
    return _around(zoom, left, top, right, bottom)


def _around(finest: int, left: int, top: int, right: int, bottom: int) -> list[Span]:
    """The places within some tiles of a zoom, and those of the tiles around these."""
    spans = [
        within(finest, column, row)
        for column in range(left, right + 1)
        for row in range(top, bottom + 1)
    ]
    for shift in range(1, finest + 1):
        for column in range(left >> shift, (right >> shift) + 1):
            for row in range(top >> shift, (bottom >> shift) + 1):
                place = _place(finest - shift, column, row)
                spans.append((place, place + 1))
    return _joined(sorted(spans))


def _place(zoom: int, x: int, y: int) -> int:
    return interleave(x, y) << 2 * (KEY_ZOOM - zoom) + _ZOOM_BITS | zoom


def _joined(spans: list[Span]) -> list[Span]:
    joined = [spans[0]]
    for first, last in spans[1:]:
        if first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def touched(boxes: Floats, zoom: int, buffer: float = 0) -> Integers:
    """The tiles of a zoom that boxes touch, as rows of column and row, each once.

    Of boxes (rows of west, south, east, north in degrees); `buffer` is in widths of a tile.
    """
    size = 1 << zoom
    west, north = _world(boxes[:, 0], boxes[:, 3])
    east, south = _world(boxes[:, 2], boxes[:, 1])
    edges = np.column_stack(
        (west * size - buffer, north * size - buffer, east * size + buffer, south * size + buffer)
    )
    corners = np.unique(np.clip(np.floor(edges).astype(np.int64), 0, size - 1), axis=0)
    is_one = (corners[:, :2] == corners[:, 2:]).all(axis=1)
    tiles = [corners[is_one, :2]]
    for left, top, right, bottom in corners[~is_one].tolist():
        columns, rows = np.meshgrid(np.arange(left, right + 1), np.arange(top, bottom + 1))
        tiles.append(np.column_stack((columns.ravel(), rows.ravel())))
    return np.unique(np.concatenate(tiles), axis=0)
