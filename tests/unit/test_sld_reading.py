"""Styles of SLD and SE as layers of a MapLibre style: what they become, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapserve import xml_reading
from mapserve.pictures.expressions import Scope, evaluate
from mapserve.rules import NAME, TITLE
from mapserve.sld import reading
from open311.errors import BadInput
from tests.unit.sld_documents import (
    BEDS,
    CIRCLE,
    SPACES,
    compare,
    document,
    fill,
    graphic,
    paint,
    read,
    read_rule,
    stroke,
)

LOOKUP = f"<se:LookupValue>{BEDS}</se:LookupValue>"


def test_an_edge_is_half_within_a_mark() -> None:
    mark = (
        '<Mark><WellKnownName>circle</WellKnownName><Fill><CssParameter name="fill">#ff0000'
        '</CssParameter></Fill><Stroke><CssParameter name="stroke-width">2</CssParameter></Stroke>'
        "</Mark><Opacity>0.5</Opacity><Size>10</Size>"
    )
    told = paint(graphic(mark))
    assert (told["circle-radius"], told["circle-stroke-width"]) == (4, 2)
    assert (told["circle-color"], told["circle-opacity"]) == ("#ff0000", 0.5)
    assert (told["circle-stroke-color"], told["circle-stroke-opacity"]) == ("#000000", 0.5)
    ring = paint(graphic("<Mark><Stroke/></Mark>"))
    assert (ring["circle-opacity"], ring["circle-radius"]) == (0, 2.5)


def test_sizes_by_a_property() -> None:
    size = f"<Size><ogc:Div>{BEDS}<ogc:Literal>2</ogc:Literal></ogc:Div></Size>"
    mark = "<Mark><WellKnownName>circle</WellKnownName><Fill/></Mark>"
    assert paint(graphic(mark + size), beds=20)["circle-radius"] == 5
    text = "<Size><ogc:PropertyName>name</ogc:PropertyName></Size>"
    assert paint(graphic(mark + text), name="12")["circle-radius"] == 6
    assert paint(graphic(mark + text), name="Khaya")["circle-radius"] == 0


def test_lines() -> None:
    told = paint(
        stroke(
            ("stroke-width", "2"), ("stroke-dasharray", "4 2 1"), ("stroke-linejoin", "mitre"),
            ("stroke-linecap", "round"),
        ),
        "LineString",
    )  # fmt: skip
    # MapLibre counts in widths, and an odd number of dashes goes on with gaps
    assert told["line-dasharray"] == [2, 1, 0.5, 2, 1, 0.5]
    assert (told["line-color"], told["line-cap"], told["line-join"]) == (
        "#000000", "round", "miter",
    )  # fmt: skip
    assert read_rule(stroke(), "MultiPolygon")[0]["type"] == "line"


def test_names() -> None:
    told = read_rule(
        "<TextSymbolizer><Label>\n  <ogc:PropertyName>name</ogc:PropertyName> has {"
        f"{BEDS}}}\n</Label><Font><CssParameter name='font-size'>20</CssParameter></Font>"
        "<LabelPlacement><PointPlacement><AnchorPoint><AnchorPointX>1</AnchorPointX><AnchorPointY>"
        "0</AnchorPointY></AnchorPoint><Displacement><DisplacementX>5</DisplacementX>"
        "<DisplacementY>10</DisplacementY></Displacement></PointPlacement></LabelPlacement>"
        "<Halo><Radius>2</Radius><Fill><CssParameter name='fill'>#ff0000</CssParameter>"
        "<CssParameter name='fill-opacity'>0.5</CssParameter></Fill></Halo><Fill>"
        "<CssParameter name='fill'>blue</CssParameter></Fill>"
        "<VendorOption name='conflictResolution'>false</VendorOption></TextSymbolizer>"
    )[0]
    layout = told["layout"]
    properties = {"name": "Khaya", "beds": 7}
    assert evaluate(layout["text-field"], Scope(12, properties)) == "Khaya has {7}"
    assert (layout["text-anchor"], layout["text-offset"]) == ("bottom-right", [0.25, -0.5])
    assert layout["text-allow-overlap"] is True
    assert told["paint"] == {
        "text-color": "blue", "text-halo-color": "rgba(255,0,0,0.5)", "text-halo-width": 2,
    }  # fmt: skip


def test_scales_are_zooms_of_tiles_of_512_pixels() -> None:
    scales = "<MinScaleDenominator>17471.3207509</MinScaleDenominator>"
    scales += "<MaxScaleDenominator>279541132.014</MaxScaleDenominator>"
    (layer,) = read_rule(scales + CIRCLE)
    assert "minzoom" not in layer
    assert layer["maxzoom"] == pytest.approx(13.965784, abs=1e-6)
    (layer,) = read_rule("<MaxScaleDenominator>34942.641502</MaxScaleDenominator>" + CIRCLE)
    assert layer["minzoom"] == pytest.approx(12.965784, abs=1e-6)


def test_the_rest_is_what_no_other_rule_is_for_at_that_scale() -> None:
    beds = f"<ogc:Filter>{compare('LessThan', 'beds', '5')}</ogc:Filter>"
    near = f"<Rule>{beds}<MaxScaleDenominator>34942.641502</MaxScaleDenominator>{CIRCLE}</Rule>"
    rest = f"<Rule><ElseFilter/>{CIRCLE}</Rule>"
    _, far, close = read(document(near + rest)).layers
    assert (far["maxzoom"], "filter" in far) == (close["minzoom"], False)
    assert evaluate(close["filter"], Scope(14, {"beds": 9})) is True
    assert evaluate(close["filter"], Scope(14, {"beds": 4})) is False
    assert evaluate(close["filter"], Scope(14, {})) is True
    everything = f"<Rule>{CIRCLE}</Rule>"
    assert len(read(document(everything + rest)).layers) == 1


def test_the_first_rule_alone_as_geoserver_has_it() -> None:
    few, more = (
        f"<Rule><ogc:Filter>{compare('LessThan', 'beds', each)}</ogc:Filter>{CIRCLE}</Rule>"
        for each in ("5", "10")
    )
    first = '<VendorOption name="ruleEvaluation">first</VendorOption>'
    for text, drawn in ((few + more, 2), (few + more + first, 1)):
        held = [
            evaluate(each["filter"], Scope(9, {"beds": 3})) for each in read(document(text)).layers
        ]
        assert sum(held) == drawn
    rest = read(document(few + more + f"<Rule>{CIRCLE}</Rule>" + first)).layers[-1]
    assert [evaluate(rest["filter"], Scope(9, {"beds": each})) for each in (3, 7, 12)] == [0, 0, 1]


def test_a_style_for_whatever_features_as_geoserver_has_it() -> None:
    def where(function: str, literal: str) -> str:
        told = f"{function}<ogc:Literal>{literal}</ogc:Literal>"
        return f"<ogc:Filter><ogc:PropertyIsEqualTo>{told}</ogc:PropertyIsEqualTo></ogc:Filter>"

    dimension = '<ogc:Function name="dimension"><ogc:Function name="geometry"/></ogc:Function>'
    coverage = '<ogc:Function name="isCoverage"/>'
    text = document(
        f"<Rule>{where(coverage, 'true')}<RasterSymbolizer/></Rule>"
        f"<Rule>{where(dimension, '2')}{fill('0xAAAAAA')}</Rule>"
        f"<Rule>{where(dimension, '1')}{stroke()}</Rule><Rule><ElseFilter/>{CIRCLE}</Rule>"
    )
    layers = read(text, "Geometry").layers
    assert layers[0]["paint"]["fill-color"] == "#AAAAAA"
    drawn = {
        shape: [each["type"] for each in layers if evaluate(each["filter"], Scope(9, {}, shape))]
        for shape in ("Point", "LineString", "Polygon")
    }
    assert drawn == {"Point": ["circle"], "LineString": ["line"], "Polygon": ["fill"]}


def test_each_shape_of_a_mixed_layer_is_drawn_by_its_own_symbolizers() -> None:
    layers = read_rule(CIRCLE + stroke() + fill("red"), "Geometry")
    shapes = ("Point", "LineString", "Polygon")
    drawn = {
        layer["type"]: [each for each in shapes if evaluate(layer["filter"], Scope(9, {}, each))]
        for layer in layers
    }
    assert drawn == {"circle": ["Point"], "line": ["LineString", "Polygon"], "fill": ["Polygon"]}
    told = read(document(f"<Rule>{CIRCLE}{fill('red')}</Rule>"), "Polygon")
    assert [layer["type"] for layer in told.layers] == ["fill"]
    assert "PointSymbolizer" in told.notes[0]


def test_what_is_drawn_in_another_way_is_said() -> None:
    star = "<Mark><WellKnownName>star</WellKnownName><Fill/></Mark>"
    told = read(document(f"<Rule>\n{graphic(star)}</Rule>"))
    assert told.notes == ["A circle is drawn for the mark 'star' (line 2, Mark)."]
    picture = "<ExternalGraphic><OnlineResource/><Format>image/png</Format></ExternalGraphic>"
    assert "fetched from nowhere" in read(document(f"<Rule>{graphic(picture)}</Rule>")).notes[0]


def test_titles_are_kept_for_legends() -> None:
    titled = "<Name>big</Name><Title>Large clinics</Title>"
    (layer,) = read_rule(titled + CIRCLE)
    assert layer["metadata"] == {NAME: "big", TITLE: "Large clinics"}
    described = "<se:Name>big</se:Name><se:Description><se:Title>Large</se:Title></se:Description>"
    assert read_rule(described + CIRCLE)[0]["metadata"][TITLE] == "Large"


def test_of_several_styles_the_default_one() -> None:
    def style(name: str, colour: str, more: str = "") -> str:
        rule = f"<FeatureTypeStyle><Rule>{fill(colour)}</Rule></FeatureTypeStyle>"
        return f"<UserStyle><Name>{name}</Name>{more}{rule}</UserStyle>"

    two = style("a", "red") + style("b", "blue", "<IsDefault>1</IsDefault>")
    text = f"<StyledLayerDescriptor {SPACES}><NamedLayer><Name>clinics</Name>{two}</NamedLayer>"
    (named,) = reading.named_layers(
        xml_reading.parse(f"{text}</StyledLayerDescriptor>".encode(), 9999)
    )
    assert reading.name_of(reading.chosen(named)) == "b"
    assert reading.name_of(reading.chosen(named, "a")) == "a"
    assert reading.chosen(named, "c") is None
    alone = f"<UserStyle {SPACES}>{style('a', 'red').partition('>')[2]}"
    assert read(alone, "Polygon").layers[0]["paint"]["fill-color"] == "red"


@pytest.mark.parametrize(
    ("rule", "place", "told"),
    [
        (graphic("<Marks/>"), "Marks", "not understood within Graphic"),
        ("<PointSymbolizer/>", "PointSymbolizer", "A Graphic is needed"),
        (graphic("<Mark/><Size>large</Size>"), "Size", "'large' is no number"),
        (graphic("<Mark/><Size>-1</Size>"), "Size", "a number from 0"),
        (fill("reddish"), "SvgParameter", "'reddish' is no colour"),
        (stroke(("stroke-dasharray", "4 x")), "CssParameter", "lengths in pixels"),
        (stroke(("stroke-dasharray", "0.001")), "CssParameter", "a pixel"),
        ('<LineSymbolizer uom="http://x/units/metre"/>', "LineSymbolizer", "not in metre"),
        (f"<MinScaleDenominator>x</MinScaleDenominator>{CIRCLE}", "MinScale", "no number"),
        (f"<ogc:Filter/>{CIRCLE}", "Filter", "one condition"),
        (f"<ogc:Filter><ogc:BBOX/></ogc:Filter>{CIRCLE}", "BBOX", "no such condition"),
        (
            f"<ogc:Filter>{compare('EqualTo', 'nothing', '1')}</ogc:Filter>{CIRCLE}",
            "PropertyName",
            "there are name, beds",
        ),
        (
            f"<ogc:Filter>{compare('EqualTo', 'beds', 'many')}</ogc:Filter>{CIRCLE}",
            "Literal",
            "'many' is no number",
        ),
        (
            f"<ogc:Filter>{compare('EqualTo', 'built', 'soon')}</ogc:Filter>{CIRCLE}",
            "Literal",
            "no date",
        ),
        (
            f"<ogc:Filter>{compare('Like', 'name', 'a?')}</ogc:Filter>{CIRCLE}",
            "Literal",
            "one character",
        ),
        (
            f"<ogc:Filter>{compare('Like', 'name', '*a*b*')}</ogc:Filter>{CIRCLE}",
            "Literal",
            "a beginning",
        ),
        (fill('<ogc:Function name="random"/>'), "Function", "no function 'random'"),
        (fill('<ogc:Function name="Recode"/>'), "Function", "at least 3"),
        (
            fill(f"<se:Categorize>{LOOKUP}</se:Categorize>"),
            "LookupValue",
            "before, between and behind",
        ),
        ("<Nothing/>", "Nothing", "not understood within Rule"),
        ("", "UserStyle", "Nothing of this style"),
    ],
)
def test_what_is_not_understood_is_told_with_its_place(rule: str, place: str, told: str) -> None:
    shape = "Polygon" if "Polygon" in rule else "LineString" if "Line" in rule else "Point"
    with pytest.raises(BadInput) as refused:
        read_rule(f"\n\n{rule}", shape)
    (sentence,) = refused.value.descriptions
    assert told in sentence
    assert f", {place}" in sentence
    assert "(line " in sentence


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<Nothing/>", "no StyledLayerDescriptor"),
        ('<StyledLayerDescriptor version="2.0.0"/>', "1.0.0 and 1.1.0"),
        ("<StyledLayerDescriptor><UserLayer/></StyledLayerDescriptor>", "own layers"),
        ("<StyledLayerDescriptor><NamedLayer/></StyledLayerDescriptor>", "has a Name"),
        ("<StyledLayerDescriptor/>", "no UserStyle"),
        ("<UserStyle>" + "<a>" * 80 + "</a>" * 80 + "</UserStyle>", "too deeply"),
    ],
)
def test_documents_that_are_no_style(text: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        read(text)


NAMES = st.sampled_from(
    [
        "Rule", "FeatureTypeStyle", "UserStyle", "NamedLayer", "Name", "PointSymbolizer", "Graphic",
        "Mark", "Fill", "Stroke", "CssParameter", "SvgParameter", "Size", "Filter", "ElseFilter",
        "PropertyName", "Literal", "Function", "And", "Or", "Not", "PropertyIsEqualTo",
        "PropertyIsLike", "PropertyIsBetween", "PropertyIsNull", "Categorize", "Interpolate",
        "Recode", "LookupValue", "MapItem", "Threshold", "Value", "InterpolationPoint",
        "TextSymbolizer", "Label", "Halo", "LabelPlacement", "PointPlacement", "AnchorPoint",
        "Displacement", "LineSymbolizer", "PolygonSymbolizer", "MaxScaleDenominator", "Font",
        "StyledLayerDescriptor", "NamedStyle", "LayerFeatureConstraints", "GraphicFill", "Opacity",
    ]
)  # fmt: skip
TEXTS = st.sampled_from(["", "beds", "name", "5", "-1", "#ff0000", "circle", "1e99", " x {y}", "*"])
ATTRIBUTES = st.sampled_from(
    ["", 'name="fill"', 'name="stroke-width"', 'name="Recode"', 'name="Interpolate"', 'uom="x"']
)
ELEMENTS = st.recursive(
    st.builds("<{0} {1}>{2}</{0}>".format, NAMES, ATTRIBUTES, TEXTS),
    lambda inner: st.builds(
        lambda name, told, parts: f"<{name} {told}>{''.join(parts)}</{name}>",
        NAMES,
        ATTRIBUTES,
        st.lists(inner, max_size=4),
    ),
    max_leaves=25,
)


@given(st.lists(ELEMENTS, max_size=4), st.sampled_from(["Point", "Polygon", "Geometry"]))
def test_whatever_is_sent_is_read_or_refused(parts: list[str], shape: str) -> None:
    for text in (document("".join(parts)), document(f"<Rule>{''.join(parts)}</Rule>"), *parts):
        try:
            found = read(text, shape)
        except BadInput:
            continue
        assert found.layers
