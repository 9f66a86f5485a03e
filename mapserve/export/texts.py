"""Formats that are written as they are read: GeoJSON, lines of it, CSV, GML and KML."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec
import numpy as np
import shapely
from msgspec import structs

from mapserve.export.cells import cell
from mapserve.export.names import header
from mapserve.export.writing import Writing
from mapserve.features import geojson
from mapserve.features.crs import CRS84, to_crs
from mapserve.features.kinds import as_declared, declared
from mapserve.features.reading import Features
from mapserve.wfs import gml
from mapserve.wfs.names import NAMESPACE, PREFIX, xml_names


async def write_geojson(writing: Writing) -> AsyncIterator[bytes]:
    """One FeatureCollection; in another system than degrees it says which, as GDAL does."""
    head: dict[str, Any] = {"type": "FeatureCollection", "name": writing.layer}
    if writing.crs != CRS84:
        head["crs"] = {"type": "name", "properties": {"name": writing.crs.urn}}
    yield msgspec.json.encode(head)[:-1] + b',"features":[\n'
    separator = b""
    async for features in writing.batches:
        if len(features):
            lines = _lines(features, writing)
            yield separator + b",\n".join(lines)
            separator = b",\n"
    yield b"\n]}\n"


async def write_ndjson(writing: Writing) -> AsyncIterator[bytes]:
    """A feature on each line."""
    async for features in writing.batches:
        yield b"".join(line + b"\n" for line in _lines(features, writing))


def _lines(features: Features, writing: Writing) -> list[bytes]:
    encoder = msgspec.json.Encoder()
    # GeoJSON has east before north, whatever the system
    return [encoder.encode(each) for each in geojson.encode(features, writing.crs, in_xy=True)]


async def write_csv(writing: Writing) -> AsyncIterator[bytes]:
    """Comma-separated values in UTF-8: points by two columns, other shapes as text (WKT)."""
    is_point = declared(writing.geometry_type) == "Point"
    x, y = ("longitude", "latitude") if writing.crs.is_geographic else ("x", "y")
    places = [x, y] if is_point else ["wkt"]
    yield _table([map(cell, header(writing.fields, places))])
    async for features in writing.batches:
        shapes = to_crs(features.shapes, writing.crs, in_xy=True)
        told = _points(shapes, writing.crs.digits) if is_point else _texts(shapes)
        columns = [[cell(value) for value in values] for values in features.values.values()]
        yield _table(zip(features.ids, *columns, *told, strict=True))


def _points(shapes: Any, digits: int) -> list[list[Any]]:
    rounded = np.round((shapely.get_x(shapes), shapely.get_y(shapes)), digits)
    return [["" if value != value else value for value in axis] for axis in rounded.tolist()]


def _texts(shapes: Any) -> list[list[Any]]:
    return [["" if text is None else text for text in shapely.to_wkt(shapes, rounding_precision=7)]]


def _table(rows: Any) -> bytes:
    content = io.StringIO()
    csv.writer(content, lineterminator="\r\n").writerows(rows)
    return content.getvalue().encode()


async def write_gml(writing: Writing) -> AsyncIterator[bytes]:
    """GML 3.2, as WFS has it, with the order of axes that the system's URN tells."""
    names = xml_names(writing.fields)
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0" '
        f'xmlns:gml="{gml.GML32.namespace}" xmlns:{PREFIX}="{NAMESPACE}" '
        'numberMatched="unknown" numberReturned="0">\n'
    ).encode()
    async for features in writing.batches:
        shapes = as_declared(features.shapes, writing.geometry_type)
        features = structs.replace(features, shapes=shapes)
        members = gml.write(features, writing.layer, names, writing.crs, gml.GML32, by_url=False)
        yield "".join(f"<wfs:member>{each}</wfs:member>\n" for each in members).encode()
    yield b"</wfs:FeatureCollection>\n"


async def write_kml(writing: Writing) -> AsyncIterator[bytes]:
    """KML 2.2: always in degrees, as its standard has it."""
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2">'
        f"<Document><name>{escape(writing.title)}</name>\n"
    ).encode()
    async for features in writing.batches:
        columns = [[gml.text_of(v) if v is not None else "" for v in values]
                   for values in features.values.values()]  # fmt: skip
        rows = zip(*columns, strict=True) if columns else [()] * len(features)
        for name, shape, row in zip(features.ids, features.shapes, rows, strict=True):
            yield _placemark(name, shape, dict(zip(features.values, row, strict=True))).encode()
    yield b"</Document></kml>\n"


def _placemark(name: str, shape: Any, values: dict[str, str]) -> str:
    data = "".join(
        f"<Data name={quoteattr(key)}><value>{value}</value></Data>"
        for key, value in values.items()
        if value
    )
    place = "" if shape is None else _kml_shape(shape)
    extended = f"<ExtendedData>{data}</ExtendedData>"
    return f"<Placemark><name>{escape(name)}</name>{extended}{place}</Placemark>\n"


def _kml_shape(shape: Any) -> str:
    if hasattr(shape, "geoms"):
        return f"<MultiGeometry>{''.join(_kml_shape(each) for each in shape.geoms)}</MultiGeometry>"
    if shape.geom_type == "Polygon":
        rings = [f"<outerBoundaryIs>{_kml_ring(shape.exterior)}</outerBoundaryIs>"]
        rings += [
            f"<innerBoundaryIs>{_kml_ring(each)}</innerBoundaryIs>" for each in shape.interiors
        ]
        return f"<Polygon>{''.join(rings)}</Polygon>"
    return f"<{shape.geom_type}>{_kml_corners(shape)}</{shape.geom_type}>"


def _kml_ring(ring: Any) -> str:
    return f"<LinearRing>{_kml_corners(ring)}</LinearRing>"


def _kml_corners(shape: Any) -> str:
    pairs = np.round(shapely.get_coordinates(shape), CRS84.digits).tolist()
    return f"<coordinates>{' '.join(f'{x},{y}' for x, y in pairs)}</coordinates>"
