"""Work to be done is a row with a lease; Redis only wakes the workers, and may lose everything."""

import asyncio
import logging
import random
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from prometheus_client import Counter
from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import events
from open311.db import Database
from open311.errors import NotFound
from open311.settings import Settings

Handler = Callable[[str, dict[str, Any]], Awaitable[None]]
"""Does the work of one kind: called with the jurisdiction's id and the payload, perhaps twice."""

OPEN_STATES = ("waiting", "running", "dead")
_LONGEST_PAUSE = 1800.0
_ENDED = Counter("open311_task_ends_total", "Tries of tasks, by how they ended", ["kind", "end"])
_log = logging.getLogger(__name__)

_ADD = text("""
insert into task (jurisdiction_id, kind, dedupe_key, payload, run_after)
values (
    :jurisdiction_id, :kind, :dedupe_key, cast(:payload as jsonb),
    coalesce(cast(:run_after as timestamptz), now())
)
on conflict (jurisdiction_id, kind, dedupe_key) do nothing
""")
_CLAIM = text("select * from claim_tasks(:kinds, :most, :lease_seconds)").columns(payload=JSONB)
_FINISH = text("select finish_tasks(:jurisdiction_ids, :ids, :tries)")
_COUNT = text("select kind, state, number, oldest_seconds from count_tasks()")
_LIST = text("""
select id, kind, dedupe_key, state, attempts, last_error from task
where jurisdiction_id = :jurisdiction_id and state = any(:states)
order by id
""")
_REPLAY = text("""
update task set state = 'waiting', attempts = 0, run_after = now()
where jurisdiction_id = :jurisdiction_id and id = :id and state = 'dead'
returning id
""")


def _mine(change: str) -> TextClause:
    """A change to a task that only whoever holds its latest attempt may make."""
    return text(f"""
    update task set {change}
    where jurisdiction_id = :jurisdiction_id and id = :id and attempts = :attempts
        and state = 'running'
    """)  # noqa: S608


_RENEW = _mine("lease_until = now() + make_interval(secs => :lease_seconds)")
_FAIL = _mine("""
    state = :state, lease_until = null, last_error = :last_error,
    run_after = now() + make_interval(secs => :pause)
""")
_POSTPONE = _mine("""
    state = 'waiting', lease_until = null, attempts = attempts - 1,
    run_after = now() + make_interval(secs => :pause)
""")
_RELEASE = _mine("state = 'waiting', lease_until = null, attempts = attempts - 1")


class Later(Exception):
    """Raised by a handler that must wait for others: tried again then, and not as a failure."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


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


class OpenTask(Struct, frozen=True):
    """A task that is not done; a dead one was given up after too many tries."""

    id: int
    kind: str
    dedupe_key: str
    state: str
    attempts: int
    last_error: str | None


async def add(
    connection: AsyncConnection,
    jurisdiction_id: str,
    kind: str,
    dedupe_key: str,
    payload: Mapping[str, Any] | None = None,
    run_after: datetime | None = None,
) -> None:
    """Put a task into the caller's transaction, for now or for later.

    The same kind and dedupe_key are one task until it is done and `task_days` old.
    """
    names = {"jurisdiction_id": jurisdiction_id, "kind": kind, "dedupe_key": dedupe_key}
    rest = {"payload": msgspec.json.encode(payload or {}).decode(), "run_after": run_after}
    await connection.execute(_ADD, names | rest)


async def claim(
    db: Database,
    settings: Settings,
    kinds: Sequence[str],
    most: int,
    done: Sequence[Claimed] = (),
) -> list[Claimed]:
    """Take at most so many due tasks, of any jurisdiction; write first that others are done.

    One transaction for all of them: most of what a task costs is to write its end.
    """
    names = {"kinds": list(kinds), "most": most, "lease_seconds": settings.task_lease_seconds}
    async with db.shared() as connection:
        if done:
            ended = {
                "jurisdiction_ids": [task.jurisdiction_id for task in done],
                "ids": [task.id for task in done],
                "tries": [task.attempts for task in done],
            }
            await connection.execute(_FINISH, ended)
        rows = (await connection.execute(_CLAIM, names)).mappings().all() if most else []
    for task in done:
        _ENDED.labels(task.kind, "done").inc()
    return [msgspec.convert(dict(row), Claimed) for row in rows]


async def work(
    db: Database, settings: Settings, handlers: Mapping[str, Handler], task: Claimed
) -> bool:
    """Run a task's handler; True when it is done, which is for `claim` to write.

    How it ended otherwise is written here; stopped in the middle, it is free again. A worker that
    dies writes nothing: then the lease runs out, and the task is due again.
    """
    try:
        _check_tries(settings, task)
        async with asyncio.timeout(settings.task_seconds), _renewed(db, settings, task):
            await handlers[task.kind](task.jurisdiction_id, task.payload)
    except asyncio.CancelledError:
        await asyncio.shield(_end(db, _RELEASE, task, "released"))
        raise
    except Later as later:
        await _end(db, _POSTPONE, task, "postponed", {"pause": later.seconds})
    except Exception as error:
        await _fail(db, settings, task, error)
    else:
        return True
    return False


def _check_tries(settings: Settings, task: Claimed) -> None:
    """A task may take its worker down each time, and then nobody is left to count its failures."""
    if task.attempts > settings.task_attempts:
        raise RuntimeError("every worker that tried this task died")


@asynccontextmanager
async def _renewed(db: Database, settings: Settings, task: Claimed) -> AsyncIterator[None]:
    """Keep a task's lease for as long as the block runs."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(settings.task_lease_seconds / 3)
            with suppress(Exception):  # next time, or else somebody else may have it
                await _write(db, _RENEW, task, {"lease_seconds": settings.task_lease_seconds})

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()


async def _fail(db: Database, settings: Settings, task: Claimed, error: Exception) -> None:
    """Try again later, each time after about twice as long, until it is set aside as dead."""
    dead = task.attempts >= settings.task_attempts
    pause = min(_LONGEST_PAUSE, 2.0**task.attempts) * random.uniform(0.5, 1.0)  # noqa: S311
    told = _describe(error)
    _log.warning("task %s %s of %s: %s", task.kind, task.id, task.jurisdiction_id, told)
    ended = {"state": "dead" if dead else "waiting", "last_error": told, "pause": pause}
    await _end(db, _FAIL, task, "dead" if dead else "failed", ended)


def _describe(error: Exception) -> str:
    """What failed, and where; not its message, which may quote what people wrote."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno} {frame.name}"


async def _end(
    db: Database,
    statement: TextClause,
    task: Claimed,
    end: str,
    ended: Mapping[str, Any] | None = None,
) -> None:
    await _write(db, statement, task, ended or {})
    _ENDED.labels(task.kind, end).inc()


async def _write(
    db: Database, statement: TextClause, task: Claimed, names: Mapping[str, Any]
) -> None:
    mine = {"jurisdiction_id": task.jurisdiction_id, "id": task.id, "attempts": task.attempts}
    async with db.begin(task.jurisdiction_id) as connection:
        await connection.execute(statement, mine | dict(names))


async def count(db: Database) -> list[Count]:
    """Every kind and state that has tasks, done ones left out."""
    async with db.shared() as connection:
        return [
            msgspec.convert(dict(row), Count)
            for row in (await connection.execute(_COUNT)).mappings()
        ]


async def list_open(
    db: Database, jurisdiction_id: str, states: Sequence[str] = OPEN_STATES
) -> list[OpenTask]:
    """The tasks in some states, oldest first."""
    names = {"jurisdiction_id": jurisdiction_id, "states": list(states)}
    async with db.begin(jurisdiction_id) as connection:
        rows = (await connection.execute(_LIST, names)).mappings().all()
    return [msgspec.convert(dict(row), OpenTask) for row in rows]


async def replay(db: Database, jurisdiction_id: str, task_id: int, actor: str) -> None:
    """Give a dead task all its tries again. Raises NotFound when there is no such one."""
    names = {"jurisdiction_id": jurisdiction_id, "id": task_id}
    async with db.begin(jurisdiction_id) as connection:
        if (await connection.execute(_REPLAY, names)).first() is None:
            raise NotFound(f"There is no dead task {task_id} in {jurisdiction_id}.")
        await events.record(connection, jurisdiction_id, "task.replayed", str(task_id), actor)
