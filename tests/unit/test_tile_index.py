"""Places of shapes, and which of them may touch a tile, against what boxes say themselves."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import tile_index
from geo.tiles import bounds, tile_at

BUFFER = 64 / 4096


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    west, south = draw(st.floats(-180, 180)), draw(st.floats(-85, 85))
    width, height = (10 ** draw(st.floats(-8, 2)) * draw(st.sampled_from((0, 1))) for _ in range(2))
    return west, south, min(180, west + width), min(85, south + height)


@given(boxes(), st.integers(0, 22), st.floats(0, 1), st.floats(0, 1))
def test_a_shape_is_found_in_each_tile_that_it_touches(
    box: tuple[float, float, float, float], zoom: int, across: float, down: float
) -> None:
    west, south, east, north = box
    x, y = tile_at(west + across * (east - west), south + down * (north - south), zoom)
    places, _ = tile_index.measure(np.array([box]))
    assert sum(first <= places[0] < last for first, last in tile_index.around(zoom, x, y)) == 1


@given(boxes(), st.integers(0, 22))
def test_a_shape_is_found_beside_the_tile_that_it_lies_in(
    box: tuple[float, float, float, float], zoom: int
) -> None:
    x, y = tile_at(box[0], box[3], zoom)
    places, _ = tile_index.measure(np.array([box]))
    west, _, east, _ = bounds(zoom, x, y)
    margin = BUFFER * 360 / (1 << zoom)
    for beside, distance in ((-1, box[0] - west), (1, east - box[0])):
        if 0 <= x + beside < 1 << zoom and distance < margin:
            spans = tile_index.around(zoom, x + beside, y)
            assert any(first <= places[0] < last for first, last in spans)


@given(st.floats(-180, 179.999), st.floats(-85, 85), st.integers(0, 22))
def test_a_point_is_in_one_tile_of_a_zoom(lon: float, lat: float, zoom: int) -> None:
    places, sizes = tile_index.measure(np.array([[lon, lat, lon, lat]]))
    x, y = tile_at(lon, lat, zoom)
    first, last = tile_index.within(zoom, x, y)
    assert first <= places[0] < last
    assert sizes[0] == 0


@pytest.mark.parametrize(("zoom", "most"), [(0, 40), (10, 120), (22, 180)])
def test_a_tile_asks_for_few_spans(zoom: int, most: int) -> None:
    middle = (1 << zoom) // 2
    spans = tile_index.around(zoom, middle, middle)
    assert len(spans) <= most
    assert all(one[1] < other[0] for one, other in pairwise(spans))


def test_far_shapes_are_not_asked_for() -> None:
    places, _ = tile_index.measure(np.array([[18.42, -33.93, 18.43, -33.92]]))
    x, y = tile_at(18.7, -33.92, 14)
    assert not any(first <= places[0] < last for first, last in tile_index.around(14, x, y))


def test_the_tiles_that_boxes_touch() -> None:
    west, south, east, north = bounds(12, 2259, 2458)
    inside = [west + 0.01, south + 0.01, west + 0.02, south + 0.02]
    across = [west + 0.01, south + 0.01, east + 0.01, north - 0.01]
    assert tile_index.touched(np.array([inside]), 12).tolist() == [[2259, 2458]]
    assert tile_index.touched(np.array([inside, across]), 12).tolist() == [
        [2259, 2458],
        [2260, 2458],
    ]
    on_the_border = np.array([[west + 0.01, north - 1e-6, west + 0.01, north - 1e-6]])
    assert tile_index.touched(on_the_border, 12, BUFFER).tolist() == [[2259, 2457], [2259, 2458]]
