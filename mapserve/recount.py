"""Count the requests of every hexagon anew: after an import, an upgrade, or when told to."""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.cells import MAP_RESOLUTIONS, map_cells
from mapserve.rollups import LOCK, follow
from open311 import events
from open311.db import Database

_BATCH = 5000
_TRIES = 5
_SERIALIZATION_FAILURE = "40001"
_UNPLACED = text("""
select service_request_id, st_y(geom) as lat, st_x(geom) as lon
from service_request
where jurisdiction_id = :jurisdiction_id and geom is not null and cells is null
limit :most
""")
_PLACE = text("""
update service_request r
set cells = cast(k.cells as bigint[])
from unnest(cast(:ids as text[]), cast(:cells as text[])) k (service_request_id, cells)
where r.jurisdiction_id = :jurisdiction_id and r.service_request_id = k.service_request_id
""")
_ALLOW = (
    # one snapshot: a change is either counted, and then forgotten, or still to be followed
    text("set transaction isolation level repeatable read"),
    text("set local statement_timeout = 0"),
    text("set local work_mem = '256MB'"),
)
_TAKE_LOCK = text(f"select pg_advisory_xact_lock({LOCK})")
_CLEAR = (
    text("delete from map_change where jurisdiction_id = :jurisdiction_id"),
    text("delete from hex_rollup where jurisdiction_id = :jurisdiction_id"),
)
_COUNT = text(Path(__file__).with_suffix(".sql").read_text())
_ROWS = """
select resolution, service_code, month, cell, requests, open, days, median_days, p90_days
from hex_rollup
where jurisdiction_id = :jurisdiction_id
"""
_KEEP_OLD = text(f"create temporary table standing on commit drop as {_ROWS}")
_DIFFERENCES = text(f"""
select count(*) from (
    (table standing except {_ROWS}) union all ({_ROWS} except table standing)
) difference
""")  # noqa: S608


class _Undone(Exception):
    """Ends a transaction that only looked."""


async def rebuild(db: Database, jurisdiction_id: str) -> None:
    """Count a jurisdiction's requests anew; maps show the old counts until it is done.

    Requests from before there were cells get theirs first.
    """
    while await _place(db, jurisdiction_id):
        pass
    for left in reversed(range(_TRIES)):
        try:
            async with db.begin(jurisdiction_id) as connection:
                await _count(connection, jurisdiction_id)
                await events.announce(connection, jurisdiction_id, None)
            return
        except DBAPIError as error:
            # changes were followed between our snapshot and our lock
            state = getattr(error.orig, "sqlstate", None)
            if state != _SERIALIZATION_FAILURE or not left:
                raise


async def check(db: Database, jurisdiction_id: str) -> int:
    """How many counts differ from a recount that is then thrown away; 0 is right."""
    differences = 0
    names = {"jurisdiction_id": jurisdiction_id}
    try:
        async with db.begin(jurisdiction_id) as connection:
            await _count(connection, jurisdiction_id, keep_old=True)
            differences = (await connection.execute(_DIFFERENCES, names)).scalar_one()
            raise _Undone
    except _Undone:
        return differences


async def _count(
    connection: AsyncConnection, jurisdiction_id: str, *, keep_old: bool = False
) -> None:
    names = {"jurisdiction_id": jurisdiction_id}
    for statement in _ALLOW:
        await connection.execute(statement)
    await connection.execute(_TAKE_LOCK, names)
    if keep_old:
        await follow(connection, jurisdiction_id)
        await connection.execute(_KEEP_OLD, names)
    for statement in _CLEAR:
        await connection.execute(statement, names)
    await connection.execute(_COUNT, names | {"coarsest": MAP_RESOLUTIONS[0]})


async def _place(db: Database, jurisdiction_id: str) -> int:
    """Give cells to some requests that have a point and none; how many there were."""
    names = {"jurisdiction_id": jurisdiction_id, "most": _BATCH}
    async with db.begin(jurisdiction_id) as connection:
        rows = (await connection.execute(_UNPLACED, names)).all()
        cells = ["{" + ",".join(map(str, map_cells(row.lat, row.lon))) + "}" for row in rows]
        ids = [row.service_request_id for row in rows]
        names = {"jurisdiction_id": jurisdiction_id, "ids": ids, "cells": cells}
        await connection.execute(_PLACE, names)
    return len(rows)
