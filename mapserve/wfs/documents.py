"""What WFS says of itself: capabilities, schemas of feature types, and stored queries."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from mapserve.drawing import WORLD, Layer
from mapserve.export.formats import FORMATS
from mapserve.features.crs import CRS84, LISTED
from mapserve.features.extents import Extent
from mapserve.wfs import fes
from mapserve.wfs.asking import GET_BY_ID, NEW, VERSIONS
from mapserve.wfs.gml import GML31, GML32
from mapserve.wfs.names import NAMESPACE, PREFIX, of_layer
from mapserve.wfs.querying import Call
from mapserve.wfs.systems import DEFAULT
from mapserve.wfs.transaction import Summary, may_write

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TYPES = {
    "string": "xsd:string",
    "integer": "xsd:long",
    "number": "xsd:double",
    "boolean": "xsd:boolean",
    "date": "xsd:date",
    "date-time": "xsd:dateTime",
}
_SHAPES = {"Point": "Point", "LineString": "MultiCurve", "Polygon": "MultiSurface"}
_SHAPES |= {"MultiPolygon": "MultiSurface"}
_FILES = tuple(each.media_type for each in FORMATS.values() if "gml" not in each.media_type)
NEW_FORMATS = ("application/gml+xml; version=3.2", "text/xml; subtype=gml/3.2", "application/json")
OLD_FORMATS = ("text/xml; subtype=gml/3.1.1", "application/json")


def capabilities(call: Call, layers: Sequence[tuple[Layer, Extent]]) -> bytes:
    """What there is, in the version of the call."""
    version = call.asked.version
    return _render(
        "capabilities.xml" if version == NEW else "capabilities_1_1_0.xml",
        version=version,
        versions=VERSIONS,
        city=call.city,
        root=call.root,
        url=f"{call.root}/wfs",
        layers=[(layer, extent.bounds or WORLD) for layer, extent in layers],
        systems=[each.urn for each in LISTED if each != DEFAULT.crs],
        crs84=CRS84.urn,
        default=DEFAULT.name,
        most=call.context.settings.max_page_features,
        formats=(*(NEW_FORMATS if version == NEW else OLD_FORMATS), *_FILES),
        operators=fes.OPERATORS,
        stored=GET_BY_ID,
        writes=may_write(call),
    )


def feature_types(call: Call, layers: Sequence[Layer]) -> bytes:
    """The schema of some layers."""
    is_new = call.asked.version == NEW
    location = "gml/3.2.1/gml.xsd" if is_new else "gml/3.1.1/base/gml.xsd"
    return _render(
        "schema.xml",
        gml=(GML32 if is_new else GML31).namespace,
        location=f"http://schemas.opengis.net/{location}",
        parent="gml:AbstractFeature" if is_new else "gml:_Feature",
        layers=[_described(layer) for layer in layers],
    )


def _described(layer: Layer) -> dict[str, Any]:
    names: Mapping[str, str] = of_layer(layer)
    columns = [(names[column.name], _TYPES[column.type]) for column in layer.source.columns]
    shape = _SHAPES.get(layer.source.geometry_type, "Geometry")
    return {"name": layer.name, "columns": columns, "shape": f"gml:{shape}PropertyType"}


def stored_queries(layers: Sequence[Layer], *, described: bool) -> bytes:
    """The stored queries: the one that all servers have."""
    template = "described_queries.xml" if described else "stored_queries.xml"
    return _render(template, stored=GET_BY_ID, layers=layers)


def transaction_response(summary: Summary, version: str) -> bytes:
    """What a transaction did."""
    return _render("transaction.xml", version=version, summary=summary)


def _render(template: str, **values: Any) -> bytes:
    common = {"prefix": PREFIX, "namespace": NAMESPACE}
    return _TEMPLATES.get_template(template).render(**common, **values).encode()
