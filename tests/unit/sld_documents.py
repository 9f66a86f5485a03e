"""Documents of SLD for tests, about a layer of clinics, and what they become."""

from typing import Any
from zoneinfo import ZoneInfo

from msgspec import structs

from mapserve import xml_reading
from mapserve.drawing import Layer
from mapserve.features import published
from mapserve.features.source import FieldType
from mapserve.layers import LAYERS
from mapserve.pictures.expressions import Scope, check, evaluate
from mapserve.sld import reading
from mapserve.sld.reading import Read

FIELDS: dict[str, FieldType] = {
    "name": "string", "beds": "integer", "area": "number", "is open": "boolean",
    "built": "date", "seen": "date-time",
}  # fmt: skip
SPACES = (
    'xmlns="http://www.opengis.net/sld" xmlns:ogc="http://www.opengis.net/ogc" '
    'xmlns:se="http://www.opengis.net/se" xmlns:gml="http://www.opengis.net/gml"'
)
CIRCLE = "<PointSymbolizer><Graphic><Mark><WellKnownName>circle</WellKnownName>"
CIRCLE += "<Fill/></Mark></Graphic></PointSymbolizer>"
BEDS = "<ogc:PropertyName>beds</ogc:PropertyName>"


def clinics(shape: str = "Point") -> Layer:
    source = published.source("clinics", shape, FIELDS, (18, -34, 19, -33))
    return structs.replace(LAYERS["hexes"], name="clinics", source=source)


def document(rules: str) -> str:
    return (
        f'<StyledLayerDescriptor version="1.0.0" {SPACES}><NamedLayer><Name>clinics</Name>'
        f"<UserStyle><FeatureTypeStyle>{rules}</FeatureTypeStyle></UserStyle></NamedLayer>"
        "</StyledLayerDescriptor>"
    )


def read(text: str, shape: str = "Point") -> Read:
    root = xml_reading.parse(text.encode(), 100_000)
    found = reading.read(root, clinics(shape), ZoneInfo("Africa/Johannesburg"))
    for layer in found.layers:
        paint = {**layer.get("paint", {}), "line-dasharray": None}
        for part in (layer.get("filter"), *paint.values()):
            check(part, "here")
    return found


def read_rule(content: str, shape: str = "Point") -> list[dict[str, Any]]:
    return read(document(f"<Rule>{content}</Rule>"), shape).layers


def compare(operator: str, name: str, literal: str, more: str = "") -> str:
    return (
        f"<ogc:PropertyIs{operator} {more}><ogc:PropertyName>{name}</ogc:PropertyName>"
        f"<ogc:Literal>{literal}</ogc:Literal></ogc:PropertyIs{operator}>"
    )


def paint(symbolizer: str, shape: str = "Point", /, **properties: Any) -> dict[str, Any]:
    """All paint and layout properties of what a symbolizer becomes, for a feature."""
    found = {}
    for layer in read_rule(symbolizer, shape):
        found |= layer["paint"] | layer.get("layout", {})
    return {name: evaluate(each, Scope(12, properties)) for name, each in found.items()}


def graphic(content: str) -> str:
    return f"<PointSymbolizer><Graphic>{content}</Graphic></PointSymbolizer>"


def fill(value: str) -> str:
    named = f'<se:SvgParameter name="fill">{value}</se:SvgParameter>'
    return f"<PolygonSymbolizer><se:Fill>{named}</se:Fill></PolygonSymbolizer>"


def stroke(*told: tuple[str, str]) -> str:
    named = "".join(f'<CssParameter name="{name}">{value}</CssParameter>' for name, value in told)
    return f"<LineSymbolizer><Stroke>{named}</Stroke></LineSymbolizer>"
