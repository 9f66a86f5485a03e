"""Counts that follow changes one by one are those of a count of everything, whatever happens."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from geo.cells import map_cells
from geo.tiles import quadkey
from mapserve import recount, rollups
from open311.db import Database

pytestmark = pytest.mark.anyio

BEGIN = datetime(2025, 11, 1, tzinfo=UTC)
SERVICES = ("POTHOLE", "TREE", "sewer: blocked / overflow")
INSERT = text("""
insert into service_request (
    jurisdiction_id, service_request_id, service_code, visibility, status, requested_datetime,
    updated_datetime, closed_datetime, geom, quadkey, cells
)
values (
    :city, :id, :service_code, :visibility, cast(:status as text), :requested, :requested,
    :closed, st_point(:lon, :lat, 4326), :quadkey, :cells
)
""")
CHANGES = {
    "close": "closed_datetime = requested_datetime + :days * interval '1 day', status = 'fixed'",
    "reopen": "closed_datetime = null, status = 'reopened'",
    "hide": "visibility = 'hidden'",
    "show": "visibility = 'public'",
    "move": "geom = st_point(:lon, :lat, 4326), quadkey = :quadkey, cells = :cells",
    "lift": "geom = null, quadkey = null, cells = null",
    "rename": "service_code = :service_code",
    "antedate": "requested_datetime = requested_datetime - interval '40 days'",
    "describe": "description = 'changed, and nothing that is counted'",
}


def place(chance: random.Random) -> dict[str, Any]:
    lat, lon = chance.uniform(-34.0, -33.9), chance.uniform(18.6, 18.7)
    return {"lat": lat, "lon": lon, "quadkey": quadkey(lon, lat), "cells": map_cells(lat, lon)}


def row(chance: random.Random, number: int) -> dict[str, Any]:
    requested = BEGIN + timedelta(days=chance.uniform(0, 120))
    closed = chance.random() < 0.5
    return {
        "id": f"R{number}",
        "service_code": chance.choice(SERVICES),
        "visibility": chance.choice(["public", "public", "pending", "sensitive"]),
        "status": "fixed" if closed else "received",
        "requested": requested,
        "closed": requested + timedelta(days=chance.expovariate(0.1)) if closed else None,
        **place(chance),
    }


@pytest.mark.parametrize("seed", range(6))
async def test_following_equals_counting_anew(database: Database, city: str, seed: int) -> None:
    chance, filed = random.Random(seed), 0  # noqa: S311 the same each time
    for _ in range(12):
        async with database.begin(city) as connection:
            for _ in range(chance.randrange(1, 5)):
                name = chance.choice(["file", *CHANGES])
                if name == "file" or not filed:
                    rows = [row(chance, filed + n) for n in range(chance.randrange(1, 8))]
                    filed += len(rows)
                    await connection.execute(INSERT, [each | {"city": city} for each in rows])
                    continue
                given = {**row(chance, 0), "days": chance.uniform(0, 30), "city": city}
                ids = [f"R{chance.randrange(filed)}" for _ in range(chance.randrange(1, 6))]
                change = text(
                    f"update service_request set {CHANGES[name]} "
                    "where jurisdiction_id = :city and service_request_id = any(:ids)"
                )
                wanted = {key: given[key] for key in change.compile().params if key in given}
                await connection.execute(change, wanted | {"ids": ids})
        if chance.random() < 0.5:
            async with database.begin(city) as connection:
                await rollups.follow(connection, city)
    async with database.begin(city) as connection:
        await rollups.follow(connection, city)
    assert await recount.check(database, city) == 0


async def test_a_count_that_is_wrong_is_found_and_put_right(database: Database, city: str) -> None:
    async with database.begin(city) as connection:
        await connection.execute(INSERT, row(random.Random(1), 1) | {"city": city})  # noqa: S311
        await rollups.follow(connection, city)
    await recount.rebuild(database, city)
    assert await recount.check(database, city) == 0
    wrong = text("update hex_rollup set requests = requests + 1 where jurisdiction_id = :city")
    async with database.begin(city) as connection:
        changed = (await connection.execute(wrong, {"city": city})).rowcount
    assert await recount.check(database, city) >= changed
    await recount.rebuild(database, city)
    assert await recount.check(database, city) == 0


async def test_what_has_piled_up_is_counted_anew(database: Database, city: str) -> None:
    pile = text("""
    insert into map_change (jurisdiction_id, sign, service_code, requested_datetime, cells, quadkey)
    select :city, 1, 'POTHOLE', now(), cast(:cells as bigint[]), 1 from generate_series(1, 50001)
    """)
    tasks = text("select count(*) from task where kind = 'map.rebuild'")
    async with database.begin(city) as connection:
        await connection.execute(pile, {"city": city, "cells": map_cells(-33.9, 18.6)})
        for _ in range(2):
            assert await rollups.follow(connection, city) is None
        assert (await connection.execute(tasks)).scalar_one() == 1
    await recount.rebuild(database, city)
    async with database.begin(city) as connection:
        assert await rollups.follow(connection, city) == []
    assert await recount.check(database, city) == 0


async def test_what_maps_do_not_show_is_no_change(database: Database, city: str) -> None:
    waiting = text("select count(*) from map_change where jurisdiction_id = :city")
    quiet = text("""
    update service_request set ward = 'W', team = 'T', description = 'D', address = 'A'
    where jurisdiction_id = :city
    """)
    async with database.begin(city) as connection:
        await connection.execute(INSERT, row(random.Random(1), 1) | {"city": city})  # noqa: S311
        before = (await connection.execute(waiting, {"city": city})).scalar_one()
        await connection.execute(quiet, {"city": city})
        assert (await connection.execute(waiting, {"city": city})).scalar_one() == before
