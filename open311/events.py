"""The event log: every change, in the transaction that made it; audit trail and outbox at once.

The relay gives the events of each jurisdiction their numbers, without a gap and in the order in
which readers may rely on them, and tells every process that there is something new.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from open311.db import Database
from open311.settings import Settings

Follower = Callable[[AsyncConnection, str], Awaitable[list[int] | None]]
"""Called in the relay's transaction with the jurisdiction's id, to bring up to date what is made of
its requests; returns the quadkeys of the points whose tiles changed, or None when any may have."""

MOST_AT_ONCE = 5000
"""Events that get their numbers in one transaction."""

_LONGEST_PAUSE = 60.0
_RELAYED = Counter("open311_events_relayed_total", "Events that got their number")
_FAILED = Counter("open311_relay_failures_total", "Times that a jurisdiction could not be relayed")
_log = logging.getLogger(__name__)

_RECORD = text("""
insert into event (jurisdiction_id, kind, subject, actor, before, after)
values (
    :jurisdiction_id, :kind, :subject, :actor, cast(:before as jsonb), cast(:after as jsonb)
)
""")
_NEWS = text("select jurisdiction_id, waiting_seconds from news()")
# One relay at a time in the whole installation: then batches become visible in their order.
_RELAY_LOCK = "hashtext('open311 relay')"
_TRY_LOCK = text(f"select pg_try_advisory_xact_lock({_RELAY_LOCK})")
_LOCK = text(f"select pg_advisory_xact_lock({_RELAY_LOCK})")
_NUMBER = text("""
with last as (
    select coalesce(max(number), 0) as number from event where jurisdiction_id = :jurisdiction_id
), fresh as (
    select id, row_number() over (order by id) as place
    from (
        select id from event
        where jurisdiction_id = :jurisdiction_id and number is null
        order by id
        limit :most
    ) unnumbered
)
update event e set number = last.number + fresh.place
from last, fresh
where e.jurisdiction_id = :jurisdiction_id and e.id = fresh.id
""")
_ANNOUNCE = text("""
insert into relayed (jurisdiction_id, last_event, quadkeys)
select :jurisdiction_id, coalesce(max(number), 0), cast(:quadkeys as bigint[])
from event where jurisdiction_id = :jurisdiction_id
""")
_NEWEST = text("""
select coalesce(max(number), 0) from event where jurisdiction_id = :jurisdiction_id
""")
_AFTER = text("""
select number, kind, subject, before, after from event
where jurisdiction_id = :jurisdiction_id and number > :number
order by number
limit :most
""").columns(before=JSONB, after=JSONB)


class Entry(Struct, frozen=True):
    """A numbered event: what happened, to which id, and what of it differs."""

    number: int
    kind: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class _Rest(Struct, frozen=True):
    """How long a jurisdiction that failed is left alone."""

    until: float
    pause: float


Rests = dict[str, _Rest]


async def record(
    connection: AsyncConnection,
    jurisdiction_id: str,
    kind: str,
    subject: str,
    actor: str,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Write one event: what (`kind`, as in `request.moved`), to which id, by whom.

    Never personal data: the log is kept when a person asks to be forgotten. What takes a request
    off the public view says so: `before` and `after` then have its `visibility`.
    """
    names = {"jurisdiction_id": jurisdiction_id, "kind": kind, "subject": subject, "actor": actor}
    await connection.execute(_RECORD, names | {"before": _json(before), "after": _json(after)})


def _json(value: Mapping[str, object] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


async def newest(connection: AsyncConnection, jurisdiction_id: str) -> int:
    """The number of a jurisdiction's latest event, 0 before its first."""
    found = await connection.execute(_NEWEST, {"jurisdiction_id": jurisdiction_id})
    return int(found.scalar_one())


async def after(
    connection: AsyncConnection, jurisdiction_id: str, number: int, most: int
) -> list[Entry]:
    """The events that follow a number, at most so many, in order."""
    names = {"jurisdiction_id": jurisdiction_id, "number": number, "most": most}
    return [Entry(*row) for row in await connection.execute(_AFTER, names)]


async def announce(
    connection: AsyncConnection, jurisdiction_id: str, quadkeys: Sequence[int] | None
) -> None:
    """Tell every process which points changed on the map, once the caller's transaction commits.

    As the last statement of it: everybody else who has news waits until then. None is "any".
    """
    await connection.execute(_LOCK)
    names = {"jurisdiction_id": jurisdiction_id, "quadkeys": quadkeys}
    await connection.execute(_ANNOUNCE, names)


async def relay(db: Database, follow: Follower, settings: Settings) -> None:
    """Relay what is new, several times a second, until cancelled; any number of workers may."""
    rests: Rests = {}
    while True:
        try:
            await relay_once(db, follow, rests)
        except Exception as error:  # the database is away: it comes back, and so do we
            _log.warning("nothing can be relayed: %s", type(error).__name__)
        await asyncio.sleep(settings.relay_milliseconds / 1000)


async def relay_once(db: Database, follow: Follower, rests: Rests | None = None) -> int:
    """Relay what is new now, jurisdiction by jurisdiction; how many events got their number.

    One that fails is logged, left alone for a while (`rests`), and keeps nobody else waiting.
    """
    rests = {} if rests is None else rests
    relayed = 0
    async with db.shared() as connection:
        waiting = list((await connection.execute(_NEWS)).scalars())
    for jurisdiction_id in waiting:
        if jurisdiction_id in rests and time.monotonic() < rests[jurisdiction_id].until:
            continue
        try:
            relayed += await _relay_one(db, follow, jurisdiction_id)
            rests.pop(jurisdiction_id, None)
        except Exception:
            _FAILED.inc()
            rests[jurisdiction_id] = rest = _longer(rests.get(jurisdiction_id))
            _log.exception("%s is not relayed, again in %s s", jurisdiction_id, rest.pause)
    return relayed


def _longer(rest: _Rest | None) -> _Rest:
    pause = min(_LONGEST_PAUSE, 2 * rest.pause) if rest else 1.0
    return _Rest(time.monotonic() + pause, pause)


async def _relay_one(db: Database, follow: Follower, jurisdiction_id: str) -> int:
    """All that is new in a jurisdiction; nothing while another process is relaying."""
    relayed, numbered = 0, MOST_AT_ONCE
    while numbered == MOST_AT_ONCE:
        async with db.begin(jurisdiction_id) as connection:
            if not (await connection.execute(_TRY_LOCK)).scalar_one():
                break
            numbered = await _number(connection, jurisdiction_id)
            touched = await follow(connection, jurisdiction_id)
            if numbered or touched is None or touched:
                await announce(connection, jurisdiction_id, touched)
        _RELAYED.inc(numbered)
        relayed += numbered
    return relayed


async def _number(connection: AsyncConnection, jurisdiction_id: str) -> int:
    names = {"jurisdiction_id": jurisdiction_id, "most": MOST_AT_ONCE}
    return (await connection.execute(_NUMBER, names)).rowcount


async def lag_seconds(db: Database) -> float:
    """How long the oldest event has been waiting for the relay; 0 when none is."""
    async with db.shared() as connection:
        return max((row.waiting_seconds for row in await connection.execute(_NEWS)), default=0.0)
