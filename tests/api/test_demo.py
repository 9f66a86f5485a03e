"""The demo's cities: all of their history, as files of the cities themselves have it."""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime

import h3.api.basic_str as h3
import pytest

from demo import load as demo
from geo import cells
from open311 import geocoding, jurisdictions, keys
from open311.db import Database
from open311.errors import Forbidden
from open311.jurisdictions import test_id as endpoint_of
from open311.settings import Settings
from tests.api.test_history import requests
from tests.conftest import new_database

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def settings(services: Settings) -> Iterator[Settings]:
    """A database of their own: the demo brings boundaries, which every city would find."""
    with new_database(services) as made:
        yield made


@pytest.fixture
async def cities(settings: Settings) -> None:
    """The demo, loaded: quick after the first time."""
    await demo.load(settings, report=lambda _line: None)


@pytest.mark.usefixtures("cities")
async def test_every_row_of_the_demo_is_there(database: Database) -> None:
    boston = await requests(database, "boston.gov")
    capetown = await requests(database, "capetown.gov.za")
    assert (len(boston), len(capetown)) == (58_251, 7_753)
    assert sum(row.status == "received" for row in boston.values()) == 3_681
    assert sum(row.status == "received" for row in capetown.values()) == 227
    # local time in the file
    first = boston["101000295613"]
    assert first.requested_datetime == datetime(2011, 7, 1, 5, 32, 33, tzinfo=UTC)


@pytest.mark.usefixtures("cities")
async def test_suburbs_are_where_the_latest_requests_are(database: Database) -> None:
    async with database.begin("capetown.gov.za") as connection:
        named = await geocoding.suburbs(connection, "capetown.gov.za")
        assert await geocoding.suburbs(connection, "boston.gov") == []
    assert len(named) == len(set(named)) > jurisdictions.MOST_SUBURBS
    assert {"Bellville South", "Belrail"} <= set(named[: jurisdictions.MOST_SUBURBS])


@pytest.mark.usefixtures("cities")
async def test_cells_are_those_that_the_city_computed(database: Database) -> None:
    """The city's cells are of level 8: where the stored point lies, not the stored cell's parent.

    H3's children stick out of their parents: one in sixteen of these points lies in another cell
    of level 8 than the parent of its finer cell.
    """
    capetown = await requests(database, "capetown.gov.za")
    with gzip.open(demo.HERE / "capetown_requests.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            stored = capetown[row["notification_number"]]
            cell = cells.cell_at(stored.lat, stored.long, 8)
            assert h3.int_to_str(cell) == row["h3_level8_index"]
            assert stored.h3 == cells.cell_at(float(row["latitude"]), float(row["longitude"]))


@pytest.mark.usefixtures("cities")
async def test_the_demo_loads_once_and_its_key_is_the_cities_own(
    settings: Settings, database: Database
) -> None:
    said: list[str] = []
    await demo.load(settings, report=said.append)
    assert said == []
    for city in demo.CITIES:
        async with database.begin(city.jurisdiction_id) as connection:
            key = await keys.check(connection, city.jurisdiction_id, demo.API_KEY, "requests")
            assert key.rate_class == "demo"
        rehearsal = endpoint_of(city.jurisdiction_id)
        async with database.begin(rehearsal) as connection:
            with pytest.raises(Forbidden):
                await keys.check(connection, rehearsal, demo.API_KEY, "requests")
