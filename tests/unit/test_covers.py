"""What a picture shows is painted in one order, whatever order the database found it in."""

from random import Random
from typing import Any

import pytest
import shapely

from mapserve.pictures.covers import _groups

SHAPES = {
    "points": [shapely.Point(18 + n % 7 / 10, -34 + n % 5 / 10) for n in range(35)],
    "areas": [shapely.box(n, 0, n + 2, 1 + n % 3) for n in range(20)],
    "of all kinds": [shapely.Point(1, 2), shapely.Point(1, 1), shapely.box(0, 0, 1, 1)],
}


@pytest.mark.parametrize("kind", SHAPES)
def test_the_order_of_rows_is_not_seen(kind: str) -> None:
    encoded: list[bytes] = [shapely.to_wkb(shape, byte_order=1) for shape in SHAPES[kind]]
    first = told(encoded)
    for seed in range(5):
        Random(seed).shuffle(encoded)  # noqa: S311
        assert told(encoded) == first


def test_points_further_south_are_painted_later() -> None:
    places = [(18.0, -34.0), (18.0, -33.0), (17.0, -34.0)]
    (group,) = _groups(
        [], [[shapely.to_wkb(shapely.Point(*each), byte_order=1) for each in places]]
    )
    assert group.points.tolist() == [[18.0, -33.0], [17.0, -34.0], [18.0, -34.0]]


def told(encoded: list[bytes]) -> list[Any]:
    groups = _groups(["status"], [encoded, "open"])
    return [(each.properties, each.points.tolist(), each.shapes.tolist()) for each in groups]
