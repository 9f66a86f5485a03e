"""Tables and views of a city's own schema, published as layers."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import create_async_engine

from open311 import db, staff
from open311.accounts import Role
from open311.app import create_app
from open311.connections import close_context, open_context
from open311.db import Database
from open311.settings import Settings
from tests.gis.publishing import PASSWORD, Desk

pytestmark = pytest.mark.anyio

# coordinates of Cape Town in the South African grid, zone 34 south of UTM
TABLES = """
create schema "{schema}";
create table "{schema}"."Pipes ""old"":x" (
    id integer, "dia (mm)" numeric, laid date, checked timestamptz, noted timestamp,
    active boolean, note text, extra jsonb, place geometry(LineString, 32734)
);
insert into "{schema}"."Pipes ""old"":x"
select n, n * 12.5, '2001-02-03', '2001-02-03T04:05:06+02', '2001-02-03 04:05:06', n % 2 = 0,
    'pipe ' || n, '{{"a"\\: 1}}',
    st_setsrid(st_makeline(st_point(282713 + n, 6244125), st_point(282813 + n, 6244225)), 32734)
from generate_series(1, 12000) n;
create view "{schema}".short as
    select id, place from "{schema}"."Pipes ""old"":x" where id <= 5;
create table "{schema}".bare (id integer);
create table "{schema}".two (a geometry, b geometry);
grant usage on schema "{schema}" to "{role}";
grant select on "{schema}"."Pipes ""old"":x", "{schema}".short, "{schema}".bare, "{schema}".two
    to "{role}";
create table "{schema}".secret (place geometry(Point, 4326));
"""


@pytest.fixture
def schema(city: str) -> str:
    return f"gis_{city.partition('.')[0]}"


@pytest.fixture
def settings(settings: Settings, city: str, schema: str) -> Settings:
    schemas = ("elsewhere.test=gis_elsewhere", f"{city}={schema}")
    return msgspec.structs.replace(settings, layer_schemas=schemas)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Litestar]:
    made = create_app(settings)
    async with made.lifespan():
        yield made


@pytest.fixture
async def desk(
    app: Litestar, database: Database, settings: Settings, city: str, schema: str
) -> AsyncIterator[Desk]:
    """An analyst of a city that has a schema of its own."""
    engine = create_async_engine(db.owner_url(settings))
    role = db.role_url(settings, "app").username
    async with engine.begin() as connection:
        for statement in TABLES.replace("\\:", ":").format(schema=schema, role=role).split(";\n"):
            if statement.strip():
                await connection.exec_driver_sql(statement)
    await engine.dispose()
    made = await staff.create(database, f"analyst@{city}", PASSWORD)
    await staff.grant(database, city, made.name, Role.ANALYST, "tests")
    context = open_context(settings)
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    who, base = (made.name, PASSWORD), f"http://m.test/maps/{city}"
    async with httpx.AsyncClient(transport=transport, base_url=base, auth=who) as client:
        yield Desk(client, context, city)
    await close_context(context)


async def publish(desk: Desk, table: str, name: str = "pipes") -> Any:
    sent = await desk.client.put(f"/admin/layers/{name}", params={"table": table})
    assert sent.status_code == 202, sent.text
    await desk.work()
    return await desk.upload(sent.json()["upload_id"])


async def test_a_table_becomes_a_layer_with_its_types(desk: Desk) -> None:
    done = await publish(desk, 'Pipes "old":x')
    assert done["state"] == "done", done
    assert done["outcome"]["features"] == 12_000
    told = await desk.layer("pipes")
    assert told["geometry_type"] == "LineString"
    assert {each["name"]: each["type"] for each in told["fields"]} == {
        **{"id": "integer", "dia (mm)": "number", "laid": "date", "checked": "date-time"},
        **{"noted": "date-time", "active": "boolean", "note": "string"},
    }
    west, south, east, north = told["bounds"]
    assert 18.6 < west < east < 18.8
    assert -34 < south < north < -33.8
    first = (await desk.features("pipes"))[0]["properties"]
    assert first["checked"] == "2001-02-03T02:05:06Z"
    assert (first["dia (mm)"], first["laid"], first["note"]) == (12.5, "2001-02-03", "pipe 1")


async def test_a_view_is_read_when_it_is_published(desk: Desk) -> None:
    done = await publish(desk, "short")
    assert (done["state"], done["outcome"]["features"]) == ("done", 5)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("nothing", "no table or view 'nothing'"),
        ("bare", "must have one column of shapes; it has no column"),
        ("two", "one column of shapes; it has columns a, b"),
        ("secret", "grant usage on the schema"),
        ("public.service_request", "no table or view"),
        ('short"; drop table feature; --', "no table or view"),
    ],
)
async def test_what_is_no_layer_is_told(desk: Desk, table: str, told: str) -> None:
    failed = await publish(desk, table)
    assert failed["state"] == "failed"
    assert told in failed["problem"]


async def test_a_city_reads_no_schema_but_its_own(desk: Desk, settings: Settings) -> None:
    """One that no setting names for it has none: not even that of the server's own tables."""
    desk.context.settings = msgspec.structs.replace(settings, layer_schemas=("other.test=public",))
    failed = await publish(desk, "service_request")
    assert (failed["state"], "has no schema" in failed["problem"]) == ("failed", True)


async def test_a_place_in_the_store_is_nobodys_to_name(desk: Desk) -> None:
    for more in ({"object_key": "a/b.jpg"}, {"suffix": ".vrt"}):
        refused = await desk.client.put("/admin/layers/pipes", params={"table": "short", **more})
        assert refused.status_code == 400
