"""What becomes of the words of requests after they are filed."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from ingest import reading
from open311 import catalogue, catalogue_file, tasks
from open311.db import Database
from open311.settings import Settings
from tests import working
from tests.conftest import CITY

pytestmark = pytest.mark.anyio

_ROW = text("""
select service_code, language, urgency, reading, updated_datetime = requested_datetime as untouched
from service_request
where jurisdiction_id = :city and service_request_id = :id
""")
_EVENTS = text("""
select kind, after from event
where jurisdiction_id = :city and subject = :id order by id
""")
_FORGET = text("""
update service_request set description = null
where jurisdiction_id = :city and service_request_id = :id
""")
_CHOOSE = text("""
update service_request set language = 'xh', urgency = 2
where jurisdiction_id = :city and service_request_id = :id
""")


@pytest.fixture
async def town(database: Database, city: str) -> str:
    """The test's jurisdiction, with a service for what fits no other and for one more fault."""
    read = catalogue.read(CITY)
    more = [
        catalogue_file.Service(service_code="NO-WATER", service_name="No water"),
        catalogue_file.Service(service_code="other", service_name="Something else"),
    ]
    services = [*read.services, *more]
    await catalogue.load(
        database, msgspec.structs.replace(read, jurisdiction_id=city, services=services)
    )
    return city


async def file(client: httpx.AsyncClient, city: str, **fields: str) -> str:
    place = {"lat": "-33.93", "long": "18.65", "api_key": f"key-{city}"}
    answer = await client.post("/requests.json", data=place | fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()[0]["service_request_id"])


async def work(database: Database, settings: Settings, city: str) -> int:
    """Do the tasks that are due, as a worker does; how many there were of this city."""

    async def read(jurisdiction_id: str, payload: Mapping[str, Any]) -> None:
        await reading.read(database, settings, jurisdiction_id, dict(payload))

    claimed = await tasks.claim(database, settings, [reading.KIND], 100)
    for task in claimed:
        await working.work(database, settings, {reading.KIND: read}, task)
    return sum(task.jurisdiction_id == city for task in claimed)


async def row(database: Database, city: str, request_id: str) -> dict[str, Any]:
    async with database.begin(city) as connection:
        found = await connection.execute(_ROW, {"city": city, "id": request_id})
        return dict(found.mappings().one())


async def change(database: Database, city: str, request_id: str, statement: Any) -> None:
    async with database.begin(city) as connection:
        await connection.execute(statement, {"city": city, "id": request_id})


async def test_a_report_of_the_catch_all_gets_a_language_an_urgency_and_suggestions(
    client: httpx.AsyncClient, database: Database, settings: Settings, town: str
) -> None:
    request_id = await file(client, town, service_code="other", description="Akukho manzi apha")
    assert await work(database, settings, town) == 1
    found = await row(database, town, request_id)
    assert (found["service_code"], found["language"], found["urgency"]) == ("other", "xh", 1)
    best = found["reading"]["suggestions"][0]
    assert best["service_code"] == "NO-WATER"
    assert best["confidence"] >= 0.7
    assert found["reading"]["reasons"] == ["category WATER_NO_SUPPLY"]
    assert found["untouched"]


async def test_what_was_chosen_stays_and_is_not_second_guessed(
    client: httpx.AsyncClient, database: Database, settings: Settings, town: str
) -> None:
    request_id = await file(client, town, service_code="POTHOLE", description="Geen water hier nie")
    await change(database, town, request_id, _CHOOSE)
    await work(database, settings, town)
    found = await row(database, town, request_id)
    assert (found["service_code"], found["language"], found["urgency"]) == ("POTHOLE", "xh", 2)
    assert found["reading"]["language"] == "af"
    assert found["reading"]["suggestions"] == []


async def test_danger_is_the_highest_urgency_and_says_why(
    client: httpx.AsyncClient, database: Database, settings: Settings, town: str
) -> None:
    words = "A live wire is hanging over the road near the school"
    request_id = await file(client, town, service_code="POTHOLE", description=words)
    await work(database, settings, town)
    found = await row(database, town, request_id)
    assert found["urgency"] == 3
    assert "a wire or cable that may be live" in found["reading"]["reasons"]


async def test_the_log_has_the_reading_and_none_of_the_words(
    client: httpx.AsyncClient, database: Database, settings: Settings, town: str
) -> None:
    words = "Thandeka Dlamini's tap is leaking"
    request_id = await file(client, town, service_code="other", description=words)
    await work(database, settings, town)
    async with database.begin(town) as connection:
        events = (await connection.execute(_EVENTS, {"city": town, "id": request_id})).all()
    assert [kind for kind, _ in events] == ["request.submitted", "reading.made"]
    assert "Dlamini" not in str(events[1].after)


async def test_a_second_try_and_words_that_are_gone_change_nothing(
    client: httpx.AsyncClient, database: Database, settings: Settings, town: str
) -> None:
    request_id = await file(client, town, service_code="other", description="Geen water nie")
    payload = {"service_request_id": request_id}
    await reading.read(database, settings, town, payload)
    await change(database, town, request_id, _CHOOSE)
    await reading.read(database, settings, town, payload)
    assert (await row(database, town, request_id))["language"] == "xh"
    other = await file(client, town, service_code="other", description="Geen krag nie")
    await change(database, town, other, _FORGET)
    await reading.read(database, settings, town, {"service_request_id": other})
    assert (await row(database, town, other))["reading"] is None


async def test_without_words_there_is_nothing_to_read(
    client: httpx.AsyncClient, database: Database, settings: Settings, town: str
) -> None:
    await file(client, town, service_code="POTHOLE")
    assert await work(database, settings, town) == 0
