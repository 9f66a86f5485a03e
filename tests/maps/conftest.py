"""The demo's Cape Town, with real requests to draw, and servers whose news the test relays."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from demo.load import load
from mapserve import recount, rollups
from open311 import db, events
from open311.app import create_app
from open311.db import Database
from open311.settings import Settings
from tests.conftest import new_database
from tests.maps.streams import Server, serving
from tests.maps.truth import Row

CAPE_TOWN = "capetown.gov.za"
_ROWS = text("""
select service_request_id, service_code, status, requested_datetime, closed_datetime,
    st_y(geom) as lat, st_x(geom) as lon
from service_request
where jurisdiction_id = :jurisdiction_id and geom is not null
""")


@pytest.fixture(scope="session")
def settings(services: Settings) -> Iterator[Settings]:
    """A database of their own for these tests: nobody relays there but them."""
    with new_database(services) as made:
        yield msgspec.structs.replace(made, relay_milliseconds=20, live_milliseconds=20)


@pytest.fixture
async def relaying(database: Database, settings: Settings) -> AsyncIterator[None]:
    """What a worker does for maps and streams."""
    going = asyncio.create_task(events.relay(database, rollups.follow, settings))
    yield
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)


@pytest.fixture
async def server(settings: Settings, relaying: None) -> AsyncIterator[Server]:
    """A server on a real socket, whose news are relayed."""
    async with serving(settings) as made:
        yield made


@pytest.fixture(scope="session")
def demo(services: Settings) -> Iterator[Settings]:
    """Settings of a database with the demo's cities, as they are once a worker has counted."""
    with new_database(services) as made:
        asyncio.run(_fill(made))
        yield made


async def _fill(settings: Settings) -> None:
    await load(settings, report=lambda _line: None)
    async with db.connected(settings) as database:
        await recount.rebuild(database, CAPE_TOWN)


@pytest.fixture(scope="session")
async def rows(demo: Settings) -> list[Row]:
    """The requests of Cape Town that have a place; all are public."""
    async with db.connected(demo) as database, database.begin(CAPE_TOWN) as connection:
        return list((await connection.execute(_ROWS, {"jurisdiction_id": CAPE_TOWN})).all())


@pytest.fixture(scope="module")
async def demo_app(demo: Settings) -> AsyncIterator[Litestar]:
    """The server on the demo's database."""
    made = create_app(demo)
    async with made.lifespan():
        yield made


@pytest.fixture
async def cape_town(demo_app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the maps of Cape Town."""
    transport = httpx.ASGITransport(demo_app, client=("203.0.113.9", 50000))
    base = f"http://maps.test/maps/{CAPE_TOWN}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as made:
        yield made
