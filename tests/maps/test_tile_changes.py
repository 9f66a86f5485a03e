"""What is kept is right: dropped when it changes, drawn once for all, not relied on blindly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import mapbox_vector_tile
import msgspec
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from geo.tiles import tile_at
from open311 import catalogue, db, progress
from open311.db import Database
from open311.settings import Settings
from open311.workflow import Status
from tests.conftest import CITY
from tests.maps.streams import PATIENCE_SECONDS, Server, serving, with_sensitive

pytestmark = pytest.mark.anyio

HERE = (18.65, -33.92)
REPORT = {"service_code": "POTHOLE", "lat": str(HERE[1]), "long": str(HERE[0])}
ZOOMS = (0, 5, 8, 10, 13, 15, 18)


@asynccontextmanager
async def browsing(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.base, timeout=PATIENCE_SECONDS) as client:
        yield client


async def file(client: httpx.AsyncClient, city: str, **fields: str) -> str:
    form = {**REPORT, "api_key": f"key-{city}", **fields}
    answer = await client.post(f"/open311/{city}/v2/requests.json", data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()[0].get("service_request_id", ""))


def tile(city: str, zoom: int, layer: str = "requests", query: str = "") -> str:
    x, y = tile_at(*HERE, zoom)
    return f"/maps/{city}/tiles/{layer}/{zoom}/{x}/{y}.mvt?{query}"


async def number(client: httpx.AsyncClient, url: str) -> int:
    """How many requests a tile shows, as points or counted by hexagons."""
    answer = await client.get(url)
    assert answer.status_code in (200, 204), answer.text
    if not answer.content:
        return 0
    (layer,) = mapbox_vector_tile.decode(answer.content).values()
    return sum(each["properties"].get("count", 1) for each in layer["features"])


async def until(client: httpx.AsyncClient, url: str, wanted: int) -> None:
    """Read a tile until it shows so many."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await number(client, url) != wanted:  # noqa: ASYNC110 it is not ours to signal
            await asyncio.sleep(0.02)


async def test_kept_tiles_change_with_what_they_show(
    server: Server, database: Database, city: str
) -> None:
    urls = [tile(city, zoom) for zoom in ZOOMS] + [tile(city, 14, "hexes")]
    still_open = [tile(city, zoom, query="status=open") for zoom in ZOOMS]
    async with browsing(server) as client:
        for url in urls + still_open:
            assert await number(client, url) == 0
        first, _ = await file(client, city), await file(client, city)
        for url in urls + still_open:
            await until(client, url, 2)
        async with database.begin(city) as connection:
            now = (await progress.standing(connection, city, first)).updated_datetime
            await progress.move(connection, city, first, Status.FIXED, None, "tests", now)
        for url in still_open:
            await until(client, url, 1)
        for url in urls:
            assert await number(client, url) == 2


async def relayed(database: Database, city: str) -> None:
    """Wait until all that happened has been told to the server, too."""
    asked = text("select count(*) from event where number is null")
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with database.begin(city) as connection:
            while (await connection.execute(asked)).scalar_one():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)  # ten times what the server lets pass between two looks


async def test_tiles_elsewhere_stay_kept(server: Server, database: Database, city: str) -> None:
    elsewhere = "/maps/{}/tiles/requests/15/{}/{}.mvt".format(city, *tile_at(18.61, -33.99, 15))
    async with browsing(server) as client:
        await file(client, city, lat="-33.99", long="18.61")
        await until(client, elsewhere, 1)
        await relayed(database, city)
        await number(client, elsewhere)
        drawn = count("drawn")
        await file(client, city)
        await until(client, tile(city, 15), 1)
        changed = count("drawn") - drawn
        assert changed >= 1
        assert await number(client, elsewhere) == 1
        assert count("drawn") - drawn == changed


async def test_a_service_that_becomes_sensitive_leaves_every_tile(
    server: Server, database: Database, city: str
) -> None:
    async with browsing(server) as client:
        await file(client, city)
        for zoom in ZOOMS:
            await until(client, tile(city, zoom), 1)
        read = msgspec.structs.replace(catalogue.read(CITY), jurisdiction_id=city)
        await catalogue.load(database, with_sensitive(read, "POTHOLE"))
        for zoom in ZOOMS:
            await until(client, tile(city, zoom), 0)


def count(source: str) -> float:
    return REGISTRY.get_sample_value("open311_tiles_total", {"source": source}) or 0.0


@asynccontextmanager
async def locked(settings: Settings) -> AsyncIterator[AsyncConnection]:
    """Nobody can read requests: whoever draws a tile waits in the database."""
    engine = create_async_engine(db.owner_url(settings))
    async with engine.connect() as connection, connection.begin():
        await connection.execute(text("lock table service_request in access exclusive mode"))
        yield connection
    await engine.dispose()


_WAITING = text("""
select count(*) from pg_stat_activity
where datname = current_database() and wait_event_type = 'Lock'
""")


async def waiting(connection: AsyncConnection, wanted: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await connection.execute(_WAITING)).scalar_one() != wanted:
            await connection.execute(text("select pg_stat_clear_snapshot()"))
            await asyncio.sleep(0.02)


async def test_many_who_ask_at_once_share_one_query(
    server: Server, settings: Settings, city: str
) -> None:
    async with browsing(server) as client:
        await number(client, tile(city, 8))  # what the process remembers of the city
        drawn, shared = count("drawn"), count("shared")
        async with locked(settings) as connection:
            asking = [asyncio.create_task(number(client, tile(city, 16))) for _ in range(10)]
            await waiting(connection, 1)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while count("shared") - shared < 9:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        assert await asyncio.gather(*asking) == [0] * 10
        assert (count("drawn") - drawn, count("shared") - shared) == (1, 9)


async def test_who_goes_away_takes_the_query_along(
    server: Server, settings: Settings, city: str
) -> None:
    async with browsing(server) as client:
        await number(client, tile(city, 8))
        async with locked(settings) as connection:
            asking = asyncio.create_task(number(client, tile(city, 16)))
            await waiting(connection, 1)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await waiting(connection, 0)
        assert await number(client, tile(city, 16)) == 0


async def test_a_full_pool_says_when_to_come_back_and_recovers(
    settings: Settings, relaying: None, city: str
) -> None:
    tight = msgspec.structs.replace(settings, map_pool_size=1, map_wait_seconds=0.2)
    async with serving(tight) as server, browsing(server) as client:
        await number(client, tile(city, 8))
        async with locked(settings) as connection:
            asking = asyncio.create_task(number(client, tile(city, 16)))
            await waiting(connection, 1)
            refused = await client.get(tile(city, 17))
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
        assert await asking == 0
        assert await number(client, tile(city, 17)) == 0


async def test_nothing_kept_is_served_when_no_news_is_heard(settings: Settings, city: str) -> None:
    """Nobody relays, and the process asks once in a minute: what it kept may be wrong."""
    deaf = msgspec.structs.replace(settings, live_milliseconds=60_000)
    async with serving(deaf) as server, browsing(server) as client:
        assert await number(client, tile(city, 16)) == 0
        await file(client, city)
        await asyncio.sleep(1.1)  # kept tiles are good for a second
        assert await number(client, tile(city, 16)) == 1
        await file(client, city)
        assert await number(client, tile(city, 16)) == 2
