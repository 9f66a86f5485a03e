"""Styles as SLD 1.0 (OGC 02-070), for GIS that read it, from the classes of all other looks."""

from collections.abc import Sequence
from typing import Any

from lxml import etree
from lxml.builder import ElementMaker

from mapserve import classes
from mapserve.classes import LINE, POINT, Class
from mapserve.drawing import Layer
from mapserve.styles import Scene

MEDIA_TYPE = "application/vnd.ogc.sld+xml"
_SPACES = {
    None: "http://www.opengis.net/sld",
    "ogc": "http://www.opengis.net/ogc",
    "xlink": "http://www.w3.org/1999/xlink",
}
_SLD = ElementMaker(namespace=_SPACES[None], nsmap=_SPACES)
_OGC = ElementMaker(namespace=_SPACES["ogc"], nsmap=_SPACES)
_OPERATORS = {
    "=": "PropertyIsEqualTo",
    ">=": "PropertyIsGreaterThanOrEqualTo",
    "<": "PropertyIsLessThan",
}


def describe(scene: Scene, layers: Sequence[Layer]) -> bytes:
    """Some layers, from below to above, each with its style; features are those of WFS."""
    document = _SLD.StyledLayerDescriptor(
        *(_layer(scene, layer) for layer in layers), version="1.0.0"
    )
    written: bytes = etree.tostring(
        document, encoding="UTF-8", xml_declaration=True, pretty_print=True
    )
    return written


def _layer(scene: Scene, layer: Layer) -> Any:
    rules = [_rule(each) for each in classes.of_features(scene, layer)]
    return _SLD.NamedLayer(
        _SLD.Name(layer.name),
        _SLD.UserStyle(
            _SLD.Name(scene.theme.name),
            _SLD.Title(layer.title),
            _SLD.FeatureTypeStyle(*rules),
        ),
    )


def _rule(each: Class) -> Any:
    parts = [_SLD.Name(each.label), _SLD.Title(each.label)]
    comparisons = [
        _OGC(_OPERATORS[sign], _OGC.PropertyName(name), _OGC.Literal(str(value)))
        for name, sign, value in each.conditions
    ]
    if comparisons:
        joined = comparisons if len(comparisons) == 1 else [_OGC.And(*comparisons)]
        parts.append(_OGC.Filter(*joined))
    return _SLD.Rule(*parts, _symbolizer(each))


def _symbolizer(each: Class) -> Any:
    fill, stroke = _fill(each), _stroke(each)
    if each.symbol == LINE:
        return _SLD.LineSymbolizer(stroke)
    if each.symbol == POINT:
        mark = _SLD.Mark(_SLD.WellKnownName("circle"), *fill, stroke)
        return _SLD.PointSymbolizer(_SLD.Graphic(mark, _SLD.Size(f"{each.size:g}")))
    return _SLD.PolygonSymbolizer(*fill, stroke)


def _fill(each: Class) -> list[Any]:
    if each.fill is None:
        return []
    told = {"fill": each.fill, "fill-opacity": f"{each.fill_opacity:g}"}
    return [_SLD.Fill(*(_SLD.CssParameter(value, name=name) for name, value in told.items()))]


def _stroke(each: Class) -> Any:
    told = {"stroke": each.edge, "stroke-width": f"{each.edge_width:g}"}
    return _SLD.Stroke(*(_SLD.CssParameter(value, name=name) for name, value in told.items()))
