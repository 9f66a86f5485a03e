"""Shapes of GML 2, 3.1 and 3.2 as clients send them: in filters and in transactions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from mapserve.features.boxes import box_from
from mapserve.wfs.names import local
from mapserve.wfs.systems import System, find_system
from open311.errors import BadInput
from open311.extents import Box

GML = GML31, GML32 = "http://www.opengis.net/gml", "http://www.opengis.net/gml/3.2"
_MOST_POINTS = 100_000


def box(element: Any, system: System) -> Box:
    """The box in degrees of an `Envelope` or `Box`; without a name its system is the given one."""
    system = _system(element, system)
    corners = _numbers(element)
    if len(corners) != 2:
        raise BadInput("A box has two corners.")
    low, high = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return box_from((low[0], low[1], high[0], high[1]), system.crs, in_xy=system.in_xy)


def shape(element: Any, system: System) -> tuple[BaseGeometry, System]:
    """A shape as it is written, and the system that its coordinates are in. Raises BadInput."""
    system = _system(element, system)
    kind = local(str(element.tag))
    if kind in ("Envelope", "Box"):
        corners = _numbers(element)
        low, high = corners.min(axis=0), corners.max(axis=0)
        return shapely.box(*low, *high), system
    made = _SHAPES.get(kind)
    if made is None:
        raise BadInput(f"{kind[:40]!r} is no shape that is understood here.")
    try:
        found = made(element)
    except (ValueError, shapely.errors.ShapelyError):
        raise BadInput(f"The {kind} is not complete.") from None
    return found, system


def _system(element: Any, otherwise: System) -> System:
    name = element.get("srsName")
    return find_system(name) if name else otherwise


def _numbers(element: Any) -> NDArray[np.float64]:
    """All coordinates within an element, as rows of two."""
    dimension = next(
        (each.get("srsDimension") for each in element.iter() if each.get("srsDimension")), "2"
    )
    told = [
        each.text.replace(",", " ") if each.text else ""
        for each in element.iter()
        if isinstance(each.tag, str) and local(each.tag) in _COORDINATES
    ]
    try:
        values = np.array(" ".join(told).split(), np.float64)
        rows = values.reshape(-1, int(dimension))[:, :2]
    except ValueError:
        raise BadInput("Coordinates must be pairs of numbers.") from None
    if not len(rows) or len(rows) > _MOST_POINTS or not np.isfinite(rows).all():
        raise BadInput(f"A shape has 1 to {_MOST_POINTS} finite points.")
    return rows


_COORDINATES = ("pos", "posList", "coordinates", "lowerCorner", "upperCorner")


def _point(element: Any) -> BaseGeometry:
    return shapely.Point(_numbers(element)[0])


def _line(element: Any) -> BaseGeometry:
    return shapely.LineString(_numbers(element))


def _polygon(element: Any) -> BaseGeometry:
    rings = [each for each in element.iter() if _is(each, "LinearRing", "Ring")]
    if not rings:
        raise BadInput("A polygon has a ring.")
    outer, *inner = (_numbers(each) for each in rings)
    return shapely.Polygon(outer, inner)


def _is(element: Any, *names: str) -> bool:
    return isinstance(element.tag, str) and local(element.tag) in names


def _many(collect: Callable[[Any], BaseGeometry], *names: str) -> Callable[[Any], BaseGeometry]:
    def read(element: Any) -> BaseGeometry:
        parts = [each for each in element.iter() if _is(each, *names)]
        return collect([_SHAPES[local(each.tag)](each) for each in parts])

    return read


_SHAPES: dict[str, Callable[[Any], BaseGeometry]] = {
    "Point": _point,
    "LineString": _line,
    "Curve": _line,
    "Polygon": _polygon,
    "Surface": _polygon,
    "MultiPoint": _many(shapely.MultiPoint, "Point"),
    "MultiLineString": _many(shapely.MultiLineString, "LineString"),
    "MultiCurve": _many(shapely.MultiLineString, "LineString", "Curve"),
    "MultiPolygon": _many(shapely.MultiPolygon, "Polygon"),
    "MultiSurface": _many(shapely.MultiPolygon, "Polygon", "Surface"),
}
