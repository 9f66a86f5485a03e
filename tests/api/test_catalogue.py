"""Loading a catalogue changes what differs, once, and says so in the log."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from open311 import catalogue, jurisdictions
from open311.catalogue import Catalogue
from open311.db import Database
from open311.errors import NotFound

pytestmark = pytest.mark.anyio
CITY = Path(__file__).parents[1] / "city.yaml"


async def rows(database: Database, city: str, query: str) -> list[Any]:
    async with database.begin(city) as connection:
        return list((await connection.execute(text(query), {"city": city})).all())


async def changeset(database: Database, city: str) -> Any:
    query = "select changeset from jurisdiction where jurisdiction_id = :city"
    return (await rows(database, city, query))[0].changeset


def of(city: str, **changes: Any) -> Catalogue:
    return msgspec.structs.replace(catalogue.read(CITY), jurisdiction_id=city, **changes)


async def test_loading_again_changes_nothing(database: Database, city: str) -> None:
    events = "select id from event where jurisdiction_id = :city"
    before = await rows(database, city, events), await changeset(database, city)
    assert not await catalogue.load(database, of(city))
    assert (await rows(database, city, events), await changeset(database, city)) == before


async def test_a_change_moves_the_changeset_and_is_logged(database: Database, city: str) -> None:
    before = await changeset(database, city)
    services = of(city).services
    services[0] = msgspec.structs.replace(services[0], sla_hours=24)
    changes = await catalogue.load(database, of(city, services=services), actor="clerk")
    assert changes.changed == ["POTHOLE"]
    assert await changeset(database, city) > before
    logged = await rows(
        database,
        city,
        "select kind, subject, actor, before, after from event "
        "where jurisdiction_id = :city order by id desc limit 1",
    )
    assert logged == [("service.changed", "POTHOLE", "clerk", {"sla_hours": 72}, {"sla_hours": 24})]


async def test_what_is_gone_is_retired_and_comes_back(database: Database, city: str) -> None:
    services = of(city).services
    changes = await catalogue.load(database, of(city, services=services[:-1]))
    assert changes.retired == ["ABUSE"]
    active = "select active from service where jurisdiction_id = :city and service_code = 'ABUSE'"
    assert await rows(database, city, active) == [(False,)]
    assert (await catalogue.load(database, of(city))).changed == ["ABUSE"]
    assert await rows(database, city, active) == [(True,)]


async def test_a_sensitive_service_takes_its_requests_off_the_map(
    database: Database, city: str
) -> None:
    file = (
        "insert into service_request (jurisdiction_id, service_request_id, service_code, address)"
    )
    async with database.begin(city) as connection:
        await connection.execute(
            text(f"{file} values (:city, '1', 'POTHOLE', 'here'), (:city, '2', 'TREE', 'there')"),
            {"city": city},
        )
    seen = (
        "select service_request_id, visibility from service_request "
        "where jurisdiction_id = :city order by 1"
    )
    services = of(city).services
    services[0] = msgspec.structs.replace(services[0], sensitive=True)
    await catalogue.load(database, of(city, services=services))
    assert await rows(database, city, seen) == [("1", "sensitive"), ("2", "public")]
    await catalogue.load(database, of(city))
    assert await rows(database, city, seen) == [("1", "public"), ("2", "public")]


async def test_each_jurisdiction_has_a_test_endpoint(database: Database, city: str) -> None:
    twin = await jurisdictions.find(database, f"TEST.{city.upper()} ")
    assert twin.test_of == city
    codes = "select service_code from service where jurisdiction_id = :city order by position"
    assert await rows(database, twin.jurisdiction_id, codes) == await rows(database, city, codes)


async def test_unknown_jurisdictions_are_not_found(database: Database) -> None:
    for name in ("nowhere.test", "", "a\0b", "x" * 10_000):
        with pytest.raises(NotFound, match="jurisdiction_id"):
            await jurisdictions.find(database, name)
