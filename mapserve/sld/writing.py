"""Styles as SLD 1.0 (OGC 02-070), for GIS that read it."""

from collections.abc import Sequence
from typing import Any

from lxml import etree

from mapserve import classes
from mapserve.classes import LINE, POINT, Class
from mapserve.drawing import Layer
from mapserve.pictures.looks import StyleLayer
from mapserve.rules import TITLE, Rule, joined, rules_of, words
from mapserve.sld.drawing import symbolizer
from mapserve.sld.scales import MOST_ZOOM, denominator_of
from mapserve.sld.symbolizers import SHAPES
from mapserve.sld.telling import OGC, SLD, Told, condition
from mapserve.styles import Scene

MEDIA_TYPE = "application/vnd.ogc.sld+xml"
_TRUNCATED = "_truncated"
_OPERATORS = {
    "=": "PropertyIsEqualTo",
    ">=": "PropertyIsGreaterThanOrEqualTo",
    "<": "PropertyIsLessThan",
}


def describe(scene: Scene, layers: Sequence[Layer]) -> bytes:
    """Some layers, from below to above, each with its style; features are those of WFS."""
    return _document(
        [
            SLD.NamedLayer(
                SLD.Name(layer.name),
                _style(
                    scene.theme.name,
                    layer.title,
                    [[_rule_of_class(each) for each in classes.of_features(scene, layer)]]
                    if layer.looks is None
                    else _rules_of_looks(layer.looks),
                ),
            )
            for layer in layers
        ]
    )


def describe_pictures(
    layers: Sequence[tuple[Layer, Sequence[tuple[str, Sequence[StyleLayer]]]]],
) -> bytes:
    """Some layers as pictures draw them, each with its styles by name; the first is the default.

    Raises BadInput for a style that SLD has no words for.
    """
    return _document(
        [
            SLD.NamedLayer(
                SLD.Name(layer.name),
                *(
                    _style(name, layer.title, _rules_of_looks(looks), is_default=number == 0)
                    for number, (name, looks) in enumerate(styles)
                ),
            )
            for layer, styles in layers
        ]
    )


def _document(layers: Sequence[Told]) -> bytes:
    document = SLD.StyledLayerDescriptor(*layers, version="1.0.0")
    written: bytes = etree.tostring(
        document, encoding="UTF-8", xml_declaration=True, pretty_print=True
    )
    return written


def _style(
    name: str, title: str, rules: Sequence[Sequence[Told]], *, is_default: bool = False
) -> Told:
    default = [SLD.IsDefault("1")] if is_default else []
    # rules of one are drawn feature by feature: each layer of the style lies above the last
    types = [SLD.FeatureTypeStyle(*each) for each in rules if each]
    return SLD.UserStyle(SLD.Name(name), SLD.Title(title), *default, *types)


def _rules_of_looks(looks: Sequence[StyleLayer]) -> list[list[Told]]:
    """The rules of each layer of a style."""
    return [
        [told for rule in rules_of(look) for told in _rule(rule)]
        for look in looks
        # it tells how many features a tile has left out, and pictures leave none out
        if not str(look["source-layer"]).endswith(_TRUNCATED)
    ]


def _rule(rule: Rule) -> list[Told]:
    drawn = symbolizer(rule)
    if drawn is None:
        return []
    kind = rule.look["type"]
    conditions = [each for each in joined(rule.conditions) if each != SHAPES.get(kind)]
    title = rule.title or words(conditions)
    parts = [SLD.Name(rule.name or title), _title(rule, title)] if title else []
    if conditions:
        parts.append(OGC.Filter(condition(["all", *conditions])))
    if rule.high < MOST_ZOOM:
        parts.append(SLD.MinScaleDenominator(str(denominator_of(rule.high))))
    if rule.low > 0:
        parts.append(SLD.MaxScaleDenominator(str(denominator_of(rule.low))))
    return [SLD.Rule(*parts, drawn)]


def _title(rule: Rule, usual: str) -> Told:
    told = rule.look.get("metadata", {})
    others = {
        key.removeprefix(f"{TITLE}:"): each
        for key, each in told.items()
        if key.startswith(f"{TITLE}:")
    }
    return SLD.Title(usual, *(SLD.Localized(each, lang=lang) for lang, each in others.items()))


def _rule_of_class(each: Class) -> Any:
    parts = [SLD.Name(each.label), SLD.Title(each.label)]
    comparisons = [
        OGC(_OPERATORS[sign], OGC.PropertyName(name), OGC.Literal(str(value)))
        for name, sign, value in each.conditions
    ]
    if comparisons:
        joined = comparisons if len(comparisons) == 1 else [OGC.And(*comparisons)]
        parts.append(OGC.Filter(*joined))
    return SLD.Rule(*parts, _symbolizer_of(each))


def _symbolizer_of(each: Class) -> Any:
    fill, stroke = _fill(each), _stroke(each)
    if each.symbol == LINE:
        return SLD.LineSymbolizer(stroke)
    if each.symbol == POINT:
        mark = SLD.Mark(SLD.WellKnownName("circle"), *fill, stroke)
        return SLD.PointSymbolizer(SLD.Graphic(mark, SLD.Size(f"{each.size:g}")))
    return SLD.PolygonSymbolizer(*fill, stroke)


def _fill(each: Class) -> list[Any]:
    if each.fill is None:
        return []
    told = {"fill": each.fill, "fill-opacity": f"{each.fill_opacity:g}"}
    return [SLD.Fill(*(SLD.CssParameter(value, name=name) for name, value in told.items()))]


def _stroke(each: Class) -> Any:
    told = {"stroke": each.edge, "stroke-width": f"{each.edge_width:g}"}
    return SLD.Stroke(*(SLD.CssParameter(value, name=name) for name, value in told.items()))
