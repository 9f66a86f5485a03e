"""Web Feature Service, as QGIS, GDAL and OWSLib ask for it."""

import httpx
import pyproj
import pytest
from lxml import etree

from tests.gis.wfs_asking import BOX, FES, SPACES, ask, features, fes, inside, is_equal, refused
from tests.maps.truth import Row

pytestmark = pytest.mark.anyio


async def test_capabilities_have_what_qgis_looks_for(cape_town: httpx.AsyncClient) -> None:
    root = await ask(cape_town, "GetCapabilities")
    names = [each.text for each in root.findall(".//wfs:FeatureType/wfs:Name", SPACES)]
    assert names == ["o311:boundaries", "o311:wards", "o311:requests", "o311:hexes"]
    # the prefix is declared on the root, or QGIS asks for something else
    assert root.nsmap["o311"] == SPACES["o"]
    constraints = {
        each.get("name"): each.findtext("ows:DefaultValue", namespaces=SPACES)
        for each in root.iterfind(".//ows:Constraint", SPACES)
    }
    assert constraints["ImplementsResultPaging"] == "TRUE"
    assert constraints["CountDefault"] == "10000"
    said = {
        each.get("name"): each.findtext("ows:DefaultValue", namespaces=SPACES)
        for each in root.iterfind(".//{http://www.opengis.net/fes/2.0}Constraint")
    }
    assert (said["ImplementsQuery"], said["ImplementsTemporalFilter"]) == ("TRUE", "FALSE")
    told = await refused(cape_town, "GetCapabilities", SERVICE="")
    assert told == ("MissingParameterValue", "service")


@pytest.mark.parametrize(
    ("query", "version"),
    [
        ({"ACCEPTVERSIONS": "2.0.0,1.1.0,1.0.0", "VERSION": ""}, "2.0.0"),
        ({"ACCEPTVERSIONS": "1.1.0,2.0.0", "VERSION": ""}, "1.1.0"),
        ({"VERSION": "1.0.0"}, "1.1.0"),
        ({"VERSION": ""}, "2.0.0"),
        ({"VERSION": "3.0.0"}, "2.0.0"),
    ],
)
async def test_versions(cape_town: httpx.AsyncClient, query: dict[str, str], version: str) -> None:
    assert (await ask(cape_town, "GetCapabilities", **query)).get("version") == version


async def test_no_version_in_common(cape_town: httpx.AsyncClient) -> None:
    told = await refused(cape_town, "GetCapabilities", ACCEPTVERSIONS="9.9.9", VERSION="")
    assert told == ("VersionNegotiationFailed", None)


@pytest.mark.parametrize("version", ["2.0.0", "1.1.0"])
async def test_the_schema_is_one_that_clients_understand(
    cape_town: httpx.AsyncClient, version: str
) -> None:
    # GDAL asks for all in one with TYPENAME, QGIS with both spellings at once
    names = "o311:requests,o311:hexes,o311:wards"
    root = await ask(
        cape_town, "DescribeFeatureType", TYPENAME=names, TYPENAMES=names, VERSION=version
    )
    elements = {each.get("name"): each.get("type") for each in root.iter("{*}element")}
    assert elements["requested_datetime"] == "xsd:dateTime"
    assert elements["count"] == "xsd:long"
    shapes = [
        each.get("type") for each in root.iter("{*}element") if each.get("name") == "geometry"
    ]
    kinds = ["Point", "MultiSurface", "MultiSurface"]
    assert shapes == [f"gml:{kind}PropertyType" for kind in kinds]


async def test_pages_are_the_whole(cape_town: httpx.AsyncClient, rows: list[Row]) -> None:
    found: list[str] = []
    for start in range(0, 9000, 2500):
        page = await features(cape_town, STARTINDEX=start, COUNT=2500)
        found += page
        if len(page) < 2500:
            break
    assert len(found) == len(set(found))
    assert set(found) == {row.service_request_id for row in rows}


async def test_links_lead_to_the_neighbouring_pages(cape_town: httpx.AsyncClient) -> None:
    query = {"TYPENAMES": "o311:requests", "CQL_FILTER": "status = 'open'", "COUNT": "100"}
    root = await ask(cape_town, "GetFeature", **query, STARTINDEX="100")
    assert int(root.get("numberMatched")) == 227
    following = httpx.URL(root.get("next"))
    assert following.params["CQL_FILTER"] == "status = 'open'"
    assert following.params["STARTINDEX"] == "200"
    assert httpx.URL(root.get("previous")).params["STARTINDEX"] == "0"
    last = await ask(cape_town, "GetFeature", **query, STARTINDEX="200")
    assert last.get("next") is None
    assert int(last.get("numberReturned")) == 27


async def test_hits(cape_town: httpx.AsyncClient) -> None:
    root = await ask(cape_town, "GetFeature", TYPENAMES="o311:requests", RESULTTYPE="hits")
    assert (root.get("numberMatched"), root.get("numberReturned")) == ("7753", "0")
    following = await cape_town.get("/wfs?" + root.get("next").partition("?")[2] + "&COUNT=2")
    page = etree.fromstring(following.content)
    assert (page.get("numberMatched"), page.get("numberReturned")) == ("7753", "2")
    old = await ask(
        cape_town, "GetFeature", TYPENAME="o311:requests", RESULTTYPE="hits", VERSION="1.1.0"
    )
    assert old.get("numberOfFeatures") == "7753"


async def test_boxes_in_each_order_of_axes(cape_town: httpx.AsyncClient, rows: list[Row]) -> None:
    west, south, east, north = BOX
    expected = inside(rows)
    urn = f"{south},{west},{north},{east},urn:ogc:def:crs:EPSG::4326"
    for box in (urn, f"{south},{west},{north},{east}", f"{west},{south},{east},{north},EPSG:4326",
                f"{west},{south},{east},{north},urn:ogc:def:crs:OGC:1.3:CRS84"):  # fmt: skip
        assert set(await features(cape_town, BBOX=box)) == expected
    assert expected


@pytest.mark.parametrize(
    "name",
    ["urn:ogc:def:crs:EPSG::4326", "EPSG:4326", "urn:ogc:def:crs:EPSG::2048", "EPSG:3857",
     "http://www.opengis.net/def/crs/EPSG/0/32734"],
)  # fmt: skip
async def test_coordinates_in_the_order_that_the_name_tells(
    cape_town: httpx.AsyncClient, rows: list[Row], name: str
) -> None:
    root = await ask(cape_town, "GetFeature", TYPENAMES="o311:requests", COUNT="1", SRSNAME=name)
    point = root.find(".//gml:Point", SPACES)
    told = [float(each) for each in point.findtext("gml:pos", namespaces=SPACES).split()]
    row = next(
        each for each in rows
        if each.service_request_id == root.findtext(".//o:service_request_id", namespaces=SPACES)
    )  # fmt: skip
    code = name.replace("/", ":").rpartition(":")[2]
    plain = name.startswith("EPSG")
    to = pyproj.Transformer.from_crs("OGC:CRS84", f"EPSG:{code}", always_xy=plain)
    assert told == pytest.approx(to.transform(row.lon, row.lat), abs=0.05)
    assert point.get("srsName") == (name if plain else f"urn:ogc:def:crs:EPSG::{code}")


async def test_features_by_id(cape_town: httpx.AsyncClient) -> None:
    some = await features(cape_town, COUNT="3")
    names = [f"requests.{each}" for each in some]
    assert await features(cape_town, RESOURCEID=",".join(names)) == some
    assert await features(cape_town, RESOURCEID=",".join(names), TYPENAMES="") == some
    ids = "".join(f'<fes:ResourceId rid="{each}"/>' for each in names[:2])
    assert await features(cape_town, FILTER=fes(ids)) == some[:2]
    of_two = {"RESOURCEID": f"{names[0]},wards.ward.19100001"}
    both = await ask(cape_town, "GetFeature", **of_two)
    assert (both.get("numberMatched"), both.get("numberReturned")) == ("2", "2")
    wrong = ("InvalidParameterValue", "RESOURCEID")
    assert await refused(cape_town, "GetFeature", TYPENAMES="wards", **of_two) == wrong
    of_wards = fes('<fes:ResourceId rid="wards.ward.19100001"/>')
    assert await refused(cape_town, "GetFeature", TYPENAMES="requests", FILTER=of_wards) == wrong
    stored = {"STOREDQUERY_ID": "urn:ogc:def:query:OGC-WFS::GetFeatureById"}
    alone = await ask(cape_town, "GetFeature", **stored, ID=names[0])
    assert alone.tag == "{urn:open311:layers}requests"
    assert alone.get("{http://www.opengis.net/gml/3.2}id") == names[0]
    assert await refused(cape_town, "GetFeature", 404, **stored, ID="requests.none") == (
        "NotFound",
        "ID",
    )
    assert await refused(cape_town, "GetFeature", 404, **stored, ID="none") == ("NotFound", "ID")


async def test_sorting_and_properties(cape_town: httpx.AsyncClient) -> None:
    root = await ask(
        cape_town, "GetFeature", TYPENAMES="o311:requests", PROPERTYNAME="(service_code,status)",
        SORTBY="service_code DESC,requested_datetime ASC", COUNT="500",
    )  # fmt: skip
    codes = [each.text for each in root.iterfind(".//o:service_code", SPACES)]
    assert codes == sorted(codes, reverse=True)
    member = root.find(".//o:requests", SPACES)
    assert [each.tag.partition("}")[2] for each in member] == ["service_code", "status"] or [
        each.tag.partition("}")[2] for each in member
    ] == ["status", "service_code"]


async def test_values_of_a_property(cape_town: httpx.AsyncClient) -> None:
    query = {"TYPENAMES": "o311:wards", "VALUEREFERENCE": "o311:code"}
    root = await ask(cape_town, "GetPropertyValue", **query)
    values = [each.text for each in root.iterfind(".//o:code", SPACES)]
    assert len(values) == int(root.get("numberMatched")) > 100
    assert await refused(cape_town, "GetPropertyValue", TYPENAMES="o311:wards") == (
        "MissingParameterValue", "valuereference",
    )  # fmt: skip
    named = "SERVICE=WFS&VERSION=2.0.0&REQUEST=GetPropertyValue&TYPENAMES=wards&VALUEREFERENCE="
    empty = await cape_town.get(f"/wfs?{named}")
    assert b'exceptionCode="InvalidParameterValue" locator="valueReference"' in empty.content


async def test_geojson(cape_town: httpx.AsyncClient) -> None:
    query = {"SERVICE": "WFS", "REQUEST": "GetFeature", "VERSION": "2.0.0", "typename": "requests"}
    more = {
        "outputFormat": "geojson",
        "srsName": "EPSG:3857",
        "bbox": "2070000,-4020000,2080000,-4010000,EPSG:3857",
    }
    answer = await cape_town.get("/wfs", params=query | more)
    told = answer.json()
    assert told["numberMatched"] == told["numberReturned"] == len(told["features"]) > 1000
    assert 2_070_000 < told["features"][0]["geometry"]["coordinates"][0] < 2_080_000


@pytest.mark.parametrize("name", ["csv", "shape-zip", "gpkg", "application/flatgeobuf"])
async def test_files(cape_town: httpx.AsyncClient, name: str) -> None:
    query = {"SERVICE": "WFS", "REQUEST": "GetFeature", "VERSION": "2.0.0", "TYPENAMES": "wards"}
    answer = await cape_town.get("/wfs", params=query | {"OUTPUTFORMAT": name})
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    assert len(answer.content) > 5_000


async def test_an_old_client(cape_town: httpx.AsyncClient, rows: list[Row]) -> None:
    ogc = (
        '<ogc:Filter xmlns:ogc="http://www.opengis.net/ogc"><ogc:PropertyIsEqualTo>'
        "<ogc:PropertyName>status</ogc:PropertyName><ogc:Literal>open</ogc:Literal>"
        "</ogc:PropertyIsEqualTo></ogc:Filter>"
    )
    root = await ask(
        cape_town,
        "GetFeature",
        TYPENAME="o311:requests",
        VERSION="1.1.0",
        FILTER=ogc,
        SRSNAME="EPSG:4326",
    )
    gml = {"gml": "http://www.opengis.net/gml", **{"o": SPACES["o"]}}
    points = root.findall("gml:featureMembers/o:requests/o:geometry/gml:Point/gml:pos", gml)
    assert len(points) == int(root.get("numberOfFeatures")) == 227
    assert float(points[0].text.split()[0]) == pytest.approx(18.64, abs=0.05)
    everything = await ask(cape_town, "GetFeature", TYPENAME="o311:requests", VERSION="1.1.0")
    assert len(everything.findall(".//o:requests", gml)) == len(rows)


async def test_calls_by_xml(cape_town: httpx.AsyncClient) -> None:
    body = f"""<?xml version="1.0"?>
    <wfs:GetFeature service="WFS" version="2.0.0" count="10" xmlns:wfs="{SPACES["wfs"]}" {FES}
        xmlns:o311="{SPACES["o"]}">
      <wfs:Query typeNames="o311:requests"><wfs:PropertyName>status</wfs:PropertyName>
        <fes:Filter>{is_equal("status", "open")}</fes:Filter>
        <fes:SortBy><fes:SortProperty><fes:ValueReference>status</fes:ValueReference>
          <fes:SortOrder>DESC</fes:SortOrder></fes:SortProperty></fes:SortBy>
      </wfs:Query>
      <wfs:Query typeNames="o311:wards"/>
    </wfs:GetFeature>"""
    answer = await cape_town.post("/wfs", content=body, headers={"Content-Type": "text/xml"})
    assert answer.status_code == 200, answer.text[:300]
    root = etree.fromstring(answer.content)
    collections = root.findall("wfs:member/wfs:FeatureCollection", SPACES)
    assert [each.get("numberReturned") for each in collections] == ["10", "10"]
    assert {each.text for each in root.iterfind(".//o:status", SPACES)} == {"open"}


BILLION = '<!DOCTYPE a [<!ENTITY b "c">]><GetFeature>&b;</GetFeature>'


@pytest.mark.parametrize("body", ["", "nonsense", BILLION, "<a>" * 300, "<a/>"])
async def test_bad_xml_is_refused(cape_town: httpx.AsyncClient, body: str) -> None:
    answer = await cape_town.post("/wfs", content=body, headers={"Content-Type": "text/xml"})
    assert answer.status_code in (400, 501)
    assert b"ExceptionReport" in answer.content


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({}, ("MissingParameterValue", "typenames")),
        ({"TYPENAMES": "nothing"}, ("InvalidParameterValue", "typeName")),
        ({"SRSNAME": "x"}, ("InvalidParameterValue", "srsName")),
        ({"COUNT": "x"}, ("InvalidParameterValue", "count")),
        ({"STARTINDEX": "-1"}, ("InvalidParameterValue", "startIndex")),
        ({"BBOX": "1,2,3"}, ("InvalidParameterValue", "bbox")),
        ({"RESULTTYPE": "x"}, ("InvalidParameterValue", "resultType")),
        ({"PROPERTYNAME": "x"}, ("InvalidParameterValue", "PROPERTYNAME")),
        ({"SORTBY": "x"}, ("InvalidParameterValue", "SORTBY")),
        ({"OUTPUTFORMAT": "x"}, ("InvalidParameterValue", "outputFormat")),
        ({"FILTER": "<a"}, ("OperationParsingFailed", "filter")),
        ({"FILTER": fes(is_equal("x", "1"))}, ("InvalidParameterValue", "filter")),
        ({"FILTER": fes("<fes:Beyond/>")}, ("OperationParsingFailed", "filter")),
        ({"CQL_FILTER": "x ="}, ("InvalidParameterValue", "CQL_FILTER")),
        ({"VERSION": "9.9.9"}, ("InvalidParameterValue", "version")),
        ({"STOREDQUERY_ID": "x"}, ("InvalidParameterValue", "STOREDQUERY_ID")),
        ({"SERVICE": "WMS"}, ("InvalidParameterValue", "service")),
    ],
)  # fmt: skip
async def test_what_is_badly_asked_is_refused(
    cape_town: httpx.AsyncClient, query: dict[str, str], told: tuple[str, str]
) -> None:
    named = {"TYPENAMES": "requests"} if query else {}
    assert await refused(cape_town, "GetFeature", **named | query) == told


async def test_no_schema_of_what_is_not_there(cape_town: httpx.AsyncClient) -> None:
    told = await refused(cape_town, "DescribeFeatureType", TYPENAMES="nothing")
    assert told == ("InvalidParameterValue", "typeName")


async def test_operations_that_there_are_not(cape_town: httpx.AsyncClient) -> None:
    assert (await refused(cape_town, "LockFeature", 501))[0] == "OperationNotSupported"
    answer = await cape_town.get("/wfs", params={"SERVICE": "WFS"})
    assert answer.status_code == 400
    assert b'exceptionCode="MissingParameterValue"' in answer.content


async def test_stored_queries(cape_town: httpx.AsyncClient) -> None:
    listed = await ask(cape_town, "ListStoredQueries")
    described = await ask(cape_town, "DescribeStoredQueries")
    names = [root.find(f"wfs:{tag}", SPACES).get("id") for root, tag in (
        (listed, "StoredQuery"), (described, "StoredQueryDescription"))]  # fmt: skip
    assert set(names) == {"urn:ogc:def:query:OGC-WFS::GetFeatureById"}
