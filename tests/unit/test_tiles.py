"""Quadkeys against plain arithmetic, for any point and any box."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geo import tiles

longitudes = st.floats(-180, 180)
latitudes = st.floats(-tiles.MAX_LATITUDE, tiles.MAX_LATITUDE)


def slow_key(lon: float, lat: float) -> int:
    """Bit by bit, from the definition."""
    x, y = tiles.tile_at(lon, lat, tiles.KEY_ZOOM)
    return sum(((x >> bit & 1) | (y >> bit & 1) << 1) << 2 * bit for bit in range(tiles.KEY_ZOOM))


@given(longitudes, latitudes)
def test_a_key_interleaves_column_and_row(lon: float, lat: float) -> None:
    assert tiles.quadkey(lon, lat) == slow_key(lon, lat)
    assert 0 <= tiles.quadkey(lon, lat) < 1 << 48


@given(st.lists(st.tuples(longitudes, latitudes), min_size=1, max_size=50))
def test_arrays_agree_with_single_points(points: list[tuple[float, float]]) -> None:
    lon, lat = np.array(points).T
    keys = tiles.quadkeys(lon, lat)
    # numpy and math may round the last bit of a logarithm differently: one cell of two metres
    for key, (x, y) in zip(keys.tolist(), points, strict=True):
        ours, theirs = tiles.quadkey(x, y), key
        assert ours == theirs or _apart(ours, theirs) <= 1


def _apart(one: int, other: int) -> int:
    def cells(key: int) -> tuple[int, int]:
        bits = range(tiles.KEY_ZOOM)
        return (
            sum((key >> 2 * bit & 1) << bit for bit in bits),
            sum((key >> 2 * bit + 1 & 1) << bit for bit in bits),
        )

    return max(abs(a - b) for a, b in zip(cells(one), cells(other), strict=True))


@given(longitudes, latitudes, st.integers(0, tiles.KEY_ZOOM))
def test_a_tile_is_one_range(lon: float, lat: float, zoom: int) -> None:
    first, last = tiles.key_range(zoom, *tiles.tile_at(lon, lat, zoom))
    assert first <= tiles.quadkey(lon, lat) < last


def test_a_known_tile() -> None:
    # Cape Town's city hall, from the formula of the OpenStreetMap wiki ("Slippy map tilenames")
    lat, lon, zoom = -33.9253, 18.4239, 12
    x = int((lon + 180) / 360 * 2**zoom)
    radians = math.radians(lat)
    y = int((1 - math.asinh(math.tan(radians)) / math.pi) / 2 * 2**zoom)
    assert tiles.tile_at(lon, lat, zoom) == (x, y) == (2257, 2458)


@given(longitudes, latitudes, st.floats(0, 5), st.floats(0, 5), st.floats(0, 1), st.floats(0, 1))
def test_the_cover_of_a_box_holds_every_point_of_it(
    west: float, south: float, width: float, height: float, across: float, up: float
) -> None:
    east, north = min(180.0, west + width), min(tiles.MAX_LATITUDE, south + height)
    ranges = tiles.cover(west, south, east, north)
    lon = min(east, west + across * (east - west))
    lat = min(north, south + up * (north - south))
    key = tiles.quadkey(lon, lat)
    assert any(first <= key < last for first, last in ranges)
    assert ranges == sorted(ranges)
    assert len(ranges) <= 8
