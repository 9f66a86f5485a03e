"""Web Mercator tiles and the Morton key ("quadkey") that makes each tile one contiguous range.

A point's quadkey interleaves its tile column and row at zoom 24 (x in the even bits, y in the odd
ones), so that a tile z/x/y of a coarser zoom is one range of keys: see
https://en.wikipedia.org/wiki/Z-order_curve and the quadkeys of
https://learn.microsoft.com/en-us/bingmaps/articles/bing-maps-tile-system.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEY_ZOOM = 24
MAX_LATITUDE = 85.0511287798066
"""Latitude, in degrees, at which the square Web Mercator world ends."""

_SPREAD = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)


def _spread(value: Any) -> Any:
    for shift, mask in _SPREAD:
        value = (value | (value << shift)) & mask
    return value


def interleave(x: int, y: int) -> int:
    """The Morton number of a column and a row of the same zoom (0 to 24)."""
    return int(_spread(x) | _spread(y) << 1)


def interleaved(x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
    """The Morton numbers of many columns and rows of the same zoom."""
    keys: NDArray[np.int64] = _spread(x) | (_spread(y) << 1)
    return keys


def deinterleave(key: int) -> tuple[int, int]:
    """The column and row of a Morton number."""
    return _gather(key), _gather(key >> 1)


def _gather(value: int) -> int:
    value &= 0x5555555555555555
    for shift, mask in (
        (1, 0x3333333333333333),
        (2, 0x0F0F0F0F0F0F0F0F),
        (4, 0x00FF00FF00FF00FF),
        (8, 0x0000FFFF0000FFFF),
        (16, 0x00000000FFFFFFFF),
    ):
        value = (value | value >> shift) & mask
    return value


def tile_at(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    """Column and row of the tile that holds a point (degrees), clamped to the world's edge."""
    size = 1 << zoom
    lat = max(-MAX_LATITUDE, min(MAX_LATITUDE, lat))
    x = (lon + 180) / 360
    y = 0.5 - math.asinh(math.tan(math.radians(lat))) / (2 * math.pi)
    return min(size - 1, max(0, int(x * size))), min(size - 1, max(0, int(y * size)))


def bounds(zoom: int, x: int, y: int, buffer: float = 0) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile in degrees, widened by `buffer` of its width."""
    size = 1 << zoom
    west, east = ((x + side) / size * 360 - 180 for side in (-buffer, 1 + buffer))
    north, south = (
        math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + side) / size))))
        for side in (-buffer, 1 + buffer)
    )
    return west, south, east, north


def quadkey(lon: float, lat: float) -> int:
    """The quadkey of a point in degrees: 0 to 2**48 - 1."""
    return interleave(*tile_at(lon, lat, KEY_ZOOM))


def quadkeys(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """The quadkeys of many points (degrees, arrays of one length), as `quadkey` gives each."""
    size = 1 << KEY_ZOOM
    lat = np.clip(lat, -MAX_LATITUDE, MAX_LATITUDE)
    x = (lon + 180) / 360
    y = 0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)
    column = np.clip((x * size).astype(np.int64), 0, size - 1)
    row = np.clip((y * size).astype(np.int64), 0, size - 1)
    return interleaved(column, row)


def key_range(zoom: int, x: int, y: int) -> tuple[int, int]:
    """The quadkeys of tile zoom/x/y: first included, last excluded."""
    shift = 2 * (KEY_ZOOM - zoom)
    key = interleave(x, y)
    return key << shift, (key + 1) << shift


def cover(
    west: float, south: float, east: float, north: float, most: int = 8
) -> list[tuple[int, int]]:
    """Ranges of quadkeys that together hold every point of a box (degrees), in order.

    The box is covered by at most `most` tiles of one zoom, the finest that allows it; neighbouring
    ranges are joined. The ranges hold points outside the box too: check those by geometry.
    """
    for zoom in range(KEY_ZOOM, -1, -1):
        left, top = tile_at(west, north, zoom)
        right, bottom = tile_at(east, south, zoom)
        if (right - left + 1) * (bottom - top + 1) <= most:
            break
    ranges = sorted(
        key_range(zoom, x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)
    )
    joined = [ranges[0]]
    for first, last in ranges[1:]:
        if first == joined[-1][1]:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined
