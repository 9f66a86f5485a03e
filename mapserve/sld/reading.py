"""Styles of SLD 1.0 (OGC 02-070) and SLD 1.1 with SE 1.1 (05-078r4, 05-077r4), as MapLibre layers.

They become the declared subset of that language that pictures, tiles and legends are drawn from.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from lxml import etree
from msgspec import Struct

from mapserve.drawing import Layer
from mapserve.features import hexagons
from mapserve.features.source import Column
from mapserve.rules import NAME, TITLE
from mapserve.sld import symbolizers
from mapserve.sld.elements import check_names, child, children, every, kind, text, wrong
from mapserve.sld.expressions import Reader, number
from mapserve.sld.filters import filter_of
from mapserve.sld.scales import ZOOM_ZERO, zoom_of
from mapserve.sld.symbolizers import StyleLayer
from mapserve.wfs.names import xml_names

_VERSIONS = ("1.0", "1.1")
_DEEPEST = 60
_MOST_NOTES = 2000
_PLAIN = " ,;:.!?'()/=<>[]{}#&+-_"
_KINDS = {
    "Point": "Point",
    "MultiPoint": "Point",
    "LineString": "LineString",
    "MultiLineString": "LineString",
    "Polygon": "Polygon",
    "MultiPolygon": "Polygon",
}
_WORDS = ("Name", "Title", "Abstract", "Description", "VendorOption")
_OF_STYLES = (*_WORDS, "IsDefault", "FeatureTypeStyle")
_OF_TYPES = (
    *(*_WORDS, "FeatureTypeName", "SemanticTypeIdentifier", "Rule"),
    *("Transformation", "OnlineResource"),
)
_OF_RULES = (
    *(*_WORDS, "LegendGraphic", "Filter", "ElseFilter"),
    *("MinScaleDenominator", "MaxScaleDenominator"),
    *("PointSymbolizer", "LineSymbolizer", "PolygonSymbolizer", "TextSymbolizer"),
    "RasterSymbolizer",
)


class Named(Struct, frozen=True):
    """What a document says of a layer: its own styles (`UserStyle`), or the name of a known one."""

    layer: str
    styles: list[Any]
    known: str = ""
    constraints: Any = None
    """`LayerFeatureConstraints`, which limit its features."""


class Read(Struct, frozen=True):
    """The layers of a MapLibre style, and what of the document is drawn in another way."""

    layers: list[StyleLayer]
    notes: list[str]


def notes_header(notes: Sequence[str]) -> dict[str, str]:
    """What is drawn in another way, as a header: of letters that headers may have."""
    told = quote(" ".join(notes), safe=_PLAIN)[:_MOST_NOTES]
    return {"X-Style-Notes": told} if told else {}


class _Rule(Struct, frozen=True):
    """A rule: its element, condition, and the zooms at which it holds, the last excluded."""

    element: Any
    filter: Any
    low: float
    high: float
    is_else: bool = False


def named_layers(root: Any) -> list[Named]:
    """The layers that a document names, from below to above. Raises BadInput that says where."""
    _check_depth(root)
    if kind(root) != "StyledLayerDescriptor":
        raise wrong("The document is no StyledLayerDescriptor", root)
    if not root.get("version", _VERSIONS[0]).startswith(_VERSIONS):
        raise wrong("SLD is read in the versions 1.0.0 and 1.1.0", root)
    check_names(root, (*_WORDS, "NamedLayer", "UserLayer"))
    for each in every(root, "UserLayer"):
        raise wrong("Features are those of the server's own layers: NamedLayer names one", each)
    return [_named(each) for each in every(root, "NamedLayer")]


def _check_depth(root: Any) -> None:
    """Expressions are evaluated by recursion, which ends somewhere."""
    depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > _DEEPEST:
            raise wrong("The document is nested too deeply", element)


def _named(element: Any) -> Named:
    known = ("LayerFeatureConstraints", "NamedStyle", "UserStyle")
    check_names(element, (*_WORDS, *known))
    name = text(child(element, "Name")).rpartition(":")[2]
    if not name:
        raise wrong("A NamedLayer has a Name", element)
    return Named(
        name,
        every(element, "UserStyle"),
        text(child(child(element, "NamedStyle"), "Name")) if every(element, "NamedStyle") else "",
        child(element, "LayerFeatureConstraints"),
    )


def name_of(style: Any) -> str:
    """The name of a style of one's own."""
    return text(child(style, "Name"))


def is_default(style: Any) -> bool:
    """Whether it says that it is what is drawn unless another is named."""
    return text(child(style, "IsDefault")).lower() in ("1", "true")


def reader_for(layer: Layer, zone: ZoneInfo, zoom_zero: float = ZOOM_ZERO) -> Reader:
    """How a document about a layer is understood: properties by their own and their XML names."""
    columns: Sequence[Column] = layer.source.columns
    if _is_mixed(layer):
        columns = (*columns, *hexagons.SOURCE.columns)
    names = xml_names(column.name for column in columns)
    types = {column.name: (column.name, column.type) for column in columns}
    return Reader(
        {**{xml: types[name] for name, xml in names.items()}, **types}, zone, [], zoom_zero
    )


def _is_mixed(layer: Layer) -> bool:
    """Whether a layer is points here and hexagons there."""
    return layer.name == "requests"


def read_named(
    named: Named, style: Any, layer: Layer, zone: ZoneInfo, zoom_zero: float = ZOOM_ZERO
) -> Read:
    """A style of one's own for a layer, with what limits its features. Raises BadInput."""
    reader = reader_for(layer, zone, zoom_zero)
    limits = [] if named.constraints is None else _constraints(reader, named.constraints)
    made = [
        each | {"filter": ["all", *limits, *([each["filter"]] if "filter" in each else [])]}
        if limits
        else each
        for each in _style(reader, style, layer)
    ]
    return Read(made, reader.notes)


def read(root: Any, layer: Layer, zone: ZoneInfo) -> Read:
    """The style for a layer in a document: that for its name, or else the first. Raises BadInput.

    A document may also be a `UserStyle` or `FeatureTypeStyle` alone.
    """
    if kind(root) in ("UserStyle", "FeatureTypeStyle"):
        _check_depth(root)
        reader = reader_for(layer, zone)
        is_style = kind(root) == "UserStyle"
        made = _style(reader, root, layer) if is_style else _type_style(reader, root, layer)
        return Read(_required(made, root), reader.notes)
    told = [each for each in named_layers(root) if each.styles]
    named = next((each for each in told if each.layer == layer.name), told[0] if told else None)
    if named is None:
        raise wrong("The document has no UserStyle", root)
    return read_named(named, chosen(named), layer, zone)


def chosen(named: Named, name: str = "") -> Any:
    """Of styles of one's own that of a name, or the one that is drawn by default; None if none."""
    if name:
        return next((each for each in named.styles if name_of(each) == name), None)
    preferred = [each for each in named.styles if is_default(each)]
    return next(iter([*preferred, *named.styles]), None)


def _constraints(reader: Reader, element: Any) -> list[Any]:
    check_names(element, ("FeatureTypeConstraint",))
    found = []
    for each in every(element, "FeatureTypeConstraint"):
        check_names(each, ("FeatureTypeName", "Filter", "Extent"))
        if (condition := child(each, "Filter")) is not None:
            found.append(filter_of(reader, condition))
    return found


def _style(reader: Reader, style: Any, layer: Layer) -> list[StyleLayer]:
    check_names(style, _OF_STYLES)
    types = every(style, "FeatureTypeStyle")
    made = [one for each in types for one in _type_style(reader, each, layer)]
    return _required(made, style)


def _required(made: list[StyleLayer], element: Any) -> list[StyleLayer]:
    if not made:
        raise wrong("Nothing of this style draws something", element)
    return made


def _type_style(reader: Reader, element: Any, layer: Layer) -> list[StyleLayer]:
    check_names(element, _OF_TYPES)
    for name in ("Transformation", "OnlineResource"):
        if (found := child(element, name)) is not None:
            raise wrong("Styles are read from the document alone", found)
    rules = [_rule(reader, each) for each in every(element, "Rule")]
    options = {each.get("name"): text(each) for each in every(element, "VendorOption")}
    # GeoServer's way of having each feature drawn by one rule alone
    is_first_only = options.get("ruleEvaluation") == "first"
    made = []
    for place, rule in enumerate(rules):
        others = [each for each in rules if not each.is_else] if rule.is_else else []
        if is_first_only and not rule.is_else:
            others = [each for each in rules[:place] if not each.is_else]
        for part in _parts(rule, others):
            made += _layers_of(reader, part, layer)
    return made


def _rule(reader: Reader, element: Any) -> _Rule:
    check_names(element, _OF_RULES)
    condition = child(element, "Filter")
    found = None if condition is None else filter_of(reader, condition)
    least, most = (_scale(reader, child(element, name)) for name in _OF_RULES[8:10])
    low = 0.0 if most is None else zoom_of(most, reader.zoom_zero)
    high = _ALWAYS if least is None else zoom_of(least, reader.zoom_zero)
    is_else = child(element, "ElseFilter") is not None
    return _Rule(element, found, low, high, is_else)


_ALWAYS = float("inf")


def _scale(reader: Reader, element: Any) -> float | None:
    if element is None:
        return None
    found = number(reader, element)
    if not isinstance(found, int | float) or found < 0:
        raise wrong("A scale is a number above 0", element)
    return found or None


def _parts(rule: _Rule, others: Sequence[_Rule]) -> list[_Rule]:
    """A rule without what some others are for: which of those there are hangs on the scale."""
    ends = {zoom for each in others for zoom in (each.low, each.high)}
    inner = sorted(zoom for zoom in ends if rule.low < zoom < rule.high)
    bounds = [rule.low, *inner, rule.high]
    parts = []
    for low, high in pairwise(bounds):
        there = [each.filter for each in others if each.low < high and each.high > low]
        if None not in there:
            own = [] if rule.filter is None else [rule.filter]
            found = [*own, *([["!", ["any", *there]]] if there else [])]
            joined = found[0] if len(found) == 1 else ["all", *found] if found else None
            parts.append(_Rule(rule.element, joined, low, high))
    return parts


def _layers_of(reader: Reader, rule: _Rule, layer: Layer) -> list[StyleLayer]:
    common: StyleLayer = {"source": layer.name, "source-layer": layer.name}
    common |= {"minzoom": rule.low} if rule.low else {}
    common |= {} if rule.high == _ALWAYS else {"maxzoom": rule.high}
    told = _words(rule.element)
    common |= {"metadata": told} if any(told.values()) else {}
    shape = "Geometry" if _is_mixed(layer) else _KINDS.get(layer.source.geometry_type, "Geometry")
    made = []
    for each in children(rule.element):
        if kind(each).endswith("Symbolizer"):
            for drawn in symbolizers.layers_of(reader, each, shape):
                filters = [one for one in (rule.filter, drawn.get("filter")) if one is not None]
                joined = {"filter": filters[0] if len(filters) == 1 else ["all", *filters]}
                made.append({**common, **drawn, **(joined if filters else {})})
    return [_named_at(each, layer) for each in made]


def _named_at(drawn: StyleLayer, layer: Layer) -> StyleLayer:
    """Names of what has points for them are written there."""
    if layer.has_labels and "text-field" in drawn.get("layout", {}):
        return drawn | {"source-layer": f"{layer.name}_labels"}
    return drawn


def _words(element: Any) -> dict[str, str]:
    """Name and title of a rule; GeoServer has titles in several languages in one element."""
    description = child(element, "Description")
    title = child(element if description is None else description, "Title")
    name = text(child(element, "Name"))
    if title is None:
        return {NAME: name, TITLE: name}
    usual = "".join([title.text or "", *(each.tail or "" for each in title)]).strip()
    others = {f"{TITLE}:{each.get('lang', '')}": text(each) for each in every(title, "Localized")}
    return {NAME: name, TITLE: usual or name, **others}
