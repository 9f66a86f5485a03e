"""Work to be done is a row with a lease; Redis only wakes the workers, and may lose everything."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from redis.exceptions import RedisError
from saq.queue.redis import RedisQueue
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from open311.db import Database
from open311.settings import Settings

Handler = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Does the work of one kind: called with the jurisdiction's id and the payload, perhaps twice."""

QUEUE_NAME = "open311"
_WAKE_SECONDS = 0.25
_LONGEST_PAUSE = 1800.0
_log = logging.getLogger(__name__)

_ADD = text("""
insert into task (jurisdiction_id, kind, dedupe_key, payload)
values (:jurisdiction_id, :kind, :dedupe_key, cast(:payload as jsonb))
on conflict (jurisdiction_id, kind, dedupe_key) do nothing
""")
_CLAIM = text("select * from claim_tasks(:kinds, :most, :lease_seconds)").columns(payload=JSONB)
# Only whoever holds the task's latest attempt may write its end.
_MINE = """
where jurisdiction_id = :jurisdiction_id and id = :id and attempts = :attempts
    and state = 'running'
"""
_FINISH = text(f"""
update task set state = 'done', finished_at = now(), lease_until = null, last_error = null {_MINE}
""")
_FAIL = text(f"""
update task
set state = :state, lease_until = null, last_error = :last_error,
    run_after = now() + make_interval(secs => :pause)
{_MINE}
""")
_RELEASE = text(f"""
update task set state = 'waiting', lease_until = null, attempts = attempts - 1 {_MINE}
""")
_COUNT = text("select kind, state, number, oldest_seconds from count_tasks()")
_LIST_DEAD = text("""
select id, kind, dedupe_key, attempts, last_error from task
where jurisdiction_id = :jurisdiction_id and state = 'dead' order by id
""")
_REPLAY = text("""
update task set state = 'waiting', attempts = 0, run_after = now()
where jurisdiction_id = :jurisdiction_id and id = :id and state = 'dead'
returning id
""")


class Claimed(Struct, frozen=True):
    """A task that is ours until its lease runs out."""

    jurisdiction_id: str
    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int


class Count(Struct, frozen=True):
    """How many tasks of a kind are in a state; the age is of the longest due one."""

    kind: str
    state: str
    number: int
    oldest_seconds: float


class DeadTask(Struct, frozen=True):
    """A task that was given up after too many tries."""

    id: int
    kind: str
    dedupe_key: str
    attempts: int
    last_error: str | None


async def add(
    connection: AsyncConnection,
    jurisdiction_id: str,
    kind: str,
    dedupe_key: str,
    payload: Mapping[str, Any],
) -> None:
    """Put a task into the caller's transaction; the same kind and dedupe_key are one task for ever."""
    names = {"jurisdiction_id": jurisdiction_id, "kind": kind, "dedupe_key": dedupe_key}
    await connection.execute(_ADD, names | {"payload": msgspec.json.encode(payload).decode()})


async def wake(queue: RedisQueue) -> None:
    """Tell a worker to look, after the commit. Without Redis it looks by itself a little later."""
    try:
        await asyncio.wait_for(queue.enqueue("wake", timeout=10, retries=1, ttl=1), _WAKE_SECONDS)
    except (RedisError, OSError, TimeoutError) as error:
        _log.info("no worker was woken: %s", type(error).__name__)


async def claim(
    db: Database, settings: Settings, kinds: Sequence[str], most: int
) -> list[Claimed]:
    """Take at most so many due tasks, of any jurisdiction."""
    names = {"kinds": list(kinds), "most": most, "lease_seconds": settings.task_lease_seconds}
    async with db.shared() as connection:
        rows = (await connection.execute(_CLAIM, names)).mappings().all()
    return [msgspec.convert(dict(row), Claimed) for row in rows]


async def work(
    db: Database, settings: Settings, handlers: Mapping[str, Handler], task: Claimed
) -> None:
    """Run a task's handler and write how it ended; stopped in the middle, it is free again.

    A handler is stopped before its lease runs out, so two workers never do one task at once.
    """
    try:
        async with asyncio.timeout(settings.task_lease_seconds * 0.8):
            await handlers[task.kind](task.jurisdiction_id, task.payload)
    except asyncio.CancelledError:
        await asyncio.shield(_end(db, _RELEASE, task))
        raise
    except Exception as error:
        await _fail(db, settings, task, error)
    else:
        await _end(db, _FINISH, task)


async def _fail(db: Database, settings: Settings, task: Claimed, error: Exception) -> None:
    """Try again later, each time after about twice as long, until it is set aside as dead."""
    dead = task.attempts >= settings.task_attempts
    pause = min(_LONGEST_PAUSE, 2.0**task.attempts) * random.uniform(0.5, 1.0)  # noqa: S311
    # the type says enough: messages of libraries quote what they choked on
    told = type(error).__name__
    _log.warning("task %s %s failed: %s", task.kind, task.id, told, exc_info=error)
    ended = {"state": "dead" if dead else "waiting", "last_error": told, "pause": pause}
    await _end(db, _FAIL, task, ended)


async def _end(
    db: Database, statement: Any, task: Claimed, ended: Mapping[str, Any] | None = None
) -> None:
    names = {"jurisdiction_id": task.jurisdiction_id, "id": task.id, "attempts": task.attempts}
    async with db.begin(task.jurisdiction_id) as connection:
        await connection.execute(statement, names | dict(ended or {}))


async def count(db: Database) -> list[Count]:
    """Every kind and state that has tasks, done ones left out."""
    async with db.shared() as connection:
        return [msgspec.convert(dict(row), Count)
                for row in (await connection.execute(_COUNT)).mappings()]


async def list_dead(db: Database, jurisdiction_id: str) -> list[DeadTask]:
    """The tasks that were given up."""
    async with db.begin(jurisdiction_id) as connection:
        rows = await connection.execute(_LIST_DEAD, {"jurisdiction_id": jurisdiction_id})
        return [msgspec.convert(dict(row), DeadTask) for row in rows.mappings()]


async def replay(db: Database, jurisdiction_id: str, task_id: int) -> bool:
    """Give a dead task its tries again; False when there is no such one."""
    async with db.begin(jurisdiction_id) as connection:
        names = {"jurisdiction_id": jurisdiction_id, "id": task_id}
        return (await connection.execute(_REPLAY, names)).first() is not None
