"""What is not public changes no byte of any map, and few requests do not tell of single ones."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import h3
import httpx
import msgspec
import pytest
from sqlalchemy import text

from geo.tiles import tile_at
from open311 import catalogue
from open311.db import Database
from tests.conftest import CITY
from tests.maps.streams import PATIENCE_SECONDS, Server

pytestmark = pytest.mark.anyio

LEAST = 5
RANDOM = random.Random(7)  # noqa: S311 the same towns each time
POINTS = [(RANDOM.uniform(18.63, 18.68), RANDOM.uniform(-33.96, -33.91)) for _ in range(120)]
HIDDEN = {"ABUSE": "sensitive", "GRAFFITI": "not numbered yet", "NOISE": "never shown"}


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.base, timeout=PATIENCE_SECONDS) as made:
        yield made


async def file(
    client: httpx.AsyncClient, city: str, service_code: str, point: tuple[float, float]
) -> None:
    form = {"service_code": service_code, "long": str(point[0]), "lat": str(point[1])}
    form |= {"api_key": f"key-{city}", "description": "told to nobody"}
    answer = await client.post(f"/open311/{city}/v2/requests.json", data=form)
    assert answer.status_code == 200, answer.text


async def relayed(database: Database, city: str) -> None:
    """Wait until the maps have followed all that happened."""
    asked = text("""
    select (select count(*) from event where number is null)
        + (select count(*) from map_change where jurisdiction_id = :city)
    """)
    async with asyncio.timeout(PATIENCE_SECONDS), database.begin(city) as connection:
        while (await connection.execute(asked, {"city": city})).scalar_one():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)


def addresses(query: str = "") -> list[str]:
    """Every way to look at a city's requests on maps."""
    found = [f"tiles/{name}.json" for name in ("requests", "hexes")]
    for zoom in (0, 4, 8, 11, 13, 14, 15, 16, 18, 20):
        for layer in ("requests", "hexes"):
            if layer == "hexes" and zoom > 16:
                continue
            tiles = {tile_at(*point, zoom) for point in POINTS[:10]}
            found += [f"tiles/{layer}/{zoom}/{x}/{y}.mvt" for x, y in sorted(tiles)]
    found += [f"h3/{resolution}.json" for resolution in range(13)]
    found += [f"h3/8.{name}" for name in ("geojson", "csv", "arrow", "parquet")]
    for lon, lat in POINTS[:5]:
        for resolution in (6, 8, 9):
            cell = h3.latlng_to_cell(lat, lon, resolution)
            found += [f"h3/cells/{cell}.json", f"h3/9.json?parent={cell}"]
    return [f"{each}{'&' if '?' in each else '?'}{query}" for each in found]


async def look(client: httpx.AsyncClient, city: str, query: str = "") -> dict[str, bytes]:
    """What each address answers now."""
    seen = {}
    for address in addresses(query):
        answer = await client.get(f"/maps/{city}/{address}")
        assert answer.status_code < 500, answer.text
        seen[address] = f"{answer.status_code}\n".encode() + answer.content
    return seen


@pytest.mark.parametrize("service_code", HIDDEN, ids=HIDDEN.get)
async def test_what_is_not_public_changes_no_byte(
    client: httpx.AsyncClient, database: Database, city: str, service_code: str
) -> None:
    for point in POINTS[:20]:
        await file(client, city, "POTHOLE", point)
    await relayed(database, city)
    queries = ("", f"service_code={service_code}", "status=open")
    before = [await look(client, city, query) for query in queries]
    for point in POINTS[:20]:
        await file(client, city, service_code, point)
    await relayed(database, city)
    for query, was in zip(queries, before, strict=True):
        assert await look(client, city, query) == was
    assert b"POTHOLE" in b"".join(before[0].values())


@pytest.fixture
async def discreet(database: Database, city: str) -> str:
    """A city that publishes no hexagon of fewer than five requests."""
    read = msgspec.structs.replace(catalogue.read(CITY), jurisdiction_id=city)
    settings = msgspec.structs.replace(read.settings, hex_minimum=LEAST)
    await catalogue.load(database, msgspec.structs.replace(read, settings=settings))
    return city


async def published(client: httpx.AsyncClient, city: str, resolution: int) -> dict[str, int]:
    answer = await client.get(f"/maps/{city}/h3/{resolution}.json")
    assert answer.status_code == 200, answer.text
    return {cell["cell"]: cell["count"] for cell in answer.json()["cells"]}


async def test_counts_are_sums_of_rounded_cells(
    client: httpx.AsyncClient, database: Database, discreet: str
) -> None:
    for point in POINTS:
        await file(client, discreet, "POTHOLE", point)
    await relayed(database, discreet)
    cells = Counter(h3.latlng_to_cell(lat, lon, 8) for lon, lat in POINTS)
    expected = {cell: n // LEAST * LEAST for cell, n in cells.items() if n >= LEAST}
    assert min(cells.values()) < LEAST <= max(cells.values())
    assert await published(client, discreet, 8) == expected
    for resolution in range(3, 8):
        sums: Counter[str] = Counter()
        for cell, number in expected.items():
            sums[h3.cell_to_parent(cell, resolution)] += number
        assert await published(client, discreet, resolution) == sums


async def test_one_request_more_changes_no_byte_until_there_are_enough(
    client: httpx.AsyncClient, database: Database, discreet: str
) -> None:
    for point in POINTS:
        await file(client, discreet, "POTHOLE", point)
    await relayed(database, discreet)
    before = await look(client, discreet)
    cells = Counter(h3.latlng_to_cell(lat, lon, 8) for lon, lat in POINTS)
    quiet = next(p for p in POINTS if cells[h3.latlng_to_cell(p[1], p[0], 8)] % LEAST < LEAST - 1)
    await file(client, discreet, "POTHOLE", quiet)
    await relayed(database, discreet)
    assert await look(client, discreet) == before
    for _ in range(LEAST):
        await file(client, discreet, "POTHOLE", quiet)
    await relayed(database, discreet)
    assert await look(client, discreet) != before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("h3/8.json?service_code=POTHOLE", 400),
        ("h3/8.json?status=open", 400),
        ("h3/8.json?start_date=2020-01-01", 400),
        ("h3/8.json?compare_end=2020-01-01", 400),
        ("h3/8.json?filter=status='open'", 400),
        ("h3/9.json", 400),
        ("tiles/hexes/8/141/153.mvt?status=open", 400),
        ("tiles/requests/15/18082/19666.mvt?service_code=POTHOLE", 400),
        ("live", 403),
    ],
)
async def test_what_could_be_subtracted_is_refused(
    client: httpx.AsyncClient, discreet: str, path: str, status: int
) -> None:
    answer = await client.get(f"/maps/{discreet}/{path}")
    assert answer.status_code == status, answer.text


async def test_a_city_that_becomes_discreet_is_so_at_once(
    client: httpx.AsyncClient, database: Database, city: str
) -> None:
    x, y = tile_at(*POINTS[0], 16)
    url = f"/maps/{city}/tiles/requests/16/{x}/{y}.mvt"
    await file(client, city, "POTHOLE", POINTS[0])
    await relayed(database, city)
    assert b"service_request_id" in (await client.get(url)).content
    read = msgspec.structs.replace(catalogue.read(CITY), jurisdiction_id=city)
    settings = msgspec.structs.replace(read.settings, hex_minimum=LEAST)
    await catalogue.load(database, msgspec.structs.replace(read, settings=settings))
    await relayed(database, city)
    assert (await client.get(url)).status_code == 204
