"""Features as GeoJSON (RFC 7946), or in another coordinate system as OGC API Features has them."""

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import shapely
from msgspec import Struct
from numpy.typing import NDArray

from mapserve.features.crs import CRS84, Crs, to_crs
from mapserve.features.reading import Features

MEDIA_TYPE = "application/geo+json"


class Feature(Struct, tag_field="type", tag="Feature"):
    """One feature; its geometry is JSON already."""

    id: str
    geometry: Any
    properties: dict[str, Any]


def encode(features: Features, crs: Crs = CRS84, *, in_xy: bool = False) -> list[Feature]:
    """Some features, to be written as JSON; `in_xy`: east before north, whatever the system has."""
    shapes = geometries(features.shapes, crs, in_xy=in_xy)
    names = list(features.values)
    rows: Iterable[tuple[Any, ...]] = zip(*features.values.values(), strict=True)
    if not names:
        rows = [()] * len(features)
    return [
        Feature(name, shape, dict(zip(names, row, strict=True)))
        for name, shape, row in zip(features.ids, shapes, rows, strict=True)
    ]


def geometries(shapes: NDArray[np.object_], crs: Crs = CRS84, *, in_xy: bool = False) -> list[Any]:
    """Each shape as GeoJSON, in the axis order of the system, to the digits worth telling."""
    placed = to_crs(shapes, crs, in_xy=in_xy)
    there = ~shapely.is_missing(placed)
    if (shapely.get_type_id(placed[there]) == 0).all():
        return _points(placed, there, crs.digits)
    rounded = shapely.transform(placed, lambda xy: np.round(xy, crs.digits))
    texts = shapely.to_geojson(rounded)
    return [None if text is None else msgspec.Raw(text.encode()) for text in texts]


def _points(shapes: NDArray[np.object_], there: NDArray[np.bool_], digits: int) -> list[Any]:
    """Points, the usual case, take a fifth of the time when nothing is parsed in between."""
    found: list[Any] = [None] * len(shapes)
    pairs = np.round(shapely.get_coordinates(shapes[there]), digits).tolist()
    for number, pair in zip(np.flatnonzero(there).tolist(), pairs, strict=True):
        found[number] = {"type": "Point", "coordinates": pair}
    return found
