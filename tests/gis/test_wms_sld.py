"""Styles that callers of WMS bring: SLD_BODY, posted forms, GetMap as XML."""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from numpy.typing import NDArray

from tests.gis.test_wms import LEAFLET, QGIS, ask, picture, refused
from tests.maps.truth import Row

pytestmark = pytest.mark.anyio

SPACES = 'xmlns="http://www.opengis.net/sld" xmlns:ogc="http://www.opengis.net/ogc"'
NEAR = {**QGIS, "BBOX": "-33.918,18.635,-33.908,18.645", "WIDTH": "400", "HEIGHT": "400"}
RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)


def document(layers: str) -> str:
    head = f'<StyledLayerDescriptor version="1.0.0" {SPACES}>'
    return f'<?xml version="1.0"?>\n{head}{layers}</StyledLayerDescriptor>'


def named(layer: str, rules: str, name: str = "mine") -> str:
    style = f"<Name>{name}</Name><FeatureTypeStyle>{rules}</FeatureTypeStyle>"
    return f"<NamedLayer><Name>{layer}</Name><UserStyle>{style}</UserStyle></NamedLayer>"


def circles(colour: str, size: int = 12, more: str = "") -> str:
    fill = f'<Fill><CssParameter name="fill">{colour}</CssParameter></Fill>'
    mark = f"<Mark><WellKnownName>circle</WellKnownName>{fill}</Mark>"
    graphic = f"<Graphic>{mark}<Size>{size}</Size></Graphic>"
    return f"<Rule>{more}<PointSymbolizer>{graphic}</PointSymbolizer></Rule>"


def areas(colour: str) -> str:
    fill = f'<Fill><CssParameter name="fill">{colour}</CssParameter></Fill>'
    return f"<Rule><PolygonSymbolizer>{fill}</PolygonSymbolizer></Rule>"


def status(value: str) -> str:
    name = "<ogc:PropertyName>status</ogc:PropertyName>"
    literal = f"<ogc:Literal>{value}</ogc:Literal>"
    return (
        f"<ogc:Filter><ogc:PropertyIsEqualTo>{name}{literal}</ogc:PropertyIsEqualTo></ogc:Filter>"
    )


REQUESTS = document(
    named(
        "requests", circles("#ff0000", more=status("open")) + circles("#0000ff", 6, "<ElseFilter/>")
    )
)


def has(pixels: NDArray[Any], colour: tuple[int, ...]) -> int:
    return int((pixels == colour).all(axis=2).sum())


async def test_rules_choose_features(cape_town: httpx.AsyncClient, rows: list[Row]) -> None:
    told = await picture(cape_town, NEAR, LAYERS="-", SLD_BODY=REQUESTS)
    assert has(told, RED) > 50
    assert has(told, BLUE) > 50
    only = await picture(
        cape_town, NEAR, LAYERS="-", SLD_BODY=REQUESTS, CQL_FILTER="status = 'closed'"
    )
    assert has(only, RED) == 0
    # each open request is a disc of twelve pixels
    row = next(
        each
        for each in rows
        if each.status not in ("fixed", "rejected", "duplicate", "no_action")
        and 18.636 < each.lon < 18.644
        and -33.917 < each.lat < -33.909
    )
    column, line = int((row.lon - 18.635) * 40_000), int((-33.908 - row.lat) * 40_000)
    assert tuple(told[line, column]) in (RED, BLUE)


async def test_requests_are_points_at_every_scale_unless_hexagons_are_meant(
    cape_town: httpx.AsyncClient,
) -> None:
    wide = {**QGIS, "BBOX": "-34.1,18.4,-33.7,18.8", "WIDTH": "400", "HEIGHT": "400"}
    dots = await picture(cape_town, wide, SLD_BODY=document(named("requests", circles("#ff0000"))))
    assert has(dots, RED) > 50
    count = "<ogc:PropertyIsGreaterThan><ogc:PropertyName>count</ogc:PropertyName><ogc:Literal>0"
    limit = f"<ogc:Filter>{count}</ogc:Literal></ogc:PropertyIsGreaterThan></ogc:Filter>"
    filled = areas("#ff0000").replace("<Rule>", f"<Rule>{limit}")
    hexagons = await picture(cape_town, wide, SLD_BODY=document(named("requests", filled)))
    usual = await picture(cape_town, wide)
    assert ((hexagons[..., 3] > 250) <= (usual[..., 3] > 0)).all()
    assert has(hexagons, RED) > has(dots, RED)


async def test_a_document_is_a_library_beside_layers(cape_town: httpx.AsyncClient) -> None:
    body = document(named("wards", areas("#ff0000"), "red") + named("hexes", areas("#0000ff")))
    dark = await picture(cape_town, QGIS, LAYERS="hexes,wards", STYLES="dark,red", SLD_BODY=body)
    assert has(dark, RED) > 1000
    hexes = await picture(cape_town, QGIS, LAYERS="hexes", STYLES="mine", SLD_BODY=body)
    usual = await picture(cape_town, QGIS, LAYERS="hexes", SLD_BODY=body)
    assert has(hexes, BLUE) == has(usual, BLUE) > 1000
    plain = await picture(cape_town, QGIS, LAYERS="requests", SLD_BODY=body)
    assert (plain == await picture(cape_town, QGIS)).all()
    assert await refused(cape_town, QGIS, STYLES="red", SLD_BODY=body) == "StyleNotDefined"


async def test_styles_of_the_server_by_name(cape_town: httpx.AsyncClient) -> None:
    style = "<NamedStyle><Name>dark</Name></NamedStyle>"
    body = document(f"<NamedLayer><Name>boundaries</Name>{style}</NamedLayer>")
    dark = await picture(cape_town, QGIS, LAYERS="boundaries", STYLES="dark")
    assert (await picture(cape_town, QGIS, LAYERS="-", SLD_BODY=body) == dark).all()
    assert await refused(cape_town, QGIS, LAYERS="-", SLD_BODY=body.replace("dark", "pink"))


async def test_a_layer_may_be_drawn_twice(cape_town: httpx.AsyncClient) -> None:
    twice = named("requests", circles("#ff0000", 16)) + named(
        "requests", circles("#0000ff", 6, status("open"))
    )
    told = await picture(cape_town, NEAR, LAYERS="-", SLD_BODY=document(twice))
    assert has(told, RED) > 100
    assert has(told, BLUE) > 20
    two = {**NEAR, "LAYERS": "requests,requests", "CQL_FILTER": "status = 'open';EXCLUDED = 1"}
    assert await refused(cape_town, two) == "InvalidParameterValue"
    both = await picture(
        cape_town, NEAR, LAYERS="requests,requests", STYLES="light,dark",
        CQL_FILTER="status = 'open';status = 'closed'",
    )  # fmt: skip
    opened = await picture(cape_town, NEAR, CQL_FILTER="status = 'open'")
    assert (both[..., 3] > 0).sum() > (opened[..., 3] > 0).sum()


async def test_what_limits_a_layer(cape_town: httpx.AsyncClient) -> None:
    limit = f"<LayerFeatureConstraints><FeatureTypeConstraint>{status('open')}"
    limit += "</FeatureTypeConstraint></LayerFeatureConstraints><UserStyle>"
    body = document(named("requests", circles("#ff0000")))
    every = await picture(cape_town, NEAR, SLD_BODY=body)
    some = await picture(cape_town, NEAR, SLD_BODY=body.replace("<UserStyle>", limit))
    assert has(every, RED) > has(some, RED) > 0


async def test_dates_are_compared(cape_town: httpx.AsyncClient) -> None:
    """As `CQL_FILTER` does, in the municipality's own time."""
    name = "<ogc:PropertyName>requested_datetime</ogc:PropertyName>"
    later = f"{name}<ogc:Literal>2020-12-01</ogc:Literal></ogc:PropertyIsGreaterThanOrEqualTo>"
    limit = f"<ogc:Filter><ogc:PropertyIsGreaterThanOrEqualTo>{later}</ogc:Filter>"
    told = await picture(
        cape_town, NEAR, SLD_BODY=document(named("requests", circles("#ff0000", more=limit)))
    )
    by_cql = await picture(
        cape_town, NEAR, SLD_BODY=document(named("requests", circles("#ff0000"))),
        CQL_FILTER="requested_datetime >= DATE('2020-12-01')",
    )  # fmt: skip
    assert has(told, RED) == has(by_cql, RED) > 100


async def test_scales_are_those_of_the_picture(cape_town: httpx.AsyncClient) -> None:
    """A pixel is 0.28 mm: 2 000 metres on 500 pixels are 1 : 14 286, in metres that are true."""
    rules = circles("#ff0000", more="<MaxScaleDenominator>{}</MaxScaleDenominator>")
    metres = {"CRS": "EPSG:32734", "BBOX": "280500,6243300,282500,6245300"}
    degrees = {"CRS": "CRS:84", "BBOX": "18.63,-33.93,18.648,-33.912"}
    mercator = {"CRS": "EPSG:3857", "BBOX": "2074000,-4018500,2076000,-4016500"}
    for box, scale in ((metres, 14_286), (degrees, 14_313), (mercator, 14_286)):
        for limit, is_drawn in ((scale * 1.005, True), (scale * 0.995, False)):
            body = document(named("requests", rules.format(limit)))
            query = {**QGIS, **box, "WIDTH": "500", "HEIGHT": "500"}
            drawn = await picture(cape_town, query, SLD_BODY=body)
            assert (has(drawn, RED) > 0) == is_drawn, (box, limit)
    beyond = {"CRS": "CRS:84", "BBOX": "10,91,20,111"}
    assert not (await picture(cape_town, {**QGIS, **beyond}, SLD_BODY=REQUESTS)).any()


async def test_what_is_drawn_otherwise_is_said(cape_town: httpx.AsyncClient) -> None:
    body = REQUESTS.replace("circle</Well", "star</Well")
    answer = await ask(cape_town, NEAR, SLD_BODY=body)
    assert "for the mark 'star' (line 2, Mark)." in answer.headers["x-style-notes"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("<x", "cannot be read"),
        ("<a/>", "no StyledLayerDescriptor (line 1, a)"),
        (REQUESTS.replace("status<", "state<"), "no property 'state'"),
        (REQUESTS.replace("ElseFilter", "OtherFilter"), "OtherFilter"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "/etc/passwd">]><a>&b;</a>', "DOCTYPE"),
        (document(named("requests", circles("red") * 300)), "at most 200 layers"),
        (document(named("requests", circles("red")) * 41), "at most 40 layers"),
        (document(named("requests", "<Rule/>")), "Nothing of this style"),
    ],
)
async def test_bad_documents(cape_town: httpx.AsyncClient, body: str, told: str) -> None:
    form = {**NEAR, "SLD_BODY": body}
    del form["LAYERS"]
    answer = await cape_town.post("/wms", data=form)
    (report,) = etree.fromstring(answer.content).findall("{*}ServiceException")
    assert (report.get("code"), report.get("locator")) == (
        "InvalidParameterValue",
        answer_place(report),
    )
    assert told in (report.text or "")


def answer_place(report: Any) -> str:
    return "layers" if "at most 40" in report.text else "sld_body"


async def test_a_style_may_tell_apart_so_many_features(cape_town: httpx.AsyncClient) -> None:
    """Each look is evaluated: rules times features would take for ever."""
    name = "<ogc:PropertyName>service_request_id</ogc:PropertyName><ogc:Literal>x</ogc:Literal>"
    limit = f"<ogc:Filter><ogc:PropertyIsNotEqualTo>{name}</ogc:PropertyIsNotEqualTo></ogc:Filter>"
    body = document(named("requests", circles("red", more=limit) * 20))
    wide = {"BBOX": "-34.1,18.4,-33.7,18.8"}
    answer = await ask(cape_town, {**QGIS, **wide}, SLD_BODY=body)
    assert "50000 are the most" in answer.text
    few = {**QGIS, "BBOX": "-33.915,18.638,-33.914,18.639"}
    assert (await ask(cape_town, few, SLD_BODY=body)).headers["content-type"] == "image/png"


async def test_nothing_is_fetched(cape_town: httpx.AsyncClient) -> None:
    answer = await ask(cape_town, NEAR, SLD="http://127.0.0.1:1/style.sld")
    assert "SLD_BODY" in answer.text
    assert 'code="OperationNotSupported"' in answer.text


async def test_forms_may_be_posted(cape_town: httpx.AsyncClient) -> None:
    """A style may be longer than a URL."""
    form = {**NEAR, "SLD_BODY": REQUESTS + " " * 60_000}
    posted = await cape_town.post("/wms", data=form)
    assert posted.headers["content-type"] == "image/png"
    assert posted.headers["cache-control"] == "no-store"
    assert posted.content == (await ask(cape_town, NEAR, SLD_BODY=REQUESTS)).content
    large = await cape_town.post("/wms", data={**NEAR, "SLD_BODY": " " * 260_000})
    assert (large.status_code, large.headers["content-type"][:8]) == (413, "text/xml")


async def test_a_map_asked_for_in_xml(cape_town: httpx.AsyncClient) -> None:
    """As GeoServer's own samples have it."""
    usual = await ask(
        cape_town, LEAFLET, layers="-", SLD_BODY=REQUESTS, width="300", height="250",
    )  # fmt: skip
    style = REQUESTS.partition("?>")[2]
    body = f"""<?xml version="1.0" encoding="UTF-8"?>
    <ogc:GetMap xmlns:ogc="http://www.opengis.net/ows" xmlns:gml="http://www.opengis.net/gml"
        version="1.1.1" service="WMS">{style}
      <BoundingBox srsName="http://www.opengis.net/gml/srs/epsg.xml#4326">
        <gml:coord><gml:X>18.61</gml:X><gml:Y>-33.94</gml:Y></gml:coord>
        <gml:coord><gml:X>18.67</gml:X><gml:Y>-33.89</gml:Y></gml:coord>
      </BoundingBox>
      <Output><Format>image/png</Format><Transparent>true</Transparent>
        <Size><Width>300</Width><Height>250</Height></Size></Output>
    </ogc:GetMap>"""
    xml = {"content-type": "text/xml"}
    posted = await cape_town.post("/wms", content=body, headers=xml)
    assert posted.content == usual.content
    wrong = await cape_town.post("/wms", content=body.replace("status<", "state<"), headers=xml)
    assert "(line 4, PropertyName)" in wrong.text
    query = {**LEAFLET, "width": "300", "height": "250"}
    query.pop("layers")
    alone = await cape_town.post("/wms", content=REQUESTS, params=query, headers=xml)
    assert alone.content == usual.content


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "InvalidParameterValue"),
        ("<GetMap/>", "LayerNotDefined"),
        ("<GetMap><StyledLayerDescriptor/></GetMap>", "InvalidParameterValue"),
        ("<GetFeature/>", "OperationNotSupported"),
    ],
)
async def test_badly_posted(cape_town: httpx.AsyncClient, body: str, code: str) -> None:
    answer = await cape_town.post("/wms", content=body, headers={"content-type": "text/xml"})
    assert answer.headers["content-type"].startswith("text/xml")
    assert f'code="{code}"' in answer.text


async def test_features_are_found_in_a_style_of_ones_own(
    cape_town: httpx.AsyncClient, rows: list[Row]
) -> None:
    row = next(each for each in rows if 18.638 < each.lon < 18.639 and -33.915 < each.lat < -33.914)
    asked = {
        **NEAR, "REQUEST": "GetFeatureInfo", "LAYERS": "-", "QUERY_LAYERS": "requests",
        "INFO_FORMAT": "application/json", "FEATURE_COUNT": "50", "SLD_BODY": REQUESTS,
        "I": str(int((row.lon - 18.635) * 40_000)), "J": str(int((-33.908 - row.lat) * 40_000)),
    }  # fmt: skip
    assert row.service_request_id in (await ask(cape_town, asked)).text
    # far out there are points where hexagons would be
    far = {"BBOX": "-34.1,18.4,-33.7,18.8", "I": "238", "J": "214"}
    found = (await ask(cape_town, asked, **far)).json()["features"]
    assert "service_request_id" in found[0]["properties"]


async def test_capabilities_tell_of_styles(cape_town: httpx.AsyncClient) -> None:
    for version in ("1.3.0", "1.1.1"):
        told = await ask(cape_town, {"REQUEST": "GetCapabilities", "VERSION": version})
        root = etree.fromstring(told.content)
        (symbols,) = root.findall(".//{*}UserDefinedSymbolization")
        told_of = {name: symbols.get(name) for name in ("SupportSLD", "UserStyle", "UserLayer")}
        assert told_of == {"SupportSLD": "1", "UserStyle": "1", "UserLayer": "0"}
        assert root.find(".//{*}GetMap//{*}Post") is not None


TAGS = st.sampled_from(
    [
        "Rule", "Name", "PointSymbolizer", "Graphic", "Mark", "Fill", "CssParameter", "Size",
        "Filter", "PropertyName", "Literal", "Function", "PropertyIsEqualTo", "TextSymbolizer",
        "Label", "MaxScaleDenominator", "LineSymbolizer", "PolygonSymbolizer", "Stroke",
    ]
)  # fmt: skip
WORDS = st.sampled_from(["", "count", "open", "5", "-3", "1e300", "#ff0000", "\u2603", "{x}", "&"])
TREES = st.recursive(
    st.builds('<{0} name="fill">{1}</{0}>'.format, TAGS, WORDS),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", TAGS, st.lists(inner, max_size=3)
    ),
    max_leaves=12,
)
EXPRESSIONS = st.recursive(
    st.sampled_from(
        [
            f"<ogc:PropertyName>{name}</ogc:PropertyName>"
            for name in ("count", "cell", "median_days")
        ]
        + [f"<ogc:Literal>{value}</ogc:Literal>" for value in ("", "7", "-1", "1e30", "red", "é")]
    ),
    lambda inner: st.builds(
        lambda tag, first, second: f"<{tag}>{first}{second}</{tag.partition(' ')[0]}>",
        st.sampled_from(
            [
                *("ogc:Add", "ogc:Mul", "ogc:Div"),
                *(f'ogc:Function name="{name}"' for name in ("strConcat", "max", "in2")),
            ]
        ),
        inner,
        inner,
    ),
    max_leaves=6,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.one_of(
        TREES,
        EXPRESSIONS.map(lambda each: areas(each)),
        EXPRESSIONS.map(
            lambda each: (
                f"<Rule><PolygonSymbolizer><Stroke><CssParameter name='stroke-width'>{each}"
                "</CssParameter></Stroke></PolygonSymbolizer><TextSymbolizer><Label>"
                f"{each}</Label></TextSymbolizer></Rule>"
            )
        ),
    )
)
async def test_whatever_is_sent_is_drawn_or_refused(
    cape_town: httpx.AsyncClient, rule: str
) -> None:
    small = {**QGIS, "WIDTH": "60", "HEIGHT": "50", "LAYERS": "hexes"}
    answer = await cape_town.post(
        "/wms", data={**small, "SLD_BODY": document(named("hexes", rule))}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(("image/png", "text/xml"))
