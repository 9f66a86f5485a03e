"""Styles told as SLD: read back they choose the same features, and draw them alike."""

from collections.abc import Iterator
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from lxml import etree
from msgspec import structs

from mapserve import xml_reading
from mapserve.pictures.expressions import Scope, colour, evaluate, label
from mapserve.pictures.painting import is_shown
from mapserve.rules import rules_of, words
from mapserve.sld import reading, writing
from mapserve.sld.symbolizers import SHAPES
from mapserve.styles import Scene
from mapserve.themes import LIGHT
from open311.errors import BadInput
from tests.unit.sld_documents import CIRCLE, clinics, compare, read_rule

SPACE = {"s": "http://www.opengis.net/sld", "ogc": "http://www.opengis.net/ogc"}
FEATURES: list[dict[str, Any]] = [
    {},
    {"name": "Khayelitsha", "beds": 7, "area": 2.5, "is open": True},
    {"name": "Gugulethu", "beds": 10, "is open": False},
    {"name": "K*a", "beds": 0, "area": 100.0},
    {"name": "", "area": -3.0},
]


def layer(kind: str, paint: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": kind, "source": "clinics", "source-layer": "clinics", "paint": paint, **more}


def circle(**more: Any) -> dict[str, Any]:
    return layer("circle", {"circle-color": "#ff0000"}, **more)


def read_back(look: dict[str, Any], shape: str) -> list[dict[str, Any]]:
    told = writing.describe_pictures([(clinics(shape), [("own", [look])])])
    return reading.read(xml_reading.parse(told, 10**6), clinics(shape), ZoneInfo("UTC")).layers


def drawn(looks: list[dict[str, Any]], scope: Scope) -> Iterator[tuple[Any, ...]]:
    """What is drawn of a feature: colours as they are painted, with their opacity."""
    for look in looks:
        if not (is_shown(look, scope.zoom) and evaluate(look.get("filter", True), scope)):
            continue
        kind = look["type"]
        if kind != "symbol" and not evaluate(SHAPES[kind], scope):
            continue
        values = {**look["paint"], **look.get("layout", {})}
        text = label(values["text-field"], scope) if "text-field" in values else None
        found = {key: evaluate(each, scope) for key, each in values.items()}
        for name in [name for name in found if name.endswith("-color")]:
            opacity = found.pop(name.replace("color", "opacity"), 1)
            *mixed, alpha = colour(found[name])
            found[name] = [*mixed, alpha * opacity]
        yield kind, text, {name: found.get(name, usual) for name, usual in USUAL[kind].items()}


USUAL: dict[str, dict[str, Any]] = {
    "circle": {
        "circle-color": None, "circle-radius": 5, "circle-stroke-width": 0,
    },
    "line": {
        "line-color": None, "line-width": 1, "line-cap": "butt", "line-join": "miter",
        "line-dasharray": None,
    },
    "fill": {"fill-color": None},
    "symbol": {
        "text-color": None, "text-size": 16, "text-halo-width": 0, "text-anchor": "center",
        "text-offset": [0, 0], "text-allow-overlap": False, "icon-image": None,
    },
}  # fmt: skip
GET = {name: ["get", name] for name in ("name", "beds", "area", "is open")}
LOOKS = [
    circle(),
    circle(minzoom=8.25, maxzoom=12),
    circle(filter=["==", GET["name"], "Gugulethu"]),
    circle(filter=["!=", GET["beds"], 7]),
    circle(filter=["all", ["has", "beds"], ["!=", GET["beds"], 7]]),
    circle(filter=["any", ["<", GET["area"], 0], ["!", ["has", "area"]]]),
    circle(filter=["!", ["all", [">=", GET["beds"], 7], ["<=", GET["beds"], 9]]]),
    circle(filter=["in", GET["name"], ["literal", ["Gugulethu", "K*a"]]]),
    circle(filter=["in", "uleth", GET["name"]]),
    circle(filter=["==", ["slice", GET["name"], 0, 2], "K*"]),
    circle(filter=["all", ["has", "name"], ["==", ["slice", GET["name"], -1], "a"]]),
    circle(filter=["==", ["downcase", GET["name"]], "gugulethu"]),
    circle(filter=["match", GET["name"], ["Gugulethu", "K*a"], True, False]),
    circle(filter=["==", GET["is open"], True]),
    circle(filter=[">", ["+", GET["beds"], GET["area"], 1], 5]),
    circle(filter=["step", ["zoom"], False, 10, True]),
    layer(
        "circle",
        {
            "circle-color": ["match", GET["name"], "Gugulethu", "red", ["K*a", ""], "blue", "lime"],
            "circle-radius": ["match", GET["name"], "Gugulethu", 2, ["K*a", ""], 4, 6],
            "circle-opacity": ["case", ["has", "area"], 0.5, 1],
            "circle-stroke-color": "#00000080",
            "circle-stroke-width": 2,
        },
    ),
    layer(
        "circle",
        {
            "circle-color": ["step", GET["beds"], "#111111", 5, "#222222", 10, "#333333"],
            "circle-radius": ["interpolate", ["linear"], ["zoom"], 8, 2, 12, 10],
        },
    ),
    layer("circle", {"circle-color": "red", "circle-radius": ["+", ["get", "beds"], 1]}),
    layer(
        "line",
        {
            "line-color": "rgba(0, 0, 255, 0.5)",
            "line-width": ["step", ["zoom"], 1, 10, 3],
            "line-dasharray": [2, 1],
        },
        layout={"line-cap": "round", "line-join": "bevel"},
    ),
    layer("line", {"line-color": "red"}, filter=["==", ["geometry-type"], "LineString"]),
    layer(
        "fill",
        {
            "fill-color": [
                *("interpolate", ["linear"], ["to-number", GET["area"], 0]),
                *(0, "#000000", 100, "#ffffff"),
            ],
            "fill-opacity": ["interpolate", ["exponential", 2], ["zoom"], 8, 0, 12, 1],
        },
    ),
    layer(
        "symbol",
        {"text-color": "navy", "text-halo-color": "#fff", "text-halo-width": 1.5},
        layout={
            "text-field": "{name} has {beds}", "text-size": 10, "text-anchor": "bottom-left",
            "text-offset": [0.5, -0.25], "text-allow-overlap": True,
        },
    ),
    layer(
        "symbol", {"text-color": "navy"},
        layout={"text-field": ["concat", ["upcase", GET["name"]], "  ", GET["beds"], " {x}"]},
    ),
    layer("symbol", {"text-color": "navy"}, layout={
        "text-field": ["case", ["has", "name"], GET["name"], "\u2603"]}),
]  # fmt: skip


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: str(look.get("filter", look["type"])))
@pytest.mark.parametrize("shape", ["Geometry", "Point", "LineString", "Polygon"])
def test_read_back_it_is_the_same(look: dict[str, Any], shape: str) -> None:
    shapes = ("Point", "LineString", "Polygon") if shape == "Geometry" else (shape,)
    fitting = [
        s
        for s in shapes
        if look["type"] == "symbol" or evaluate(SHAPES[look["type"]], Scope(9, {}, s))
    ]
    if not fitting:
        return
    found = read_back(look, shape)
    for properties, zoom, each in product(FEATURES, (7, 8.5, 9.5, 10, 12, 15), fitting):
        try:
            scope = Scope(zoom, properties, each)
            usual = list(drawn([look], scope))
        except (TypeError, AttributeError):
            # what is not there has no letters: it is not drawn
            continue
        assert told(drawn(found, scope)) == told(usual), (properties, zoom)


def told(each: Any) -> Any:
    """Numbers to so many digits: opacities are multiplied in another order."""
    if isinstance(each, float | int) and not isinstance(each, bool):
        return round(each, 2)
    if isinstance(each, dict):
        return {key: told(value) for key, value in each.items()}
    if isinstance(each, str) or each is None or isinstance(each, bool):
        return each
    return [told(value) for value in each]


@pytest.mark.parametrize("pattern", ["A*", "*a", "*it*", "K*a", "K\\*a*"])
def test_patterns_are_told_as_such(pattern: str) -> None:
    """Other programs know no slices of texts."""
    marks = 'wildCard="*" singleChar="?" escapeChar="\\"'
    like = compare("Like", "name", pattern, marks)
    both = f"<ogc:And>{compare('LessThan', 'beds', '9')}{like}</ogc:And>"
    (look,) = read_rule(f"<ogc:Filter>{both}</ogc:Filter>{CIRCLE}")
    root = etree.fromstring(writing.describe_pictures([(clinics(), [("own", [look])])]))
    (found,) = root.findall(".//ogc:PropertyIsLike", SPACE)
    assert found.findtext("ogc:Literal", "", SPACE) == pattern
    assert len(root.findall(".//ogc:And/*", SPACE)) == 2
    again = read_back(look, "Point")[0]["filter"]
    for feature in FEATURES:
        assert evaluate(again, Scope(9, feature)) == evaluate(look["filter"], Scope(9, feature))


def test_scales_and_filters_as_sld_has_them() -> None:
    look = circle(minzoom=10, maxzoom=12, filter=["all", [">=", GET["beds"], 5], ["has", "name"]])
    root = etree.fromstring(writing.describe_pictures([(clinics(), [("own", [look])])]))
    (rule,) = root.findall(".//s:Rule", SPACE)
    kinds = [each.tag.rpartition("}")[2] for each in rule]
    assert kinds == [
        "Name", "Title", "Filter", "MinScaleDenominator", "MaxScaleDenominator", "PointSymbolizer",
    ]  # fmt: skip
    # QGIS reads whole numbers only
    scales = [rule.findtext(f"s:{each}ScaleDenominator", "", SPACE) for each in ("Min", "Max")]
    assert scales == ["68248", "272990"]
    assert rule.findtext("s:Title", "", SPACE) == "beds \u2265 5, name known"
    assert len(rule.findall("ogc:Filter/ogc:And/*", SPACE)) == 2


def test_names_of_rules_are_kept() -> None:
    look = circle(metadata={"open311:rule": "big", "open311:title": "Large clinics"})
    (read,) = read_back(look, "Point")
    assert read["metadata"] == look["metadata"]


def test_a_style_of_ones_own_is_told_where_features_are() -> None:
    own = structs.replace(clinics(), looks=[circle()])
    root = etree.fromstring(writing.describe(Scene(LIGHT, 12, {}), [own]))
    assert [each.text for each in root.findall(".//s:CssParameter", SPACE)] == ["#ff0000"]


def test_what_sld_has_no_words_for_is_refused() -> None:
    size = ["interpolate", ["exponential", 2], GET["beds"], 0, 1, 10, 5]
    with pytest.raises(BadInput, match="interpolate"):
        read_back(layer("circle", {"circle-color": "red", "circle-radius": size}), "Point")
    choices = ["match", GET["name"], *(part for n in range(1200) for part in (str(n), n)), 0]
    with pytest.raises(BadInput, match="more than 1000 rules"):
        read_back(layer("circle", {"circle-radius": choices}), "Point")


def test_rules_at_a_zoom() -> None:
    look = layer("circle", {"circle-radius": ["interpolate", ["linear"], ["zoom"], 8, 2, 12, 10]})
    (rule,) = rules_of(look, 9)
    assert rule.look["paint"]["circle-radius"] == 4
    assert len(rules_of(look)) == 9 + 1
    assert rules_of(circle(minzoom=10), 9) == []
    assert words([["!", ["in", GET["name"], ["literal", ["a", 5]]]]]) == "not (in(name, a or 5))"
