"""Tasks: rows that one worker at a time has, tried again, and given up in the end."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from open311 import db, housekeeping, tasks
from open311.commands.tasks import task as task_commands
from open311.connections import close_context, open_context
from open311.dates import now
from open311.db import Database
from open311.migrate import migrate
from open311.settings import Settings
from open311.tasks import Claimed
from tests import working

pytestmark = pytest.mark.anyio

Do = Callable[[str, dict[str, Any]], Awaitable[None]]


class Queue:
    """The tasks of one test: a kind of its own in a jurisdiction of its own."""

    def __init__(self, database: Database, settings: Settings, city: str) -> None:
        self.database, self.settings, self.city = database, settings, city
        self.kind = f"test.{uuid.uuid4().hex}"

    async def add(self, name: str = "one", **how: Any) -> None:
        async with self.database.begin(self.city) as connection:
            await tasks.add(connection, self.city, self.kind, name, **how)

    async def claim(self, most: int = 10) -> list[Claimed]:
        return await tasks.claim(self.database, self.settings, [self.kind], most)

    async def work(self, do: Do, task: Claimed) -> None:
        await working.work(self.database, self.settings, {self.kind: do}, task)

    async def row(self) -> dict[str, Any]:
        """The only task, as it stands."""
        async with self.database.begin(self.city) as connection:
            found = await connection.execute(text("select * from task"))
            return dict(found.mappings().one())

    async def change(self, sql: str) -> None:
        async with self.database.begin(self.city) as connection:
            await connection.execute(text(f"update task set {sql}"))

    async def die(self) -> None:
        """What a killed worker leaves behind, when its lease has run out."""
        await self.change("lease_until = now() - interval '1 second'")

    async def make_due(self) -> None:
        await self.change("run_after = now()")


@pytest.fixture
def queue(database: Database, settings: Settings, city: str) -> Queue:
    return Queue(database, msgspec.structs.replace(settings, task_attempts=3), city)


async def succeed(_jurisdiction_id: str, _payload: dict[str, Any]) -> None:
    """Do nothing, well."""


async def fail(_jurisdiction_id: str, _payload: dict[str, Any]) -> None:
    raise ValueError("cannot send to zola@example.org")


async def test_a_task_goes_to_its_handler_and_is_done(queue: Queue) -> None:
    got: list[Any] = []

    async def do(jurisdiction_id: str, payload: dict[str, Any]) -> None:
        got.append((jurisdiction_id, payload))

    await queue.add(payload={"text": "it's a \\ and ü"})
    (task,) = await queue.claim()
    assert (await queue.row())["state"] == "running"
    await queue.work(do, task)
    assert got == [(queue.city, {"text": "it's a \\ and ü"})]
    row = await queue.row()
    assert (row["state"], row["attempts"], row["lease_until"]) == ("done", 1, None)
    assert row["finished_at"] is not None
    assert await queue.claim() == []


async def test_the_same_task_is_added_once(queue: Queue) -> None:
    await queue.add(payload={"first": True})
    await queue.add(payload={"first": False})
    (task,) = await queue.claim()
    assert task.payload == {"first": True}
    await queue.work(succeed, task)
    await queue.add()
    assert await queue.claim() == []


async def test_a_task_is_of_its_transaction(queue: Queue) -> None:
    async def add_and_fail() -> None:
        async with queue.database.begin(queue.city) as connection:
            await tasks.add(connection, queue.city, queue.kind, "never")
            raise LookupError

    with pytest.raises(LookupError):
        await add_and_fail()
    assert await queue.claim() == []


async def test_a_task_for_later_waits(queue: Queue) -> None:
    await queue.add(run_after=now() + timedelta(hours=1))
    assert await queue.claim() == []
    await queue.make_due()
    assert len(await queue.claim()) == 1


async def test_no_task_is_claimed_twice(queue: Queue) -> None:
    for number in range(40):
        await queue.add(str(number))
    claims = await asyncio.gather(*(queue.claim(7) for _ in range(8)))
    ids = [task.id for claimed in claims for task in claimed]
    assert all(len(claimed) <= 7 for claimed in claims)
    assert len(ids) == len(set(ids)) == 40


async def test_another_kind_is_left_alone(queue: Queue) -> None:
    await queue.add()
    assert await tasks.claim(queue.database, queue.settings, ["test.other"], 10) == []
    assert await tasks.claim(queue.database, queue.settings, [], 10) == []


async def test_a_task_whose_worker_died_is_done_by_another(queue: Queue) -> None:
    await queue.add()
    (lost,) = await queue.claim()
    assert await queue.claim() == []
    await queue.die()
    (found,) = await queue.claim()
    assert (found.id, found.attempts) == (lost.id, 2)
    # the first was only slow, and ends now: it has no say any more
    await queue.work(fail, lost)
    assert (await queue.row())["state"] == "running"
    await queue.work(succeed, lost)
    assert (await queue.row())["state"] == "running"
    await queue.work(succeed, found)
    assert (await queue.row())["state"] == "done"


async def test_a_failure_is_tried_again_later_and_tells_nothing_of_people(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    await queue.add()
    (task,) = await queue.claim()
    await queue.work(fail, task)
    row = await queue.row()
    assert (row["state"], row["attempts"], row["lease_until"]) == ("waiting", 1, None)
    assert row["run_after"] > now()
    assert row["last_error"].startswith("ValueError in test_tasks.py:")
    assert "zola" not in row["last_error"] + caplog.text
    assert await queue.claim() == []


async def test_a_task_that_fails_too_often_is_dead(queue: Queue) -> None:
    await queue.add()
    for attempt in (1, 2, 3):
        await queue.make_due()
        (task,) = await queue.claim()
        assert task.attempts == attempt
        await queue.work(fail, task)
    assert (await queue.row())["state"] == "dead"
    await queue.make_due()
    assert await queue.claim() == []


async def test_a_task_that_kills_its_workers_is_dead(queue: Queue) -> None:
    await queue.add()
    for _ in range(3):
        assert len(await queue.claim()) == 1
        await queue.die()
    (task,) = await queue.claim()
    ran: list[str] = []

    async def do(jurisdiction_id: str, _: dict[str, Any]) -> None:
        ran.append(jurisdiction_id)

    await queue.work(do, task)
    assert ran == []
    assert (await queue.row())["state"] == "dead"


async def test_a_task_that_is_stopped_is_free_at_once(queue: Queue) -> None:
    await queue.add()
    (task,) = await queue.claim()
    started = asyncio.Event()

    async def do(_: str, __: dict[str, Any]) -> None:
        started.set()
        await asyncio.Event().wait()

    doing = asyncio.create_task(queue.work(do, task))
    await started.wait()
    doing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doing
    row = await queue.row()
    assert (row["state"], row["attempts"], row["lease_until"]) == ("waiting", 0, None)
    assert len(await queue.claim()) == 1


async def other_lease(queue: Queue, lease: datetime) -> datetime:
    """Wait until the task has another lease than this."""
    for _ in range(200):
        found: datetime = (await queue.row())["lease_until"]
        if found != lease:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("the lease was not renewed")


async def test_a_long_task_keeps_its_lease(queue: Queue) -> None:
    queue.settings = msgspec.structs.replace(queue.settings, task_lease_seconds=1)
    await queue.add()
    (task,) = await queue.claim()
    first = (await queue.row())["lease_until"]

    async def until_renewed_twice(_: str, __: dict[str, Any]) -> None:
        await other_lease(queue, await other_lease(queue, first))

    await asyncio.wait_for(queue.work(until_renewed_twice, task), 20)
    row = await queue.row()
    assert (row["state"], row["attempts"]) == ("done", 1)


async def test_a_task_has_an_end(queue: Queue) -> None:
    queue.settings = msgspec.structs.replace(queue.settings, task_seconds=1)
    await queue.add()
    (task,) = await queue.claim()

    async def do(_: str, __: dict[str, Any]) -> None:
        await asyncio.Event().wait()

    await asyncio.wait_for(queue.work(do, task), 20)
    row = await queue.row()
    assert row["state"] == "waiting"
    assert row["last_error"].startswith("TimeoutError")


async def test_counts_tasks_of_every_jurisdiction(queue: Queue) -> None:
    await queue.add("one")
    await queue.add("two")
    (task,) = await queue.claim(1)
    await queue.work(succeed, task)
    assert len(await queue.claim(1)) == 1
    await queue.add("three")
    counts = [each for each in await tasks.count(queue.database) if each.kind == queue.kind]
    numbers = {each.state: each.number for each in counts}
    assert numbers == {"running": 1, "waiting": 1}


async def test_old_tasks_go_and_others_stay(queue: Queue) -> None:
    for name in ("old", "new", "waiting"):
        await queue.add(name)
    for task in await queue.claim(2):
        await queue.work(succeed, task)
    await queue.change("finished_at = now() - interval '8 days' where dedupe_key = 'old'")
    context = open_context(queue.settings)
    await housekeeping.purge(context)
    await close_context(context)
    async with queue.database.begin(queue.city) as connection:
        left = (await connection.execute(text("select dedupe_key from task order by 1"))).scalars()
        assert list(left) == ["new", "waiting"]


async def test_wakes_nobody_without_redis(queue: Queue) -> None:
    # nothing listens on port 1
    context = open_context(msgspec.structs.replace(queue.settings, redis_url="redis://127.0.0.1:1"))
    context.bell.ring()
    context.bell.ring()
    await close_context(context)


# --- the commands


async def command(queue: Queue, *words: str) -> str:
    """Run `open311 task …`; it has an event loop of its own, so it gets a thread of its own."""
    ended = await asyncio.to_thread(
        CliRunner().invoke, task_commands, words, obj=lambda: nullcontext(queue.settings)
    )
    return ended.output


async def test_dead_tasks_are_listed_and_replayed_by_command(queue: Queue) -> None:
    await queue.add()
    (task,) = await queue.claim()
    assert await command(queue, "list", "--jurisdiction", queue.city, "--dead") == ""
    await queue.change("attempts = 3")
    await queue.work(fail, msgspec.structs.replace(task, attempts=3))
    (line,) = (await command(queue, "list", "--jurisdiction", queue.city, "--dead")).splitlines()
    assert line.split("\t")[:5] == [str(task.id), "dead", queue.kind, "one", "3"]
    told = await command(queue, "replay", "--jurisdiction", queue.city, str(task.id))
    assert told == "tasks to be done again: 1\n"
    assert [each.attempts for each in await queue.claim()] == [1]
    again = await command(queue, "replay", "--jurisdiction", queue.city, str(task.id))
    assert "no dead task" in again


# --- whose tasks they are


async def test_the_map_role_has_no_tasks(queue: Queue) -> None:
    readers = db.connect(queue.settings, "map")
    for call in ("claim_tasks('{x}', 1, 1)", "finish_tasks('{x}', '{1}', '{1}')", "count_tasks()"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with readers.shared() as connection:
                await connection.execute(text(f"select * from {call}"))
    await readers.close()


async def run_sql(url: URL, *statements: str) -> None:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
    await engine.dispose()


async def test_claims_across_jurisdictions_for_an_owner_who_is_no_superuser(
    settings: Settings,
) -> None:
    """Forced row-level security binds such an owner: the queue needs its own policy."""
    name = f"owned_{uuid.uuid4().hex[:12]}"
    admin = db.owner_url(settings)
    await run_sql(
        admin,
        f"create role {name} login createrole nosuperuser nobypassrls password '{name}'",
        f"create database {name} owner {name}",
    )
    await run_sql(admin.set(database=name), "create extension postgis")
    url = admin.set(database=name, username=name, password=name, drivername="postgresql")
    owned = msgspec.structs.replace(
        settings, database_url=url.render_as_string(hide_password=False)
    )
    await migrate(owned)
    database = db.connect(owned)
    found = text("insert into jurisdiction (jurisdiction_id, name, time_zone) values (:id, '', '')")
    for city in ("one.test", "two.test"):
        async with database.begin(city) as connection:
            await connection.execute(found, {"id": city})
            await tasks.add(connection, city, "test", "one")
    claimed = await tasks.claim(database, owned, ["test"], 10)
    assert {task.jurisdiction_id for task in claimed} == {"one.test", "two.test"}
    await working.work(database, owned, {"test": succeed}, claimed[0])
    assert [each.number for each in await tasks.count(database)] == [1]
    await database.close()
    await run_sql(admin, f"drop database {name} with (force)")
    await run_sql(admin, *(f"drop role {name}{part}" for part in ("_app", "_map", "")))
