"""OGC API Features, Tiles and Styles, as their clients ask for them."""

from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import pyproj
import pytest
import shapely
from shapely.geometry import shape

from mapserve.features.crs import find_crs

pytestmark = pytest.mark.anyio

LAYERS = ["boundaries", "wards", "requests", "hexes"]
CRS = "http://www.opengis.net/def/crs/EPSG/0/"
_CLOSED = '{"op":"=","args":[{"property":"status"},"closed"]}'
SENT = ("/items", ".geojson", ".ndjson")
"""What is no document with links."""
BOX = (18.63, -33.92, 18.64, -33.91)


async def get(client: httpx.AsyncClient, path: str, expected: int = 200, /, **query: Any) -> Any:
    named = {
        name.replace("_crs", "-crs").replace("_lang", "-lang"): each for name, each in query.items()
    }
    answer = await client.get(path, params=named or None, headers={"Accept": "application/json"})
    assert answer.status_code == expected, answer.text[:300]
    if expected >= 400:
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert answer.json()["status"] == expected
    return answer.json()


async def all_of(client: httpx.AsyncClient, path: str, **query: Any) -> list[Any]:
    """Every feature, by the links to the next page."""
    page = await get(client, path, **query)
    found = list(page["features"])
    while following := link(page, "next"):
        page = await get(client, following.replace(str(client.base_url).rstrip("/"), ""))
        assert len(page["features"]) == page["numberReturned"]
        found += page["features"]
    return found


def link(document: Any, rel: str) -> str | None:
    return next((each["href"] for each in document["links"] if each["rel"] == rel), None)


@pytest.fixture
def maps(cape_town: httpx.AsyncClient) -> httpx.AsyncClient:
    """Links lead where the client is."""
    cape_town.base_url = httpx.URL("http://127.0.0.1:8311/maps/capetown.gov.za")
    return cape_town


async def test_every_link_leads_somewhere(maps: httpx.AsyncClient) -> None:
    seen, waiting = set(), [f"{maps.base_url}"]
    while waiting:
        href = waiting.pop()
        if href in seen or "{" in href:
            continue
        seen.add(href)
        accepted = "application/json, application/geo+json;q=0.9, */*;q=0.1"
        answer = await maps.get(href, headers={"Accept": accepted})
        assert answer.status_code == 200, href
        if "json" in answer.headers["content-type"] and not href.partition("?")[0].endswith(SENT):
            waiting += _hrefs(answer.json())
    assert len(seen) > 60


def _hrefs(document: Any) -> list[str]:
    if isinstance(document, list):
        return [href for each in document for href in _hrefs(each)]
    if isinstance(document, dict):
        own = [document["href"]] if isinstance(document.get("href"), str) else []
        return own + [href for each in document.values() for href in _hrefs(each)]
    return []


async def test_the_landing_page_has_what_clients_look_for(maps: httpx.AsyncClient) -> None:
    page = await get(maps, "/")
    rels = {each["rel"] for each in page["links"]}
    assert {"self", "service-desc", "service-doc", "conformance", "data"} <= rels
    described = [each for each in page["links"] if each["rel"] == "service-desc"]
    assert [each["type"] for each in described] == ["application/vnd.oai.openapi+json;version=3.0"]
    answer = await maps.get("/api", headers={"Accept": described[0]["type"]})
    assert answer.headers["content-type"] == described[0]["type"]
    assert answer.json()["openapi"].startswith("3.0.")
    named = {path: each["get"]["operationId"] for path, each in answer.json()["paths"].items()}
    tile = "/collections/wards/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"
    assert named[tile] == "wards.collection.vector.getTile"


async def test_people_get_pages(maps: httpx.AsyncClient) -> None:
    accepted = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    wards = [f"/collections/wards{more}" for more in ("", "/items", "/queryables")]
    for path in ("/", "/collections", *wards, "/api", "/conformance", "/styles", "/tileMatrixSets"):
        answer = await maps.get(path, headers={"Accept": accepted})
        assert answer.headers["content-type"].startswith("text/html"), path
        assert "<h1>" in answer.text
        assert "Accept" in answer.headers["vary"]


async def test_collections(maps: httpx.AsyncClient) -> None:
    told = await get(maps, "/collections")
    assert [each["id"] for each in told["collections"]] == LAYERS
    for each in told["collections"]:
        alone = await get(maps, f"/collections/{each['id']}")
        assert alone["extent"] == each["extent"]
        assert (
            each["storageCrs"] == each["crs"][0] == "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
        )
        items = [one for one in each["links"] if one["rel"] == "items"]
        # GDAL appends the id of a feature to it
        assert "?" not in items[0]["href"]
        assert items[0]["type"] == "application/geo+json"
    await get(maps, "/collections/nothing", 404)


async def test_pages_are_the_whole(maps: httpx.AsyncClient) -> None:
    first = await get(maps, "/collections/requests/items", limit=1000, bbox="18,-34.5,19,-33")
    found = await all_of(maps, "/collections/requests/items", limit=1000, bbox="18,-34.5,19,-33")
    assert len(found) == first["numberMatched"] > 7000
    assert max(Counter(each["id"] for each in found).values()) == 1
    query = dict(parse_qsl(urlsplit(link(first, "next") or "").query))
    assert query["bbox"] == "18,-34.5,19,-33"
    assert query["limit"] == "1000"
    names = {tuple(each["properties"]) for each in found}
    assert len(names) == 1


async def test_limits(maps: httpx.AsyncClient) -> None:
    items = "/collections/requests/items"
    everything = await all_of(maps, items, limit=10000)
    inside = {
        each["id"] for each in everything if shapely.box(*BOX).intersects(shape(each["geometry"]))
    }
    found = await all_of(maps, items, bbox=",".join(map(str, BOX)))
    assert {each["id"] for each in found} == inside
    assert 0 < len(inside) < len(everything)
    swapped = ",".join(map(str, (BOX[1], BOX[0], BOX[3], BOX[2])))
    found = await all_of(maps, items, bbox=swapped, bbox_crs=f"{CRS}4326")
    assert {each["id"] for each in found} == inside
    # its axes point west and south, so the lower left corner has the greater numbers
    lo19 = pyproj.Transformer.from_crs(4326, 2048, always_xy=True)
    corners = [*lo19.transform(*BOX[:2]), *lo19.transform(*BOX[2:])]
    assert corners[1] > corners[3]
    box = ",".join(map(str, corners))
    found = await all_of(maps, items, bbox=box, bbox_crs=f"{CRS}2048")
    assert inside <= {each["id"] for each in found} < {each["id"] for each in everything}
    across = await all_of(maps, "/collections/boundaries/items", bbox="179,-40,19,-30")
    assert any(each["id"] == "municipality.CPT" for each in across)


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ({"filter": "status = 'open'"}, lambda p: p["status"] == "open"),
        ({"status": "open"}, lambda p: p["status"] == "open"),
        ({"detailed_status": "fixed"}, lambda p: p["detailed_status"] == "fixed"),
        (
            {"filter": _CLOSED, "filter_lang": "cql2-json"},
            lambda p: p["status"] == "closed",
        ),
        (
            {"datetime": "2020-11-01T00:00:00Z/2020-11-30T23:59:59Z"},
            lambda p: "2020-11-01T00:00:00Z" <= p["requested_datetime"] <= "2020-11-30T23:59:59Z",
        ),
        (
            {"datetime": "0000-01-01T00:00:00Z/2020-10-31T00:00:00Z"},
            lambda p: p["requested_datetime"] <= "2020-10-31T00:00:00Z",
        ),
        (
            {"datetime": "2020-12-01T00:00:00Z/.."},
            lambda p: p["requested_datetime"] >= "2020-12-01T00:00:00Z",
        ),
        ({"filter": "closed_datetime IS NULL"}, lambda p: p["closed_datetime"] is None),
    ],
)  # fmt: skip
async def test_filters(maps: httpx.AsyncClient, query: dict[str, str], holds: Any) -> None:
    items = "/collections/requests/items"
    everything = await all_of(maps, items, limit=10000, skipGeometry="true")
    found = await all_of(maps, items, limit=10000, skipGeometry="true", **query)
    expected = {each["id"] for each in everything if holds(each["properties"])}
    assert {each["id"] for each in found} == expected
    assert 0 < len(expected) < len(everything)
    assert all(each["geometry"] is None for each in found)


async def test_a_shape_in_a_filter_is_in_its_own_system(maps: httpx.AsyncClient) -> None:
    west, south, east, north = BOX
    box = f"{west} {south}, {west} {north}, {east} {north}, {east} {south}, {west} {south}"
    swapped = ", ".join(" ".join(reversed(pair.split())) for pair in box.split(", "))
    one = await all_of(
        maps, "/collections/requests/items", filter=f"S_WITHIN(geometry, POLYGON(({box})))"
    )
    two = await all_of(
        maps,
        "/collections/requests/items",
        filter=f"S_WITHIN(geometry, POLYGON(({swapped})))",
        filter_crs=f"{CRS}4326",
    )
    assert [each["id"] for each in one] == [each["id"] for each in two]
    assert one


@pytest.mark.parametrize("code", [4326, 3857, 2048, 32734])
async def test_coordinates_are_in_the_system_asked_for(maps: httpx.AsyncClient, code: int) -> None:
    path = "/collections/requests/items"
    (plain,) = (await get(maps, path, limit=1))["features"]
    answer = await maps.get(path, params={"limit": 1, "crs": f"{CRS}{code}"})
    assert answer.headers["content-crs"] == f"<{CRS}{code}>"
    (placed,) = answer.json()["features"]
    # as the authority orders its axes
    first, second = pyproj.Transformer.from_crs("OGC:CRS84", code).transform(
        *plain["geometry"]["coordinates"]
    )
    assert placed["geometry"]["coordinates"] == pytest.approx([first, second], abs=0.05)
    assert find_crs(f"{CRS}{code}").is_reversed == (code == 4326)


async def test_sorting_and_properties(maps: httpx.AsyncClient) -> None:
    found = await all_of(
        maps,
        "/collections/requests/items",
        sortby="service_code,-requested_datetime",
        properties="service_code,requested_datetime",
        limit=3000,
    )
    keys = [tuple(each["properties"].values()) for each in found]
    assert keys == sorted(
        sorted(keys, key=lambda key: key[1], reverse=True), key=lambda key: key[0]
    )
    assert set(found[0]["properties"]) == {"service_code", "requested_datetime"}


async def test_one_feature(maps: httpx.AsyncClient) -> None:
    (some,) = (await get(maps, "/collections/boundaries/items", limit=1))["features"]
    alone = await get(maps, f"/collections/boundaries/items/{quote(some['id'])}")
    assert alone["properties"] == some["properties"]
    assert alone["geometry"] == some["geometry"]
    assert link(alone, "collection") == f"{maps.base_url}collections/boundaries"
    await get(maps, "/collections/boundaries/items/none", 404)


async def test_hits(maps: httpx.AsyncClient) -> None:
    told = await get(maps, "/collections/requests/items", resultType="hits")
    assert told["features"] == []
    assert told["numberMatched"] > 7000


@pytest.mark.parametrize(
    "query",
    [
        {"unknown": "1"}, {"limit": "0"}, {"limit": "x"}, {"bbox": "1,2,3"}, {"bbox": "1,2,3,x"},
        {"bbox": "1,5,2,3"}, {"bbox": "1,2,3,4", "bbox_crs": "nothing"}, {"crs": "EPSG:999999"},
        {"filter": "status ="}, {"filter": "nothing = 1"}, {"datetime": "yesterday"},
        {"datetime": "2021-01-01/2020-01-01"}, {"sortby": "nothing"}, {"properties": "nothing"},
        {"f": "pdf"}, {"resultType": "some"}, {"after": "x"}, {"filter_lang": "sql", "filter": "a"},
        {"bbox": "nan,1,2,3"}, {"bbox": "1e400,1,2,3"}, {"filter": "1=1", "filter_crs": "x"},
    ],
)  # fmt: skip
async def test_what_is_badly_asked_is_refused(
    maps: httpx.AsyncClient, query: dict[str, str]
) -> None:
    told = await get(maps, "/collections/requests/items", 400, **query)
    assert told["detail"]


async def test_tiles_are_those_of_the_map(maps: httpx.AsyncClient) -> None:
    sets = await get(maps, "/collections/requests/tiles")
    one = await get(maps, f"/collections/requests/tiles/{sets['tilesets'][0]['tileMatrixSetId']}")
    template = link(one, "item") or ""
    limits = one["tileMatrixSetLimits"][12]
    row, column = limits["minTileRow"], limits["minTileCol"]
    bodies = []
    for r in range(row, limits["maxTileRow"] + 1):
        for c in range(column, limits["maxTileCol"] + 1):
            href = template.format(tileMatrix=12, tileRow=r, tileCol=c)
            answer, same = await maps.get(href), await maps.get(f"/tiles/requests/12/{c}/{r}.mvt")
            assert answer.content == same.content
            bodies.append(answer.content)
    assert any(bodies)
    assert (await maps.get("/collections/requests/tiles/WebMercatorQuad/2/4/0")).status_code == 404
    definition = await get(maps, "/tileMatrixSets/WebMercatorQuad")
    assert definition["tileMatrices"][0]["scaleDenominator"] == pytest.approx(559082264.028717)
    geodetic = await get(maps, "/tileMatrixSets/WorldCRS84Quad")
    assert geodetic["tileMatrices"][0]["scaleDenominator"] == pytest.approx(279541132.014358)
