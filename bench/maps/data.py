"""The requests that map benchmarks draw, and the index that a plain map server would use."""

import time
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from demo.load import load
from ingest import growth, history
from mapserve import recount
from open311 import db
from open311.db import Database
from open311.migrate import migrate
from open311.settings import Settings

CITY = "capetown.gov.za"
_COUNTED = text("""
select coalesce(sum(requests), 0) from hex_rollup
where jurisdiction_id = :jurisdiction_id and resolution = 3 and service_code = ''
    and month = '-infinity'
""")


class Effort(NamedTuple):
    """How long each load is, in seconds, and of how many the median is printed."""

    seconds: int
    rounds: int


async def grow(settings: Settings, size: int) -> None:
    """Bring the city to so many requests, with everything that a running server would have done."""
    await migrate(settings)
    await load(settings, report=lambda _line: None)
    begin = time.perf_counter()
    async with db.connected(settings) as database:
        counts = await growth.grow(database, CITY, size)
        grown = time.perf_counter()
        is_counted = await counted(database) == size
        if not is_counted:
            await recount.rebuild(database, CITY)
    if not is_counted:
        print(
            f"{counts.inserted:,} requests made in {grown - begin:.0f} s, "
            f"counted in {time.perf_counter() - grown:.0f} s",
            flush=True,
        )
    await history.analyze(settings)
    await run_as_owner(
        settings, "create index if not exists plain_gist on service_request using gist (geom)"
    )


async def counted(database: Database) -> int:
    """How many requests the hexagons hold."""
    async with database.begin(CITY) as connection:
        return (await connection.execute(_COUNTED, {"jurisdiction_id": CITY})).scalar_one()


async def run_as_owner(settings: Settings, statement: str) -> None:
    """One statement outside of a transaction, by the owner: a superuser in embedded clusters."""
    engine = create_async_engine(db.owner_url(settings), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(statement)
    await engine.dispose()
