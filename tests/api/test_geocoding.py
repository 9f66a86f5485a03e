"""Places by name: the gazetteer in the database, asked as citizens write."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import geocoding, place_names
from open311.db import Database
from open311.geocoding import Candidate

pytestmark = pytest.mark.anyio


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction in which the gazetteer is there."""
    async with database.shared() as opened:
        if not await place_names.is_loaded(opened):
            await place_names.load_gazetteer(opened)
    async with database.shared() as opened:
        yield opened


async def first(connection: AsyncConnection, address: str, city: str | None = None) -> Candidate:
    return (await geocoding.find(connection, address, city))[0]


@pytest.mark.parametrize(
    ("address", "name", "municipality_code"),
    [
        ("Durban Road, Bellville", "Bellville", "CPT"),
        ("Durban road bellville", "Bellville", "CPT"),
        ("near the school in Khayelitsha site C", "Site C", "CPT"),
        ("amanzi awekho eMlazi", "Umlazi", "ETH"),
        ("Guguletu", "Gugulethu", "CPT"),
        ("umgodi emgwaqeni eKhayelitsha", "Khayelitsha", "CPT"),
        ("Khayelitha", "Khayelitsha", "CPT"),
        ("cnr Durban and Voortrekker Rd, Parow", "Parow", "CPT"),
        ("Langstraat, Kaapstad", "Cape Town", "CPT"),
    ],
)
async def test_finds_what_citizens_write(
    connection: AsyncConnection, address: str, name: str, municipality_code: str
) -> None:
    found = await first(connection, address)
    assert (found.name, found.municipality_code) == (name, municipality_code)


async def test_tells_every_place_of_a_name_and_the_callers_first(
    connection: AsyncConnection,
) -> None:
    for city in ("CPT", "ETH", "MP312"):
        found = await geocoding.find(connection, "Phoenix", city)
        named = {each.municipality_code for each in found if each.name == "Phoenix"}
        assert {"CPT", "ETH", "MP312"} <= named
        assert found[0].municipality_code == city
