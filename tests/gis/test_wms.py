"""Web Map Service, as its clients ask for it: QGIS, GDAL, OWSLib, Leaflet, each in its own way."""

import io
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from lxml import etree
from numpy.typing import NDArray
from PIL import Image

from tests.maps.truth import Row

pytestmark = pytest.mark.anyio

WMS = {"w": "http://www.opengis.net/wms", "o": "http://www.opengis.net/ogc"}
QGIS = {
    "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "STYLES": "", "FORMAT": "image/png",
    "BBOX": "-33.93999999999999773,18.60999999999999943,-33.89000000000000057,18.67000000000000171",
    "CRS": "EPSG:4326", "WIDTH": "600", "HEIGHT": "500", "LAYERS": "requests", "DPI": "96",
    "MAP_RESOLUTION": "96", "FORMAT_OPTIONS": "dpi:96", "TRANSPARENT": "TRUE",
}  # fmt: skip
LEAFLET = {
    "service": "WMS", "request": "GetMap", "layers": "requests", "styles": "",
    "format": "image/png", "transparent": "true", "version": "1.1.1",
    "width": "600", "height": "500", "srs": "EPSG:4326",
    "bbox": "18.61,-33.94,18.67,-33.89",
}  # fmt: skip


async def ask(client: httpx.AsyncClient, query: dict[str, str], **more: str) -> httpx.Response:
    merged = {**query, **more}
    return await client.get(
        "/wms", params={name: each for name, each in merged.items() if each != "-"}
    )


async def picture(client: httpx.AsyncClient, query: dict[str, str], **more: str) -> NDArray[Any]:
    answer = await ask(client, query, **more)
    assert answer.headers["content-type"].startswith("image/"), answer.text[:500]
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


async def refused(client: httpx.AsyncClient, query: dict[str, str], **more: str) -> str | None:
    answer = await ask(client, query, **more)
    assert answer.headers["content-type"].startswith(("text/xml", "application/vnd.ogc.se_xml"))
    report = etree.fromstring(answer.content)
    (only,) = report.findall("{*}ServiceException")
    assert only.text
    return only.get("code")


async def test_axes_are_in_the_order_of_the_version(cape_town: httpx.AsyncClient) -> None:
    new = await picture(cape_town, QGIS)
    assert new.shape == (500, 600, 4)
    assert (new[..., 3] > 0).sum() > 5_000
    assert (new == await picture(cape_town, LEAFLET)).all()
    assert (new == await picture(cape_town, QGIS, CRS="CRS:84", BBOX=LEAFLET["bbox"])).all()
    swapped = await picture(cape_town, QGIS, BBOX=LEAFLET["bbox"])
    assert not swapped[..., 3].any()


async def test_any_system_and_the_metres_of_web_maps(cape_town: httpx.AsyncClient) -> None:
    web = await picture(
        cape_town, QGIS, CRS="EPSG:3857", BBOX="2071000,-4020000,2079000,-4012000", WIDTH="500"
    )
    assert web[..., 3].any()
    for crs, box in (
        ("EPSG:2048", "28000,3750000,38000,3760000"),
        ("EPSG:32734", "268000,6240000,292000,6252000"),
    ):
        assert (await picture(cape_town, QGIS, CRS=crs, BBOX=box))[..., 3].any(), crs


@pytest.mark.parametrize(
    "media_type", ["image/png", "image/png8", "image/jpeg", "image/webp", "image/png; mode=8bit"]
)
async def test_formats(cape_town: httpx.AsyncClient, media_type: str) -> None:
    exact = await picture(cape_town, QGIS, TRANSPARENT="FALSE")
    answer = await ask(cape_town, QGIS, FORMAT=media_type, TRANSPARENT="FALSE", BGCOLOR="0xFFFFFF")
    assert answer.headers["content-type"] == media_type.partition(";")[0].replace("png8", "png")
    told = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
    assert abs(told.astype(int) - exact).mean() < 4


async def test_gdal_asks_for_jpeg_in_small_letters(cape_town: httpx.AsyncClient) -> None:
    query = {
        "service": "WMS", "request": "GetMap", "version": "1.1.1", "layers": "hexes", "styles": "",
        "srs": "EPSG:4326", "format": "image/jpeg", "width": "1024", "height": "512",
        "bbox": "18.60000000,-33.95000000,18.70000000,-33.90000000", "transparent": "FALSE",
    }  # fmt: skip
    told = await picture(cape_town, query)
    assert told.shape == (512, 1024, 4)
    assert (told[..., :3] < 250).any()


async def test_colours_are_the_same_on_clear_ground(cape_town: httpx.AsyncClient) -> None:
    """What is half clear and laid on white is what was drawn on white."""
    query = {"LAYERS": "hexes"}
    clear = (await picture(cape_town, QGIS, **query)).astype(float)
    white = await picture(cape_town, QGIS, **query, TRANSPARENT="FALSE")
    opacity = clear[..., 3:] / 255
    laid = clear[..., :3] * opacity + 255 * (1 - opacity)
    assert 0 < opacity[opacity > 0].min() < 0.9
    assert abs(laid - white[..., :3]).max() <= 5


async def test_the_background(cape_town: httpx.AsyncClient) -> None:
    told = await picture(cape_town, QGIS, TRANSPARENT="FALSE", BGCOLOR="0x112233")
    assert tuple(told[0, 0]) == (0x11, 0x22, 0x33, 255)
    white = await picture(cape_town, QGIS, TRANSPARENT="-")
    assert tuple(white[0, 0]) == (255, 255, 255, 255)


async def test_layers_lie_on_one_another(cape_town: httpx.AsyncClient) -> None:
    both = await picture(cape_town, QGIS, LAYERS="boundaries,requests", STYLES=",")
    land = await picture(cape_town, QGIS, LAYERS="boundaries")
    covered = await picture(cape_town, QGIS, LAYERS="requests,boundaries", STYLES="light,")
    assert (both != land).any()
    assert (covered == land).all()
    dark = await picture(cape_town, QGIS, LAYERS="boundaries", STYLES="dark")
    assert dark[..., :3].mean() < 60 < land[..., :3].mean()


async def test_finer_screens_get_larger_symbols(cape_town: httpx.AsyncClient) -> None:
    near = {"BBOX": "-33.915,18.638,-33.914,18.639", "WIDTH": "400", "HEIGHT": "400"}
    usual = await picture(cape_town, QGIS, **near)
    fine = await picture(cape_town, QGIS, **near, DPI="192", MAP_RESOLUTION="192")
    assert (fine[..., 3] > 0).sum() > 1.5 * (usual[..., 3] > 0).sum()


async def test_what_limits_features(cape_town: httpx.AsyncClient, rows: list[Row]) -> None:
    near = {**QGIS, "BBOX": "-33.915,18.638,-33.914,18.639", "WIDTH": "400", "HEIGHT": "400"}
    everything = (await picture(cape_town, near))[..., 3] > 0
    some = [
        {"CQL_FILTER": "status = 'open'"},
        {"CQL_FILTER": "requested_datetime > DATE('2020-12-01')"},
        {"TIME": "2020-11"}, {"TIME": "2020-10-01/2020-11-30"}, {"TIME": "2020-11-05,2020-11-06"},
        {"status": "open"}, {"start_date": "2020-12-01"},
    ]  # fmt: skip
    for limit in some:
        told = (await picture(cape_town, near, **limit))[..., 3] > 0
        assert told.sum() < everything.sum(), limit
    assert (
        (await picture(cape_town, near, CQL_FILTER="INCLUDE"))[..., 3] > 0
    ).sum() == everything.sum()


async def test_what_limits_requests_limits_their_hexagons(cape_town: httpx.AsyncClient) -> None:
    wide = {**QGIS, "BBOX": "-34.1,18.4,-33.7,18.8", "WIDTH": "400", "HEIGHT": "400"}
    every = (await picture(cape_town, wide))[..., 3] > 0
    for text in ("service_name = 'Animals'", "status = 'open' and service_code LIKE 'ANIMAL%'"):
        some = (await picture(cape_town, wide, CQL_FILTER=text))[..., 3] > 0
        assert some.sum() < every.sum()
    told = await ask(
        cape_town, wide, REQUEST="GetFeatureInfo", QUERY_LAYERS="requests", I="200", J="215",
        INFO_FORMAT="application/json", CQL_FILTER="status = 'open'", FEATURE_COUNT="50",
    )  # fmt: skip
    counts = [each["properties"] for each in told.json()["features"]]
    assert all(each["count"] == each["open"] for each in counts)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"LAYERS": "nothing"}, "LayerNotDefined"),
        ({"LAYERS": ""}, "LayerNotDefined"),
        ({"STYLES": "nothing"}, "StyleNotDefined"),
        ({"STYLES": "light,dark"}, "StyleNotDefined"),
        ({"CRS": "EPSG:0"}, "InvalidCRS"),
        ({"CRS": "-"}, "InvalidCRS"),
        ({"FORMAT": "image/nothing"}, "InvalidFormat"),
        ({"BBOX": "1,2,3"}, "InvalidParameterValue"),
        ({"BBOX": "-33,18,-34,19"}, "InvalidParameterValue"),
        ({"BBOX": "nan,18,-34,19"}, "InvalidParameterValue"),
        ({"WIDTH": "0"}, "InvalidParameterValue"),
        ({"WIDTH": "99999"}, "InvalidParameterValue"),
        ({"HEIGHT": "x"}, "InvalidParameterValue"),
        ({"TIME": "yesterday"}, "InvalidDimensionValue"),
        ({"CQL_FILTER": "nothing = 1"}, "InvalidParameterValue"),
        ({"BGCOLOR": "red", "TRANSPARENT": "FALSE"}, "InvalidParameterValue"),
        ({"REQUEST": "GetNothing"}, "OperationNotSupported"),
        ({"REQUEST": ""}, "MissingParameterValue"),
        ({"VERSION": ""}, "MissingParameterValue"),
        ({"SERVICE": "WFS"}, "InvalidParameterValue"),
        ({"DPI": "0"}, "InvalidParameterValue"),
        ({"SLD_BODY": "<Nothing/>"}, "InvalidParameterValue"),
        ({"SLD": "https://example.org/a.sld"}, "OperationNotSupported"),
    ],
)
async def test_what_is_badly_asked_is_refused(
    cape_town: httpx.AsyncClient, change: dict[str, str], code: str
) -> None:
    assert await refused(cape_town, QGIS, **change) == code


async def test_old_clients_are_refused_in_their_own_words(cape_town: httpx.AsyncClient) -> None:
    assert await refused(cape_town, LEAFLET, srs="EPSG:0") == "InvalidSRS"
    answer = await ask(cape_town, LEAFLET, srs="EPSG:0")
    assert answer.headers["content-type"].startswith("application/vnd.ogc.se_xml")


async def test_refusals_as_pictures(cape_town: httpx.AsyncClient) -> None:
    drawn = await picture(cape_town, QGIS, LAYERS="nothing", EXCEPTIONS="INIMAGE")
    assert (drawn[..., :3] < 100).any()
    blank = await picture(cape_town, QGIS, LAYERS="nothing", EXCEPTIONS="BLANK")
    assert not blank.any()
    red = {"EXCEPTIONS": "BLANK", "TRANSPARENT": "FALSE", "BGCOLOR": "0xFF0000"}
    coloured = await picture(cape_town, QGIS, LAYERS="nothing", **red)
    assert (coloured == (255, 0, 0, 255)).all()


async def test_there_is_nothing_beyond_the_world(cape_town: httpx.AsyncClient) -> None:
    beyond = {"CRS": "CRS:84", "BBOX": "10,91,20,111", "TRANSPARENT": "FALSE"}
    assert (await picture(cape_town, QGIS, **beyond) == 255).all()
    # the middle lies beyond the pole, and the city does not
    partly = {"CRS": "CRS:84", "BBOX": "0,-190,40,0", "WIDTH": "200", "HEIGHT": "950"}
    drawn = await picture(cape_town, QGIS, LAYERS="boundaries", **partly)
    assert drawn[..., 3].any()
    assert not drawn[450:, :, 3].any()


async def test_capabilities(cape_town: httpx.AsyncClient) -> None:
    answer = await ask(cape_town, {"SERVICE": "WMS", "REQUEST": "GetCapabilities"})
    root = etree.fromstring(answer.content)
    assert root.get("version") == "1.3.0"
    layers = root.findall(".//w:Layer/w:Layer", WMS)
    assert [each.findtext("w:Name", namespaces=WMS) for each in layers] == [
        "boundaries", "wards", "requests", "hexes",
    ]  # fmt: skip
    requests = layers[2]
    west = float(requests.findtext(".//w:westBoundLongitude", namespaces=WMS) or 0)
    boxes = {each.get("CRS"): each for each in requests.findall("w:BoundingBox", WMS)}
    # north comes first where the system has it so
    assert float(boxes["EPSG:4326"].get("miny") or 0) == pytest.approx(west, abs=1e-6)
    assert float(boxes["CRS:84"].get("minx") or 0) == pytest.approx(west, abs=1e-6)
    (time,) = requests.findall("w:Dimension", WMS)
    assert (time.text or "").startswith("2019-12-31T")
    data = requests.find("w:DataURL/w:OnlineResource", WMS)
    assert data is not None
    features = (data.get("{http://www.w3.org/1999/xlink}href") or "").partition("/collections")[2]
    # whatever a client says that it likes best: the capabilities say which format it is
    got = await cape_town.get(f"/collections{features}", headers={"Accept": "text/html"})
    assert got.headers["content-type"].startswith("application/geo+json")
    legend = requests.find(".//w:LegendURL/w:OnlineResource", WMS)
    assert legend is not None
    href = legend.get("{http://www.w3.org/1999/xlink}href") or ""
    shown = await cape_town.get("/wms?" + href.partition("?")[2] + "&TRANSPARENT=true")
    size = Image.open(io.BytesIO(shown.content)).size
    told = legend.getparent()
    assert told is not None
    assert size == (int(told.get("width") or 0), int(told.get("height") or 0))


async def test_old_capabilities(cape_town: httpx.AsyncClient) -> None:
    answer = await ask(
        cape_town, {"REQUEST": "GetCapabilities", "SERVICE": "WMS", "VERSION": "1.1.1"}
    )
    assert answer.headers["content-type"].startswith("application/vnd.ogc.wms_xml")
    root = etree.fromstring(answer.content)
    assert (root.tag, root.get("version")) == ("WMT_MS_Capabilities", "1.1.1")
    assert len(root.findall("Capability/Layer/Layer")) == 4


async def test_the_newest_capabilities_are_not_sent_again(cape_town: httpx.AsyncClient) -> None:
    query = {"SERVICE": "WMS", "REQUEST": "GetCapabilities"}
    sequence = etree.fromstring((await ask(cape_town, query)).content).get("updateSequence") or ""
    assert await refused(cape_town, query, UPDATESEQUENCE=sequence) == "CurrentUpdateSequence"
    for newer in (str(int(sequence) + 1), f"{(int(sequence) + 1) / 1e9:.9f}E9", "later"):
        assert await refused(cape_town, query, UPDATESEQUENCE=newer) == "InvalidUpdateSequence"
    older = await ask(cape_town, query, UPDATESEQUENCE=str(int(sequence) - 1))
    assert older.content.startswith(b"<?xml")


NEAR = {**QGIS, "BBOX": "-33.915,18.638,-33.914,18.639", "WIDTH": "400", "HEIGHT": "400"}


def pixel_of(row: Row) -> dict[str, str]:
    return {
        "I": str(int((row.lon - 18.638) / 0.001 * 400)),
        "J": str(int((-33.914 - row.lat) / 0.001 * 400)),
    }


@pytest.mark.parametrize(
    "form",
    [
        "text/plain",
        "text/html",
        "application/json",
        "application/geojson",
        "application/vnd.ogc.gml",
    ],
)
async def test_what_is_at_a_pixel(cape_town: httpx.AsyncClient, rows: list[Row], form: str) -> None:
    row = next(each for each in rows if 18.638 < each.lon < 18.639 and -33.915 < each.lat < -33.914)
    asked = {"REQUEST": "GetFeatureInfo", "QUERY_LAYERS": "requests", "INFO_FORMAT": form}
    told = await ask(cape_town, NEAR, **asked, **pixel_of(row), FEATURE_COUNT="50")
    assert told.headers["content-type"].startswith(form)
    assert row.service_request_id in told.text
    nothing = await ask(cape_town, NEAR, **asked, I="0", J="0", BBOX="-34.3,17,-34.299,17.001")
    assert "service_code" not in nothing.text
    if "json" in form:
        features = msgspec.json.decode(told.content)["features"]
        assert all(each["properties"]["service_code"] for each in features)


async def test_each_layer_is_asked_with_its_own_filter(
    cape_town: httpx.AsyncClient, rows: list[Row]
) -> None:
    row = next(each for each in rows if 18.638 < each.lon < 18.639 and -33.915 < each.lat < -33.914)
    assert row.status == "fixed"
    asked = {
        "REQUEST": "GetFeatureInfo", "LAYERS": "wards,requests", "QUERY_LAYERS": "requests",
        "INFO_FORMAT": "application/json", "FEATURE_COUNT": "50", **pixel_of(row),
    }  # fmt: skip
    for status in ("open", "closed"):
        filters = f"INCLUDE;status = '{status}'"
        told = await ask(cape_town, NEAR, **asked, CQL_FILTER=filters)
        found = {each["properties"]["service_request_id"] for each in told.json()["features"]}
        assert (row.service_request_id in found) == (status == "closed")


async def test_hexagons_are_found_where_they_are_drawn(cape_town: httpx.AsyncClient) -> None:
    wide = {**QGIS, "BBOX": "-34.1,18.4,-33.7,18.8", "WIDTH": "400", "HEIGHT": "400"}
    drawn = (await picture(cape_town, wide))[..., 3] > 0
    row, column = np.argwhere(drawn).mean(axis=0).astype(int)
    told = await ask(
        cape_town, wide, REQUEST="GetFeatureInfo", QUERY_LAYERS="requests", I=str(column),
        J=str(row), INFO_FORMAT="application/json",
    )  # fmt: skip
    assert told.json()["features"][0]["properties"]["count"] > 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"I": "400"}, "InvalidPoint"),
        ({"I": "x"}, "InvalidPoint"),
        ({"QUERY_LAYERS": "hexes"}, "LayerNotDefined"),
        ({"INFO_FORMAT": "text/nothing"}, "InvalidFormat"),
    ],
)
async def test_badly_pointed(
    cape_town: httpx.AsyncClient, change: dict[str, str], code: str
) -> None:
    asked = {"REQUEST": "GetFeatureInfo", "QUERY_LAYERS": "requests", "I": "1", "J": "1"}
    assert await refused(cape_town, NEAR | asked, **change) == code


async def test_layers_are_described_by_wfs(cape_town: httpx.AsyncClient) -> None:
    for query in (QGIS, LEAFLET):
        told = await ask(cape_town, query, REQUEST="DescribeLayer", request="DescribeLayer")
        assert "/maps/capetown.gov.za/wfs?" in told.text
        etree.fromstring(told.content)
