"""Places by name: the gazetteer in the database, asked as citizens write."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import geocoding, place_names
from open311.db import Database
from open311.geocoding import Candidate

pytestmark = pytest.mark.anyio

_WARD = text("""
with made as (
    insert into boundary (kind, code, name, parent_code, valid_from, geom)
    values (:kind, :code, :name, :parent, '2020-01-01',
        st_multi(st_makeenvelope(-20.1, -20.1, -20.0, -20.0, 4326)))
    on conflict do nothing
    returning boundary_id, geom
)
insert into boundary_part select boundary_id, (st_dump(geom)).geom from made
""")


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


async def test_boundaries_are_found_by_their_names_and_around_a_point(
    connection: AsyncConnection,
) -> None:
    ward = {"kind": "ward", "code": "99999012", "name": "99999012", "parent": "ZZ1"}
    town = {"kind": "municipality", "code": "ZZ1", "name": "Quagga Local Municipality"}
    await connection.execute(_WARD, [ward, town | {"parent": None}])
    assert await place_names.name_boundaries(connection) >= 3
    for address in ("Ward 12, Quagga", "ward12 quagga"):
        found = await first(connection, address)
        assert (found.name, found.kind, found.municipality_code) == ("Ward 12", "ward", "ZZ1")
    told = await geocoding.describe(connection, -20.05, -20.05)
    assert (told.ward, told.municipality_code) == ("99999012", "ZZ1")
    assert told.municipality == "Quagga Local Municipality"


async def test_a_point_is_called_by_the_nearest_place(connection: AsyncConnection) -> None:
    told = await geocoding.describe(connection, -33.899, 18.627)
    assert (told.name, told.ward) == ("Bellville", None)
    assert told.metres is not None
    assert 50 < told.metres < 200


@pytest.mark.parametrize("address", ["", "?", "12", "the near at", "xqzzkw wqkzzx"])
async def test_what_names_nothing_finds_nothing(connection: AsyncConnection, address: str) -> None:
    assert await geocoding.find(connection, address) == []
