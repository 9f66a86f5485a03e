"""The relay: every event gets its number once, in an order to rely on, whatever dies meanwhile."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import catalogue, events
from open311.db import Database
from open311.settings import Settings
from tests.conftest import CITY, new_database
from tests.operations.test_worker import environment, until

pytestmark = pytest.mark.anyio

RELAYING = Path(__file__).with_name("relaying.py")
WRITERS, EACH = 8, 200
SUBJECTS = 5
_LOCK = text("select pg_advisory_xact_lock(:subject)")
_PAUSE = text("select pg_sleep(:seconds)")


@pytest.fixture(scope="module")
def settings(services: Settings) -> Iterator[Settings]:
    """A database of its own: the relay does not choose whose events it takes."""
    with new_database(services) as made:
        yield made


async def nothing(_connection: AsyncConnection, _jurisdiction_id: str) -> list[int]:
    return []


async def add_city(database: Database, jurisdiction_id: str) -> str:
    read = msgspec.structs.replace(catalogue.read(CITY), jurisdiction_id=jurisdiction_id)
    await catalogue.load(database, read)
    return jurisdiction_id


async def numbers(database: Database, city: str) -> list[int | None]:
    """Of all events in the order in which they were written."""
    async with database.begin(city) as connection:
        found = await connection.execute(text("select number from event order by id"))
        return list(found.scalars())


async def batches(database: Database, city: str) -> list[tuple[int, list[int] | None]]:
    async with database.begin(city) as connection:
        asked = text("select last_event, quadkeys from relayed order by batch")
        return [tuple(row) for row in await connection.execute(asked)]


async def record(database: Database, city: str, subject: str) -> None:
    async with database.begin(city) as connection:
        await events.record(connection, city, "test.happened", subject, "tests")


async def write(database: Database, city: str, writer: int) -> None:
    """Some events in transactions of all lengths; those of one subject come one after the other."""
    dice = random.Random(writer)  # noqa: S311 the same each time
    for place in range(EACH):
        subject = dice.randrange(SUBJECTS)
        async with database.begin(city) as connection:
            await connection.execute(_LOCK, {"subject": subject})
            after = {"writer": writer, "place": place}
            await events.record(
                connection, city, "test.happened", str(subject), "tests", after=after
            )
            if dice.random() < 0.1:
                await connection.execute(_PAUSE, {"seconds": dice.random() / 20})


@contextmanager
def relaying(settings: Settings) -> Iterator[None]:
    """A relay in a process of its own, killed at the end wherever it is."""
    more = {**environment(settings), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, RELAYING], env=more)
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def written(database: Database, city: str) -> list[events.Entry]:
    async with database.begin(city) as connection:
        entries = await events.after(connection, city, 0, 10 * WRITERS * EACH)
    return [entry for entry in entries if entry.kind == "test.happened"]


async def test_kills_and_long_transactions_lose_and_double_nothing(
    database: Database, settings: Settings, city: str
) -> None:
    async def all_relayed() -> bool:
        return None not in await numbers(database, city)

    async def kill_and_relay() -> None:
        """Three relays one after the other are killed, wherever they are."""
        for _ in range(3):
            before = len(await batches(database, city))

            async def works(before: int = before) -> bool:
                return len(await batches(database, city)) > before

            with relaying(settings):
                await until(works)

    writing = [write(database, city, writer) for writer in range(WRITERS)]
    await asyncio.gather(*writing, kill_and_relay())
    with relaying(settings), relaying(settings):
        await until(all_relayed)

    entries = await written(database, city)
    given = sorted(number for number in await numbers(database, city) if number is not None)
    assert given == list(range(1, len(given) + 1))
    assert len(entries) == WRITERS * EACH
    seen = {(entry.after["writer"], entry.after["place"]) for entry in entries if entry.after}
    assert len(seen) == WRITERS * EACH
    async with database.begin(city) as connection:
        asked = text("select subject, array_agg(number order by id) from event group by subject")
        for _subject, in_order in await connection.execute(asked):
            assert in_order == sorted(in_order)


async def test_a_batch_says_what_changed_and_how_far_the_log_goes(
    database: Database, city: str
) -> None:
    answers: list[list[int] | None] = [[3, 5], None, []]

    async def follow(_connection: AsyncConnection, jurisdiction_id: str) -> list[int] | None:
        return answers.pop(0) if jurisdiction_id == city else []

    await events.relay_once(database, nothing)
    before = len(await numbers(database, city))
    for subject in "abc":
        await record(database, city, subject)
        assert await events.relay_once(database, follow) == 1
    assert (await batches(database, city))[-3:] == [
        (before + 1, [3, 5]),
        (before + 2, None),
        (before + 3, []),
    ]
    assert await events.relay_once(database, follow) == 0


async def test_what_an_open_transaction_wrote_comes_when_it_ends(
    database: Database, city: str
) -> None:
    await events.relay_once(database, nothing)
    async with database.begin(city) as slow:
        await events.record(slow, city, "test.happened", "slow", "tests")
        await record(database, city, "fast")
        await events.relay_once(database, nothing)
    await events.relay_once(database, nothing)
    assert [entry.subject for entry in await written(database, city)] == ["fast", "slow"]
    assert None not in await numbers(database, city)


async def test_more_than_is_numbered_at_once_is_numbered_all_the_same(
    database: Database, city: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_AT_ONCE", 3)
    for subject in range(7):
        await record(database, city, str(subject))
    await events.relay_once(database, nothing)
    assert [entry.subject for entry in await written(database, city)] == list("0123456")


async def test_one_that_fails_keeps_nobody_waiting_and_is_tried_again(
    database: Database, city: str
) -> None:
    first = await add_city(database, f"0-{city}")
    await record(database, first, "a")
    await record(database, city, "b")
    broken = {first}

    async def follow(_connection: AsyncConnection, jurisdiction_id: str) -> list[int]:
        if jurisdiction_id in broken:
            raise ValueError("the follower is broken")
        return []

    rests: events.Rests = {}
    await events.relay_once(database, follow, rests)
    assert None in await numbers(database, first)
    assert None not in await numbers(database, city)
    assert list(rests) == [first]
    # it rests: not even its follower is asked
    broken.clear()
    await events.relay_once(database, follow, rests)
    assert None in await numbers(database, first)
    rests.clear()
    await events.relay_once(database, follow, rests)
    assert None not in await numbers(database, first)


async def test_changes_of_the_map_without_an_event_are_followed_too(
    database: Database, city: str
) -> None:
    await events.relay_once(database, nothing)
    asked: list[str] = []

    async def follow(connection: AsyncConnection, jurisdiction_id: str) -> list[int]:
        asked.append(jurisdiction_id)
        await connection.execute(text("delete from map_change"))
        return [7]

    async with database.begin(city) as connection:
        insert = text("insert into map_change (jurisdiction_id, sign) values (:city, 0)")
        await connection.execute(insert, {"city": city})
    await events.relay_once(database, follow)
    await events.relay_once(database, follow)
    assert asked == [city]
    assert (await batches(database, city))[-1][1] == [7]


async def test_the_lag_is_that_of_the_oldest_event(database: Database, city: str) -> None:
    await events.relay_once(database, nothing)
    assert await events.lag_seconds(database) == 0
    async with database.begin(city) as connection:
        insert = text("""
        insert into event (jurisdiction_id, kind, subject, actor, at)
        values (:city, 'test.happened', 'old', 'tests', now() - interval '1 hour')
        """)
        await connection.execute(insert, {"city": city})
    await record(database, city, "young")
    assert await events.lag_seconds(database) >= 3600


async def test_the_relay_waits_for_whoever_announces(database: Database, city: str) -> None:
    """Batches become visible in their order: nobody who reads on passes one over."""
    await events.relay_once(database, nothing)
    await record(database, city, "a")
    async with database.begin(city) as connection:
        await events.announce(connection, city, None)
        assert await events.relay_once(database, nothing) == 0
    assert await events.relay_once(database, nothing) == 1
    assert [keys for _, keys in await batches(database, city)][-2:] == [None, []]


async def test_the_application_may_write_nothing_of_an_event_but_its_number(
    database: Database, city: str
) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.begin(city) as connection:
            await connection.execute(text("update event set subject = 'other'"))
