"""Counts of public requests by hexagon, service and month, kept in step with the requests.

Triggers note what each statement changed (`map_change`); `follow` adds that to the counts, within
the relay's transaction; `mapserve.recount` counts anew.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct, field
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.cells import MAP_RESOLUTIONS
from mapserve import days
from open311 import tasks

ALL_SERVICES = ""
ALL_MONTHS = date.min
"""PostgreSQL's -infinity."""

REBUILD = "map.rebuild"
"""The kind of task that counts anew."""

LOCK = "hashtextextended('map ' || :jurisdiction_id, 0)"
"""What whoever changes the counts of a jurisdiction holds, as an advisory lock."""

_TRY_LOCK = text(f"select pg_try_advisory_xact_lock({LOCK})")
_MOST = 50_000
"""Changes that are followed one by one; when more have piled up, counting anew is quicker."""
_OLDEST_OF_TOO_MANY = text("""
select min(id) from map_change
where jurisdiction_id = :jurisdiction_id and exists (
    select from map_change where jurisdiction_id = :jurisdiction_id order by id offset :most
)
""")
_DRAIN = text("""
delete from map_change c
using jurisdiction j
where c.jurisdiction_id = :jurisdiction_id and j.jurisdiction_id = c.jurisdiction_id
returning c.sign, c.service_code, c.days, c.cells, c.quadkey,
    cast(date_trunc('month', c.requested_datetime at time zone j.time_zone) as date) as month
""")
_KEYS = """
unnest(
    cast(:resolutions as smallint[]), cast(:services as text[]), cast(:months as date[]),
    cast(:cells as bigint[])
"""
_STANDING = text(f"""
select h.resolution, h.service_code, h.month, h.cell, h.requests, h.open, h.days
from hex_rollup h
join {_KEYS}) k (resolution, service_code, month, cell)
    using (resolution, service_code, month, cell)
where h.jurisdiction_id = :jurisdiction_id
""")  # noqa: S608
_KEEP = text(f"""
insert into hex_rollup
select :jurisdiction_id, *
from {_KEYS},
    cast(:requests as integer[]), cast(:open as integer[]), cast(:days as bytea[]),
    cast(:medians as smallint[]), cast(:p90s as smallint[])
)
on conflict (jurisdiction_id, resolution, service_code, month, cell) do update
set requests = excluded.requests, open = excluded.open, days = excluded.days,
    median_days = excluded.median_days, p90_days = excluded.p90_days
""")  # noqa: S608
_DROP_EMPTY = text(f"""
delete from hex_rollup h
using {_KEYS}) k (resolution, service_code, month, cell)
where h.jurisdiction_id = :jurisdiction_id and h.requests = 0
    and (h.resolution, h.service_code, h.month, h.cell)
        = (k.resolution, k.service_code, k.month, k.cell)
""")  # noqa: S608
Key = tuple[int, str, date, int]
"""Resolution, service, month and cell: one row of the rollup."""


class Change(Struct):
    """What came to a row of the rollup, or went (negative)."""

    requests: int = 0
    open: int = 0
    days: Counter[int] = field(default_factory=Counter)


async def follow(connection: AsyncConnection, jurisdiction_id: str) -> list[int] | None:
    """Bring the counts up to what was committed; the points whose tiles changed, as quadkeys.

    None when any tile may have changed: then a task counts everything anew. While that goes on,
    what changes is left for later.
    """
    names = {"jurisdiction_id": jurisdiction_id}
    if not (await connection.execute(_TRY_LOCK, names)).scalar_one():
        return []
    oldest = (await connection.execute(_OLDEST_OF_TOO_MANY, names | {"most": _MOST})).scalar_one()
    if oldest is not None:
        # they stay until the count, which forgets them; and until then this is the same task
        await tasks.add(connection, jurisdiction_id, REBUILD, f"since {oldest}")
        return None
    rows = (await connection.execute(_DRAIN, names)).all()
    if any(row.sign == 0 for row in rows):
        await tasks.add(connection, jurisdiction_id, REBUILD, str(await _now(connection)))
        return None
    await _fold(connection, jurisdiction_id, _changes(rows))
    return sorted({row.quadkey for row in rows})


async def _now(connection: AsyncConnection) -> int:
    return int((await connection.execute(text("select txid_current()"))).scalar_one())


def _changes(rows: Iterable[Row[Any]]) -> dict[Key, Change]:
    """What changes in each row of the rollup; those in which nothing does are left out."""
    changes: defaultdict[Key, Change] = defaultdict(Change)
    for row in rows:
        for resolution, cell in zip(MAP_RESOLUTIONS, row.cells, strict=True):
            for service in (row.service_code, ALL_SERVICES):
                for month in (row.month, ALL_MONTHS):
                    change = changes[resolution, service, month, cell]
                    change.requests += row.sign
                    if row.days is None:
                        change.open += row.sign
                    else:
                        change.days[row.days] += row.sign
    return {
        key: change
        for key, change in changes.items()
        if change.requests or change.open or any(change.days.values())
    }


async def _fold(
    connection: AsyncConnection, jurisdiction_id: str, changes: Mapping[Key, Change]
) -> None:
    if not changes:
        return
    # in one order: two transactions that fold the same rows wait for, and never block, each other
    keys = sorted(changes)
    names = {"jurisdiction_id": jurisdiction_id} | _columns(keys)
    for row in await connection.execute(_STANDING, names):
        change = changes[row.resolution, row.service_code, row.month, row.cell]
        change.requests += row.requests
        change.open += row.open
        change.days.update(days.unpack(row.days))
    counted = [changes[key] for key in keys]
    await connection.execute(_KEEP, names | _values(counted))
    if any(not change.requests for change in counted):
        await connection.execute(_DROP_EMPTY, names)


def _columns(keys: Sequence[Key]) -> dict[str, list[Any]]:
    named = ("resolutions", "services", "months", "cells")
    return {name: list(column) for name, column in zip(named, zip(*keys, strict=True), strict=True)}


def _values(counted: Sequence[Change]) -> dict[str, list[Any]]:
    return {
        "requests": [each.requests for each in counted],
        "open": [each.open for each in counted],
        "days": [days.pack(each.days) for each in counted],
        "medians": [days.percentile(each.days, 0.5) for each in counted],
        "p90s": [days.percentile(each.days, 0.9) for each in counted],
    }
