"""Features as GML 3.2.1 and 3.1.1, written as text: a tree of a million elements takes too long."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec
import numpy as np
import shapely
from msgspec import Struct

from mapserve.features.crs import Crs, to_crs
from mapserve.features.reading import Features
from mapserve.features.source import GEOMETRY
from mapserve.wfs.names import PREFIX
from open311.dates import format_instant

# what XML cannot hold at all, though phones type it
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Dialect(Struct, frozen=True):
    """A version of GML: its namespace, what an id is called, and how a system is named."""

    namespace: str
    has_ids: bool
    surface: str


GML32 = Dialect("http://www.opengis.net/gml/3.2", True, "MultiSurface")
GML31 = Dialect("http://www.opengis.net/gml", False, "MultiSurface")


def write(
    features: Features,
    layer: str,
    names: Mapping[str, str],
    crs: Crs,
    dialect: Dialect,
    *,
    by_url: bool,
) -> Iterator[str]:
    """Each feature as one element; coordinates are in the axis order of the system's URN.

    `by_url` names the system as old clients do, and then has longitude first.
    """
    srs = f"{crs.authority}:{crs.code}" if by_url else crs.urn
    shapes = to_crs(features.shapes, crs, in_xy=by_url)
    shapes = shapely.transform(shapes, lambda xy: np.round(xy, crs.digits))
    written = _geometries(shapes, layer, features.ids, srs, dialect)
    columns = [
        _column(f"{PREFIX}:{names[name]}", values) for name, values in features.values.items()
    ]
    rows = zip(*columns, strict=True) if columns else [()] * len(features)
    for name, shape, row in zip(features.ids, written, rows, strict=True):
        yield (
            f"<{PREFIX}:{layer} gml:id={quoteattr(feature_id(layer, name))}>"
            f"{''.join(row)}{shape}</{PREFIX}:{layer}>"
        )


def _column(tag: str, values: Sequence[Any]) -> list[str]:
    """Each value as an element. Most stand there many times: each is written once.

    Instants do not, and are written together, which takes a tenth of the time.
    """
    there = [value for value in values if value is not None]
    if there and isinstance(there[0], datetime):
        texts = iter(_instants(there))
        return ["" if value is None else f"<{tag}>{next(texts)}</{tag}>" for value in values]
    told = {
        value: "" if value is None else f"<{tag}>{text_of(value)}</{tag}>" for value in set(values)
    }
    return [told[value] for value in values]


def _instants(values: Sequence[datetime]) -> list[str]:
    """Instants in UTC as `format_instant` has them."""
    texts = msgspec.json.encode(values).decode()[2:-2].split('","')
    return [f"{each[:19]}Z" for each in texts]


def feature_id(layer: str, name: str) -> str:
    """The id of a feature in a document: an XML name, so it begins with that of its layer."""
    return f"{layer}.{name}"


def text_of(value: Any) -> str:
    """A value as XML Schema has it."""
    if isinstance(value, str):
        return escape(_FORBIDDEN.sub("", value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if hasattr(value, "hour"):
        return format_instant(value)
    return str(value)


def _geometries(
    shapes: Any, layer: str, ids: Sequence[str], srs: str, dialect: Dialect
) -> Iterator[str]:
    opening, closing = f"<{PREFIX}:{GEOMETRY}>", f"</{PREFIX}:{GEOMETRY}>"
    place = f' srsName="{srs}"'
    for shape, name in zip(shapes, ids, strict=True):
        if shape is None:
            yield ""
            continue
        identity = f" gml:id={quoteattr(f'{layer}.{name}.shape')}" if dialect.has_ids else ""
        yield opening + geometry(shape, f"{place}{identity}", dialect, f"{layer}.{name}") + closing


def geometry(shape: Any, attributes: str, dialect: Dialect, name: str) -> str:
    """A shape as an element with attributes; those within have ids made of a name."""
    return _WRITERS[shape.geom_type](shape, attributes, dialect, name)


def _point(shape: Any, attributes: str, _dialect: Dialect, _name: str) -> str:
    return f"<gml:Point{attributes}><gml:pos>{_numbers(shape)}</gml:pos></gml:Point>"


def _line(shape: Any, attributes: str, _dialect: Dialect, _name: str) -> str:
    corners = f"<gml:posList>{_numbers(shape)}</gml:posList>"
    return f"<gml:LineString{attributes}>{corners}</gml:LineString>"


def _polygon(shape: Any, attributes: str, _dialect: Dialect, _name: str) -> str:
    rings = [f"<gml:exterior>{_ring(shape.exterior)}</gml:exterior>"]
    rings += [f"<gml:interior>{_ring(each)}</gml:interior>" for each in shape.interiors]
    return f"<gml:Polygon{attributes}>{''.join(rings)}</gml:Polygon>"


def _ring(ring: Any) -> str:
    return f"<gml:LinearRing><gml:posList>{_numbers(ring)}</gml:posList></gml:LinearRing>"


def _numbers(shape: Any) -> str:
    return " ".join(map(repr, shapely.get_coordinates(shape).ravel().tolist()))


def _many(collection: str, member: str) -> Callable[[Any, str, Dialect, str], str]:
    def write_many(shape: Any, attributes: str, dialect: Dialect, name: str) -> str:
        parts = []
        for number, part in enumerate(shape.geoms, 1):
            own = f"{name}.{number}"
            identity = f" gml:id={quoteattr(own)}" if dialect.has_ids else ""
            parts.append(f"<gml:{member}>{geometry(part, identity, dialect, own)}</gml:{member}>")
        return f"<gml:{collection}{attributes}>{''.join(parts)}</gml:{collection}>"

    return write_many


_WRITERS: dict[str, Callable[[Any, str, Dialect, str], str]] = {
    "Point": _point,
    "LineString": _line,
    "Polygon": _polygon,
    "MultiPoint": _many("MultiPoint", "pointMember"),
    "MultiLineString": _many("MultiCurve", "curveMember"),
    "MultiPolygon": _many("MultiSurface", "surfaceMember"),
    "GeometryCollection": _many("MultiGeometry", "geometryMember"),
}


def bounded_by(features: Features, crs: Crs, *, by_url: bool) -> str:
    """The box around some features; nothing when they have no shapes."""
    there = features.shapes[~shapely.is_missing(features.shapes)]
    if not len(there):
        return ""
    placed = to_crs(there, crs, in_xy=by_url)
    low, high = np.round(shapely.total_bounds(placed), crs.digits).reshape(2, 2).tolist()
    srs = f"{crs.authority}:{crs.code}" if by_url else crs.urn
    corners = " ".join(map(repr, low)), " ".join(map(repr, high))
    return (
        f'<gml:Envelope srsName="{srs}"><gml:lowerCorner>{corners[0]}</gml:lowerCorner>'
        f"<gml:upperCorner>{corners[1]}</gml:upperCorner></gml:Envelope>"
    )
