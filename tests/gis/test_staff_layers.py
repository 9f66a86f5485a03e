"""Layers of the staff: who reads them, what is in them, and what is written down of it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import mapbox_vector_tile
import pyogrio
import pytest
import shapely
from litestar import Litestar
from sqlalchemy import text

from geo.cells import cell_at
from geo.tiles import quadkey, tile_at
from ingest import datasets
from ingest.datasets import About
from ingest.history import analyze
from ingest.layer_files import Source
from mapserve.features.staff_requests import VISIBLE
from open311 import access_tokens, audit, staff
from open311.accounts import Role
from open311.db import Database
from open311.settings import Settings
from tests.operations import servers

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
WHERE = (18.65, -33.92)
VISIBILITIES = ("public", "pending", "hidden", "sensitive", "erased")
_FILE = text("""
insert into service_request (
    jurisdiction_id, service_request_id, service_code, visibility, status, description, geom,
    quadkey, h3, team, assignee, channel, urgency, requested_datetime, attributes
)
select :city, 'R-' || v, 'POTHOLE', v, 'assigned', 'seen by ' || v,
    st_point(:lon, :lat, 4326), :quadkey, :cell, 'roads', 'sipho', 'whatsapp', 2,
    '2024-01-02T03:04:05Z', '{"HEIGHT"\\: "private"}'
from unnest(cast(:visibilities as text[])) v
""")


@pytest.fixture
async def maps(app: Litestar, database: Database, city: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the city's maps, which have a request of each visibility at one place."""
    lon, lat = WHERE
    names = {"city": city, "lon": lon, "lat": lat, "visibilities": list(VISIBILITIES)}
    place = {"quadkey": quadkey(lon, lat), "cell": cell_at(lon, lat, 12)}
    async with database.begin(city) as connection:
        await connection.execute(_FILE, names | place)
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://m.test/maps/{city}") as it:
        yield it


async def account(database: Database, city: str, role: Role | None) -> tuple[str, str]:
    """Name and password of somebody who has a role."""
    made = await staff.create(database, f"{role or 'stranger'}@{city}", PASSWORD)
    if role is not None:
        await staff.grant(database, city, made.name, role, "tests")
    return made.name, PASSWORD


@pytest.fixture
async def analyst(database: Database, city: str) -> tuple[str, str]:
    return await account(database, city, Role.ANALYST)


def tile(zoom: int, layers: str = "staff-requests") -> str:
    x, y = tile_at(*WHERE, zoom)
    return f"/tiles/{layers}/{zoom}/{x}/{y}.mvt"


WMS = (
    "service=WMS&version=1.3.0&crs=CRS:84&bbox=18.64,-33.93,18.66,-33.91&width=256&height=256"
    "&styles="
)
PLACES = (
    "/collections/staff-requests",
    "/collections/staff-requests/items",
    "/collections/staff-requests/items/R-public",
    "/collections/staff-requests/queryables",
    "/collections/staff-requests/tiles",
    "/collections/staff-requests/tiles/WebMercatorQuad",
    "/tiles/staff-requests.json",
    "/tiles/requests,staff-requests.json",
    tile(14),
    tile(14, "requests,staff-requests"),
    "/styles/staff-requests.json",
    f"/wms?{WMS}&request=GetMap&layers=staff-requests&format=image/png",
    f"/wms?{WMS}&request=GetMap&layers=wards,staff-requests&format=image/png",
    f"/wms?{WMS}&request=GetFeatureInfo&layers=staff-requests&query_layers=staff-requests"
    "&i=128&j=128&info_format=application/json",
    "/wfs?service=WFS&version=2.0.0&request=GetFeature&typenames=staff-requests",
    "/wfs?service=WFS&version=2.0.0&request=DescribeFeatureType&typenames=staff-requests",
    "/wfs?service=WFS&version=1.1.0&request=GetFeature&typename=staff-requests",
    tile(14).replace(".mvt", ".png"),
    tile(14, "requests,staff-requests").replace(".mvt", "@2x.png"),
    "/wmts?service=WMTS&version=1.0.0&request=GetTile&layer=staff-requests&style=light"
    "&format=image/png&tilematrixset=WebMercatorQuad&tilematrix=0&tilerow=0&tilecol=0",
    "/wmts/1.0.0/staff-requests/light/WebMercatorQuad/0/0/0.png",
    *(f"/export/staff-requests.{each}" for each in ("geojson", "csv", "gpkg", "shp.zip", "xlsx")),
)


@pytest.mark.parametrize("path", PLACES)
async def test_only_the_staff_reads_them(
    maps: httpx.AsyncClient, database: Database, city: str, path: str
) -> None:
    bare = await maps.get(path)
    assert bare.status_code == 401
    assert "basic" in bare.headers["www-authenticate"].lower()
    for role in (None, Role.FIELD):
        refused = await maps.get(path, auth=await account(database, city, role))
        assert refused.status_code == 403
    for role in (Role.MANAGER, Role.ANALYST, Role.ADMIN):
        answer = await maps.get(path, auth=await account(database, city, role))
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "private, no-store"
    for wrong in (bare, refused):
        assert "R-hidden" not in wrong.text


async def test_a_role_elsewhere_is_none_here(
    maps: httpx.AsyncClient, database: Database, city: str
) -> None:
    there = await account(database, f"test.{city}", Role.ADMIN)
    answer = await maps.get("/collections/staff-requests/items", auth=there)
    assert answer.status_code == 403


async def test_they_are_listed_for_the_staff_alone(
    maps: httpx.AsyncClient, analyst: tuple[str, str]
) -> None:
    listed = (
        "/wms?service=WMS&request=GetCapabilities",
        "/wfs?service=WFS&request=GetCapabilities",
    )
    for path in ("/collections", "/styles", "/api", "/", "/qgis.qlr", *listed):
        for accepted in ("application/json", "text/html"):
            bare = await maps.get(path, headers={"Accept": accepted})
            assert bare.status_code == 200
            assert "staff-requests" not in bare.text, path
    for path in ("/collections?f=json", "/qgis.qlr", *listed):
        assert "staff-requests" in (await maps.get(path, auth=analyst)).text, path


async def test_they_hold_what_everybody_does_not_see(
    maps: httpx.AsyncClient, analyst: tuple[str, str]
) -> None:
    path = "/collections/staff-requests/items"
    found = (await maps.get(path, auth=analyst, params={"f": "json"})).json()
    told = {each["id"]: each["properties"] for each in found["features"]}
    assert set(told) == {"R-public", "R-pending", "R-hidden", "R-sensitive"}
    hidden = told["R-hidden"]
    assert hidden["visibility"] == "hidden"
    assert (hidden["detailed_status"], hidden["team"]) == ("assigned", "roads")
    assert (hidden["assignee"], hidden["channel"], hidden["urgency"]) == ("sipho", "whatsapp", 2)
    assert not {"reporter_id", "attributes", "content_hash"} & set(hidden)
    assert "private" not in json.dumps(found)
    public = await maps.get("/collections/requests/items", auth=analyst, params={"f": "json"})
    assert [each["id"] for each in public.json()["features"]] == ["R-public"]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ({"bbox": "18.6,-33.93,18.7,-33.91"}, 4),
        ({"bbox": "18.6,-33.91,18.7,-33.90"}, 0),
        ({"filter": "visibility = 'hidden' and team = 'roads'"}, 1),
        ({"assignee": "sipho", "status": "open"}, 4),
        ({"status": "closed"}, 0),
        ({"datetime": "2024-01-02T00:00:00Z/.."}, 4),
        ({"sortby": "-visibility", "limit": "2"}, 2),
    ],
)
async def test_they_are_filtered_like_others(
    maps: httpx.AsyncClient, analyst: tuple[str, str], query: dict[str, str], number: int
) -> None:
    path = "/collections/staff-requests/items"
    found = await maps.get(path, auth=analyst, params={"f": "json", **query})
    assert found.status_code == 200, found.text
    assert found.json()["numberReturned"] == number


@pytest.mark.parametrize("zoom", [0, 9, 16, 20])
async def test_their_tiles_are_drawn_and_not_kept(
    maps: httpx.AsyncClient, analyst: tuple[str, str], zoom: int
) -> None:
    path = tile(zoom)
    for _ in range(2):
        answer = await maps.get(path, auth=analyst)
        layer = mapbox_vector_tile.decode(answer.content)["staff-requests"]
        seen = {each["properties"]["service_request_id"] for each in layer["features"]}
        assert seen == {"R-public", "R-pending", "R-hidden", "R-sensitive"}
        assert layer["features"][0]["properties"]["team"] == "roads"
        assert (await maps.get(path)).status_code == 401


async def test_a_public_tile_stays_public_beside_them(
    maps: httpx.AsyncClient, analyst: tuple[str, str]
) -> None:
    both = await maps.get(tile(16, "requests,staff-requests"), auth=analyst)
    assert set(mapbox_vector_tile.decode(both.content)) == {"requests", "staff-requests"}
    alone = await maps.get(tile(16, "requests"))
    decoded = mapbox_vector_tile.decode(alone.content)["requests"]["features"]
    assert [each["properties"]["service_request_id"] for each in decoded] == ["R-public"]


async def test_each_use_is_written_down(
    maps: httpx.AsyncClient, database: Database, city: str, analyst: tuple[str, str]
) -> None:
    asked = "/collections/staff-requests/items?f=json&limit=1"
    await maps.get(asked, auth=analyst)
    token = await access_tokens.create(database, analyst[0], "QGIS", 30, "tests")
    await maps.get(tile(16), headers={"Authorization": f"Bearer {token}"})
    await maps.get("/collections/requests/items", auth=analyst)
    await maps.get("/collections/staff-requests/items")
    uses = await audit.list_uses(database, city, 1)
    assert [(each.account, each.layer) for each in uses] == [(analyst[0], "staff-requests")] * 2
    assert uses[0].asked == f"GET /maps/{city}{asked}"
    assert uses[1].asked == f"GET /maps/{city}{tile(16)}"


async def test_where_hexagons_hide_requests_the_staff_sees_them(
    maps: httpx.AsyncClient, app: Litestar, database: Database, city: str, analyst: tuple[str, str]
) -> None:
    hide = text(
        "update jurisdiction set settings = '{\"hex_minimum\"\\: 5}' where jurisdiction_id = :city"
    )
    async with database.shared() as connection:
        await connection.execute(hide, {"city": city})
    public = await maps.get("/collections/requests/items", auth=analyst)
    assert public.status_code == 404
    found = await maps.get("/collections/staff-requests/items", auth=analyst)
    assert found.json()["numberReturned"] == 4


async def test_a_dataset_for_the_staff(
    maps: httpx.AsyncClient,
    database: Database,
    settings: Settings,
    city: str,
    analyst: tuple[str, str],
    tmp_path: Path,
) -> None:
    file = tmp_path / "valves.gpkg"
    gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(*WHERE)], crs=4326).to_file(file)
    about = About("valves", "Valves", access="staff")
    await datasets.import_file(database, settings, city, Source(file), about)
    for path in ("/collections/valves/items?f=json", tile(16, "valves")):
        assert (await maps.get(path)).status_code == 401
        answer = await maps.get(path, auth=analyst)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"
    assert "valves" not in (await maps.get("/collections?f=json")).text
    assert "valves" in (await maps.get("/collections?f=json", auth=analyst)).text
    layers = {each.layer for each in await audit.list_uses(database, city, 1)}
    assert layers == {"valves"}


async def test_the_right_password_in_a_wrong_header_is_none(
    maps: httpx.AsyncClient, analyst: tuple[str, str]
) -> None:
    good = base64.b64encode(":".join(analyst).encode()).decode()
    for header in (f"Basic {good[:-4]}", f"Bearer {good}", good, f"Basic {good} x"):
        answer = await maps.get(
            "/collections/staff-requests/items", headers={"Authorization": header}
        )
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_boxes_of_the_staff_are_read_by_indexes(
    database: Database, settings: Settings, city: str
) -> None:
    """One of the public requests and one of the others, for a policy keeps no spatial one."""
    many = text("""
    insert into service_request (
        jurisdiction_id, service_request_id, service_code, visibility, geom, quadkey
    )
    select :city, n, 'POTHOLE', case when n % 20 = 0 then 'hidden' else 'public' end,
        st_point(18, -34, 4326), n * 1000
    from generate_series(1, 20000) n
    """)
    within = "r.quadkey >= 5000000 and r.quadkey < 5100000"
    sql = f"""
    explain select count(*) from service_request r
    where r.jurisdiction_id = :city and {VISIBLE.format(within=within)}
    """
    async with database.begin(city) as connection:
        await connection.execute(many, {"city": city})
    await analyze(settings, "service_request")
    async with database.begin(city) as connection:
        plan = "\n".join((await connection.execute(text(sql), {"city": city})).scalars())
    assert "service_request_quadkey_idx" in plan, plan
    assert "service_request_private_quadkey_idx" in plan


async def test_gdal_logs_in_and_reads_them(
    maps: httpx.AsyncClient,
    settings: Settings,
    city: str,
    analyst: tuple[str, str],
    tmp_path: Path,
) -> None:
    """As `GDAL_HTTP_USERPWD` has it, and QGIS with an account for the connection."""

    def read(kind: str, root: str) -> list[Any]:
        pyogrio.set_gdal_config_options({"GDAL_HTTP_USERPWD": ":".join(analyst)})
        try:
            source = f"{kind}:{root}" if kind == "OAPIF" else f"WFS:{root}/wfs"
            names = [str(name) for name, _type in pyogrio.list_layers(source)]
            (name,) = (name for name in names if name.endswith("staff-requests"))
            found = pyogrio.read_dataframe(source, layer=name)
            return sorted(found["visibility"])
        finally:
            pyogrio.set_gdal_config_options({"GDAL_HTTP_USERPWD": None})

    expected = ["hidden", "pending", "public", "sensitive"]
    with servers.serving(tmp_path, **servers.services(settings, tmp_path)) as server:
        for kind in ("OAPIF", "WFS"):
            root = f"{server.base}/maps/{city}"
            assert await asyncio.to_thread(read, kind, root) == expected
