"""Tiles of pictures: by WMTS, as parameters and as paths, and as any web map asks for them."""

import io
from typing import Any

import httpx
import numpy as np
import pytest
from lxml import etree
from numpy.typing import NDArray
from PIL import Image

from geo.tiles import tile_at

pytestmark = pytest.mark.anyio

SPACES = {"w": "http://www.opengis.net/wmts/1.0", "ows": "http://www.opengis.net/ows/1.1"}
LON, LAT = 18.64, -33.915
TILE = {
    "SERVICE": "WMTS", "REQUEST": "GetTile", "VERSION": "1.0.0", "LAYER": "requests",
    "STYLE": "light", "FORMAT": "image/png", "TILEMATRIXSET": "WebMercatorQuad",
}  # fmt: skip


def at(zoom: int) -> dict[str, str]:
    column, row = tile_at(LON, LAT, zoom)
    return {"TILEMATRIX": str(zoom), "TILEROW": str(row), "TILECOL": str(column)}


def pixels(answer: httpx.Response) -> NDArray[Any]:
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


async def refused(
    client: httpx.AsyncClient, path: str, **query: str
) -> tuple[int, str, str | None]:
    answer = await client.get(path, params=query or None)
    (only,) = etree.fromstring(answer.content).findall("ows:Exception", SPACES)
    return answer.status_code, only.get("exceptionCode") or "", only.get("locator")


async def test_all_ways_lead_to_the_same_tile(cape_town: httpx.AsyncClient) -> None:
    for zoom in (10, 13, 16):
        asked = at(zoom)
        row, column = asked["TILEROW"], asked["TILECOL"]
        by_name = pixels(await cape_town.get("/wmts", params=TILE | asked))
        path = f"/wmts/1.0.0/requests/light/WebMercatorQuad/{zoom}/{row}/{column}.png"
        by_path = pixels(await cape_town.get(path))
        plain = pixels(await cape_town.get(f"/tiles/requests/{zoom}/{column}/{row}.png"))
        assert by_name.shape == (256, 256, 4)
        assert by_name[..., 3].any()
        assert (by_name == by_path).all()
        assert (by_name == plain).all()


async def test_neighbours_fit_together(cape_town: httpx.AsyncClient) -> None:
    """What four tiles show is what the one above them shows, four times as large."""
    column, row = tile_at(LON, LAT, 15)
    fine = pixels(await cape_town.get(f"/tiles/wards/15/{column}/{row}@2x.png"))
    assert fine.shape == (512, 512, 4)
    quarters = [
        [
            pixels(await cape_town.get(f"/tiles/wards/16/{2 * column + x}/{2 * row + y}.png"))
            for x in (0, 1)
        ]
        for y in (0, 1)
    ]
    whole = np.block([[[each] for each in line] for line in quarters])
    there = [(each[..., 3] > 60).sum() for each in (whole, fine)]
    assert there[0] > 0
    assert there[0] == pytest.approx(there[1], rel=1.2)


async def test_tiles_in_degrees(cape_town: httpx.AsyncClient) -> None:
    zoom = 12
    width = 180 / (1 << zoom)
    where = {
        "TILEMATRIX": str(zoom), "TILECOL": str(int((LON + 180) / width)),
        "TILEROW": str(int((90 - LAT) / width)), "TILEMATRIXSET": "WorldCRS84Quad",
    }  # fmt: skip
    assert pixels(await cape_town.get("/wmts", params=TILE | where))[..., 3].any()


async def test_tiles_are_kept_and_told_by_their_tags(cape_town: httpx.AsyncClient) -> None:
    column, row = tile_at(LON, LAT, 14)
    path = f"/tiles/requests/14/{column}/{row}.png"
    first = await cape_town.get(path)
    again = await cape_town.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    dark = await cape_town.get(path, params={"theme": "dark"})
    assert dark.headers["etag"] != first.headers["etag"]
    some = await cape_town.get(path, params={"status": "open"})
    assert (pixels(some)[..., 3] > 0).sum() < (pixels(first)[..., 3] > 0).sum()


async def test_capabilities(cape_town: httpx.AsyncClient) -> None:
    by_path = await cape_town.get("/wmts/1.0.0/WMTSCapabilities.xml")
    by_name = await cape_town.get("/wmts", params={"service": "WMTS", "request": "GetCapabilities"})
    assert by_path.content == by_name.content
    root = etree.fromstring(by_path.content)
    path = "/wmts/1.0.0/WMTSCapabilities.xml"
    for wanted, status in (("example/unknown", 406), ("application/xml", 200), ("text/*", 200)):
        assert (await cape_town.get(path, headers={"Accept": wanted})).status_code == status
    layers = [each.text for each in root.findall("w:Contents/w:Layer/ows:Identifier", SPACES)]
    assert layers == ["boundaries", "wards", "requests", "hexes"]
    corners = [each.text for each in root.iterfind(".//w:TopLeftCorner", SPACES)]
    assert corners[0] == "-20037508.3427892 20037508.3427892"
    assert "-180.0 90.0" in corners
    scale = root.findtext(".//w:TileMatrix/w:ScaleDenominator", namespaces=SPACES)
    assert float(scale or 0) == pytest.approx(559082264.028717)


def _missing(name: str) -> tuple[str, str]:
    return "MissingParameterValue", name


async def test_no_version_in_common(cape_town: httpx.AsyncClient) -> None:
    query = {"SERVICE": "WMTS", "REQUEST": "GetCapabilities", "ACCEPTVERSIONS": "1.1.0,1.2.0"}
    told = await refused(cape_town, "/wmts", **query)
    assert told == (400, "VersionNegotiationFailed", None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"LAYER": "nothing"}, (400, "InvalidParameterValue", "Layer")),
        ({"LAYER": ""}, (400, "MissingParameterValue", "layer")),
        ({"STYLE": "nothing"}, (400, "InvalidParameterValue", "Style")),
        ({"FORMAT": "image/gif"}, (400, "InvalidParameterValue", "Format")),
        ({"TILEMATRIXSET": "nothing"}, (400, "InvalidParameterValue", "TileMatrixSet")),
        ({"TILEMATRIX": "99"}, (400, "InvalidParameterValue", "TileMatrix")),
        ({"TILEROW": "99999999"}, (400, "TileOutOfRange", "TileRow")),
        ({"TILECOL": "99999999"}, (400, "TileOutOfRange", "TileCol")),
        ({"TILECOL": "-1"}, (400, "InvalidParameterValue", "TileCol")),
        ({"VERSION": "2.0.0"}, (400, "InvalidParameterValue", "version")),
        ({"REQUEST": "GetNothing"}, (400, "InvalidParameterValue", "request")),
        ({"REQUEST": "GetFeatureInfo", "I": "1", "J": "1"}, (400, *_missing("infoformat"))),
        ({"REQUEST": "GetFeatureInfo", "INFOFORMAT": "text/html", "J": "1"}, (400, *_missing("i"))),
        ({"REQUEST": ""}, (400, "MissingParameterValue", "request")),
    ],
)
async def test_what_is_badly_asked_is_refused(
    cape_town: httpx.AsyncClient, change: dict[str, str], told: tuple[int, str, str]
) -> None:
    assert await refused(cape_town, "/wmts", **TILE | at(12) | change) == told


async def test_the_style_is_told_though_it_may_be_empty(cape_town: httpx.AsyncClient) -> None:
    asked = TILE | at(12)
    named = await cape_town.get("/wmts", params=asked)
    assert (
        pixels(await cape_town.get("/wmts", params=asked | {"STYLE": ""})) == pixels(named)
    ).all()
    del asked["STYLE"]
    assert await refused(cape_town, "/wmts", **asked) == (400, *_missing("style"))


async def test_paths_that_lead_nowhere(cape_town: httpx.AsyncClient) -> None:
    start = "/wmts/1.0.0/requests/light/WebMercatorQuad"
    for path in (f"{start}/2/9/0.png", f"{start}/2/0/0.gif", f"{start}/2/0.png"):
        assert (await refused(cape_town, path))[0] == 404
    for path in ("/tiles/requests/2/9/0.png", "/tiles/requests/x/0/0.png", "/tiles/none/0/0/0.png"):
        assert (await cape_town.get(path)).status_code == 404


async def test_what_is_at_a_pixel(cape_town: httpx.AsyncClient) -> None:
    asked = at(10)
    drawn = pixels(await cape_town.get("/wmts", params=TILE | asked))[..., 3] > 0
    row, column = np.argwhere(drawn)[len(np.argwhere(drawn)) // 2]
    query = TILE | asked | {"REQUEST": "GetFeatureInfo", "I": str(column), "J": str(row)}
    query["INFOFORMAT"] = "application/geo+json"
    told = await cape_town.get("/wmts", params=query)
    assert told.json()["features"][0]["properties"]["count"] > 0
    path = f"/wmts/1.0.0/requests/light/WebMercatorQuad/10/{asked['TILEROW']}/{asked['TILECOL']}"
    assert (await cape_town.get(f"{path}/{row}/{column}.json")).json() == told.json()
    assert (await refused(cape_town, "/wmts", **query | {"I": "256"}))[1] == "PointIJOutOfRange"
