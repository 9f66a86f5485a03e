"""The event stream: what is told of which requests, to whom, and what is made up for."""

import asyncio

import httpx
import msgspec
import pytest
from sqlalchemy import text

from open311 import catalogue, events, keys, progress, tokens
from open311.db import Database
from open311.settings import Settings
from open311.workflow import Status
from tests.conftest import CITY, FileHistory
from tests.maps.streams import (
    PATIENCE_SECONDS,
    Reader,
    Server,
    Told,
    reading,
    serving,
    with_sensitive,
)

pytestmark = pytest.mark.anyio

REPORT = {"service_code": "POTHOLE", "lat": "-33.92", "long": "18.65", "description": "A hole"}


async def file(server: Server, city: str, **fields: str) -> str:
    """Report something; the id of the request, or its token, if there is one."""
    url = f"{server.base}/open311/{city}/v2/requests.json"
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        answer = await client.post(url, data={**REPORT, "api_key": f"key-{city}", **fields})
    assert answer.status_code == 200, answer.text
    (receipt,) = answer.json()
    return str(receipt.get("service_request_id") or receipt.get("token"))


async def move(database: Database, city: str, request_id: str, after: Status) -> None:
    async with database.begin(city) as connection:
        now = (await progress.standing(connection, city, request_id)).updated_datetime
        await progress.move(connection, city, request_id, after, None, "tests", now)


async def hidden_ids(database: Database, city: str) -> list[str]:
    asked = text("select service_request_id from service_request where visibility <> 'public'")
    async with database.begin(city) as connection:
        return list((await connection.execute(asked)).scalars())


async def latest(database: Database, city: str) -> int:
    """The number of the last event, once all have one."""
    async with database.begin(city) as connection:
        for _ in range(PATIENCE_SECONDS * 50):
            found = await connection.execute(text("select bool_and(number is not null) from event"))
            if found.scalar_one():
                return await events.newest(connection, city)
            await asyncio.sleep(0.02)
    raise AssertionError("nobody relays")


def ids(told: list[Told]) -> list[str]:
    return [each.data["service_request_id"] for each in told]


async def marker(reader: Reader, server: Server, city: str) -> None:
    """File a report and wait for it: what came before it has been told by then."""
    request_id = await file(server, city)
    await reader.until(lambda: request_id in reader.text)


async def test_a_report_is_told_and_what_becomes_of_it(
    server: Server, database: Database, city: str
) -> None:
    async with reading(server.base, city) as reader:
        request_id = await file(server, city)
        told = await reader.next()
        requested = told.data["requested_datetime"]
        assert told.data == {
            "service_request_id": request_id,
            "service_code": "POTHOLE",
            "status": "open",
            "requested_datetime": requested,
            "updated_datetime": requested,
            "lat": -33.92,
            "long": 18.65,
            "new": True,
        }
        assert len(requested) == 20
        assert requested.endswith("Z")
        await move(database, city, request_id, Status.FIXED)
        changed = await reader.next()
    assert changed.number > told.number
    assert changed.data == {**told.data, "status": "closed", "new": False}


async def test_cities_hear_of_themselves_alone(
    server: Server, database: Database, city: str
) -> None:
    other = f"test.{city}"
    await keys.ensure(database, other, f"key-{other}", "tests", keys.SCOPES, "high")
    async with reading(server.base, city) as mine, reading(server.base, other) as theirs:
        request_id = await file(server, city)
        await mine.until(lambda: request_id in mine.text)
        rehearsed = await file(server, other)
        await theirs.until(lambda: rehearsed in theirs.text)
        assert ids(mine.told) == [request_id]
        assert ids(theirs.told) == [rehearsed]


async def test_what_is_not_public_is_never_told_not_even_its_id(
    server: Server, database: Database, city: str
) -> None:
    async with reading(server.base, city) as reader:
        await file(server, city, service_code="ABUSE")
        await file(server, city, service_code="NOISE")
        hidden = await hidden_ids(database, city)
        assert len(hidden) == 2
        for request_id in hidden:
            await move(database, city, request_id, Status.ACKNOWLEDGED)
        await marker(reader, server, city)
        assert len(reader.told) == 1
        assert not any(request_id in reader.text for request_id in hidden)
    async with reading(server.base, city, since=0) as replayed:
        await marker(replayed, server, city)
        assert not any(request_id in replayed.text for request_id in hidden)


async def test_a_batch_service_is_told_once_its_id_is_issued(
    server: Server, database: Database, city: str
) -> None:
    async with reading(server.base, city) as reader:
        token = await file(server, city, service_code="GRAFFITI")
        await marker(reader, server, city)
        assert [told.data["service_code"] for told in reader.told] == ["POTHOLE"]
        reader.told.clear()
        await tokens.issue(database, city, {"token": token})
        told = await reader.next()
    assert told.data["service_code"] == "GRAFFITI"
    assert told.data["new"]


async def test_a_request_that_was_public_is_gone(
    server: Server, database: Database, city: str
) -> None:
    request_id = await file(server, city)
    async with reading(server.base, city) as reader:
        async with database.begin(city) as connection:
            hide = text("update service_request set visibility = 'hidden'")
            await connection.execute(hide)
            before, after = {"visibility": "public"}, {"visibility": "hidden"}
            await events.record(
                connection, city, "request.hidden", request_id, "tests", before, after
            )
        told = await reader.next("gone")
        assert told.data == {"service_request_id": request_id}
        # and from then on nothing is told of it
        await move(database, city, request_id, Status.ACKNOWLEDGED)
        await marker(reader, server, city)
        assert request_id not in ids(reader.told)


async def test_readers_start_anew_when_a_service_becomes_sensitive(
    server: Server, database: Database, city: str
) -> None:
    request_id = await file(server, city)
    async with reading(server.base, city) as reader:
        read = msgspec.structs.replace(catalogue.read(CITY), jurisdiction_id=city)
        await catalogue.load(database, with_sensitive(read, "POTHOLE"))
        assert (await reader.next("reset")).data == {}
        await move(database, city, request_id, Status.ACKNOWLEDGED)
        await tokens.issue(
            database, city, {"token": await file(server, city, service_code="GRAFFITI")}
        )
        await reader.until(lambda: "GRAFFITI" in reader.text)
        assert request_id not in reader.text


async def test_readers_start_anew_after_an_import(
    server: Server, city: str, file_history: FileHistory
) -> None:
    async with reading(server.base, city) as reader:
        row = {"service_code": "POTHOLE", "requested_datetime": "2024-01-01T00:00:00Z"}
        row |= {"lat": "-33.92", "long": "18.65"}
        await file_history([row])
        await reader.next("reset")


async def test_who_comes_back_is_told_what_happened_meanwhile(
    server: Server, database: Database, city: str
) -> None:
    first = await file(server, city)
    seen = await latest(database, city)
    missed = [await file(server, city) for _ in range(3)]
    await move(database, city, missed[0], Status.FIXED)
    await latest(database, city)
    async with (
        reading(server.base, city, since=seen) as by_header,
        reading(server.base, city, query=f"since={seen}") as by_query,
    ):
        last = await file(server, city)
        for reader in (by_header, by_query):
            await reader.until(lambda reader=reader: last in reader.text)
            # of several events of one request the last is told
            assert ids(reader.told) == [missed[1], missed[2], missed[0], last]
            assert all(told.data["new"] for told in reader.told)
            assert first not in reader.text


async def test_who_missed_too_much_or_knows_a_future_starts_anew(
    settings: Settings, relaying: None, database: Database, city: str
) -> None:
    async with serving(msgspec.structs.replace(settings, live_replay=2)) as server:
        for _ in range(3):
            await file(server, city)
        for away in (-3, 1, 10**17):
            newest = await latest(database, city)
            async with reading(server.base, city, newest + away) as reader:
                assert (await reader.next("reset")).number == newest
                await marker(reader, server, city)
                assert len(reader.told) == 1


@pytest.mark.parametrize("since", ["x", "-1", "1.5", "1" * 19, "\uff11"])
async def test_a_bad_number_is_refused(server: Server, city: str, since: str) -> None:
    async with httpx.AsyncClient(base_url=server.base) as client:
        answer = await client.get(f"/maps/{city}/live", params={"since": since})
    assert answer.status_code == 400
    assert "Last-Event-ID" in answer.text


async def test_coming_and_going_while_others_write_misses_and_doubles_nothing(
    server: Server, city: str
) -> None:
    reports, told = 150, list[Told]()

    async def write() -> list[str]:
        filed = []
        for batch in range(reports // 10):
            more = [file(server, city, description=f"{batch} {n}") for n in range(10)]
            filed += await asyncio.gather(*more)
        return filed

    writing = asyncio.create_task(write())
    since = 0
    async with asyncio.timeout(4 * PATIENCE_SECONDS):
        while len(told) < reports:
            async with reading(server.base, city, since) as reader:
                await reader.until(lambda reader=reader: len(reader.told) >= 7)
            told += reader.told
            since = told[-1].number
            if len(told) > reports - 7:
                break
    filed = await writing
    async with reading(server.base, city, since) as reader:
        await reader.until(lambda: len(told) + len(reader.told) >= reports)
        await marker(reader, server, city)
    told += reader.told[:-1]
    assert sorted(ids(told)) == sorted(filed)
    numbers = [each.number for each in told]
    assert numbers == sorted(numbers)
