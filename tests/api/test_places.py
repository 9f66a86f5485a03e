"""Where points lie by the database: as the library says without it, and as reports are filed."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import routing
from geo.routing import NotHere, Routed, Router
from open311 import boundaries, db, places
from open311.db import Database
from open311.settings import Settings
from tests.conftest import new_database

pytestmark = pytest.mark.anyio

TODAY = date(2026, 1, 1)
NUMBER = 3000
# South Africa and what lies around it, in degrees
BOX = {"west": 16.3, "east": 33.0, "south": -35.2, "north": -22.0}


@pytest.fixture(scope="module")
def settings(services: Settings) -> Iterator[Settings]:
    """A database of its own, where boundaries may come and go."""
    with new_database(services) as made:
        yield made


@pytest.fixture
async def loaded(database: Database) -> None:
    """South Africa's boundaries, as they come with the library."""
    await boundaries.load_packaged(database)


def random_points() -> list[tuple[float, float]]:
    chance = np.random.default_rng(11)
    lats = chance.uniform(BOX["south"], BOX["north"], NUMBER)
    lons = chance.uniform(BOX["west"], BOX["east"], NUMBER)
    return list(zip(lats.tolist(), lons.tolist(), strict=True))


def told(router: Router, lat: float, lon: float) -> Routed | str:
    try:
        return router.route(lat, lon)
    except NotHere as elsewhere:
        return str(elsewhere)


async def located(connection: AsyncConnection, lat: float, lon: float) -> Routed | str:
    try:
        return await places.locate(connection, lat, lon, TODAY)
    except NotHere as elsewhere:
        return str(elsewhere)


async def test_the_database_says_what_the_library_says(loaded: None, database: Database) -> None:
    """But where a plane and the ellipsoid differ by less than what decides: once in thousands."""
    router, inside, other = routing.south_africa(), 0, list[tuple[float, float]]()
    async with database.shared() as connection:
        for lat, lon in random_points():
            expected, found = told(router, lat, lon), await located(connection, lat, lon)
            if isinstance(expected, Routed) and isinstance(found, Routed):
                assert found.how == expected.how
                assert found.metres == pytest.approx(expected.metres, rel=0.01)
                if found.municipality == expected.municipality:
                    assert found.ward == expected.ward
                    inside += found.how == "inside"
                    continue
                assert found.how == "nearest"
            if found != expected:
                other.append((lat, lon))
    assert inside > NUMBER / 3
    assert len(other) <= NUMBER // 1000, other


async def test_loading_twice_changes_nothing(loaded: None, database: Database) -> None:
    assert await boundaries.load_packaged(database) == 0


@pytest.mark.parametrize(
    ("lat", "long", "said"),
    [
        (-29.3158, 27.4869, "lie in Lesotho. That is outside Testville."),
        (-24.6545, 25.9086, "lie in Botswana. That is outside Testville."),
        (-26.3167, 31.1333, "lie in Eswatini. That is outside Testville."),
        (-33.9344, 18.8640, "in Stellenbosch Local Municipality (WC024)"),
        (-34.6, 18.4, "near City of Cape Town Metropolitan Municipality (CPT)"),
        (0.0, 0.0, "lie in no municipality, nor within 50 km of one."),
    ],
)
async def test_a_report_from_outside_is_told_where_it_lies(
    loaded: None, client: httpx.AsyncClient, city: str, lat: float, long: float, said: str
) -> None:
    form = {"api_key": f"key-{city}", "service_code": "POTHOLE", "lat": str(lat), "long": str(long)}
    answer = await client.post("requests.json", data=form)
    assert answer.status_code == 400
    assert said in answer.json()[0]["description"]


async def test_no_country_is_filed_in_even_by_who_takes_all_else(
    loaded: None, client: httpx.AsyncClient, database: Database, city: str
) -> None:
    lax = text("""
    update jurisdiction set settings = '{"outside_boundary": "accept"}'
    where jurisdiction_id = :city
    """)
    async with database.begin(city) as connection:
        await connection.execute(lax, {"city": city})
    form = {"api_key": f"key-{city}", "service_code": "POTHOLE"}
    maseru = {"lat": "-29.3158", "long": "27.4869"}
    stellenbosch = {"lat": "-33.9344", "long": "18.8640"}
    assert (await client.post("requests.json", data=form | maseru)).status_code == 400
    assert (await client.post("requests.json", data=form | stellenbosch)).status_code == 200


async def test_a_request_has_the_ward_of_its_point(
    loaded: None, client: httpx.AsyncClient, database: Database, city: str
) -> None:
    form = {"api_key": f"key-{city}", "service_code": "POTHOLE", "lat": "-33.92", "long": "18.65"}
    assert (await client.post("requests.json", data=form)).status_code == 200
    expected = routing.south_africa().route(-33.92, 18.65).ward
    assert await wards(database, city) == [expected]


async def wards(database: Database, city: str) -> list[str | None]:
    asked = text("select ward from service_request order by requested_datetime")
    async with database.begin(city) as connection:
        return list((await connection.execute(asked)).scalars())


async def test_points_are_found_by_the_index(loaded: None, settings: Settings) -> None:
    """Of thousands of pieces those around the point alone are looked at, in all of our queries."""
    body = text("select prosrc from pg_proc where proname = 'ward_of'")
    locate = (Path(places.__file__).parent / "places_locate.sql").read_text()
    values = {"lat": -33.92, "long": 18.65, "day": TODAY, "degrees": 0.6}
    async with db.connected(settings) as database, database.shared() as connection:
        ward_of = str((await connection.execute(body)).scalar_one())
        ward_of = ward_of.replace("point", "st_point(:long, :lat, 4326)").replace("day", ":day")
        for statement in (ward_of, locate):
            explain = text(f"explain (format json) {statement}")
            names = {name: values[name] for name in explain.compile().params}
            plan = str((await connection.execute(explain, names)).scalar_one())
            assert "boundary_part_geom_idx" in plan
