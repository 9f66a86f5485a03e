"""The connections: dead ones are replaced, what passes is told as such."""

import asyncio
from contextlib import suppress

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine

from open311 import db
from open311.db import Database, NotKept
from open311.errors import Busy
from open311.settings import Settings

pytestmark = pytest.mark.anyio

NUMBER = text("select 1")


async def use(database: Database, together: asyncio.Barrier | None = None) -> int:
    async with database.shared() as connection:
        if together:
            await together.wait()
        return int((await connection.execute(NUMBER)).scalar_one())


async def use_all(database: Database, number: int) -> list[int]:
    """Use every connection of the pool, each while all the others are used too."""
    together = asyncio.Barrier(number)
    return await asyncio.gather(*(use(database, together) for _ in range(number)))


async def run(database: Database, *statements: str) -> None:
    async with database.shared() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def end_connections(settings: Settings) -> int:
    """What a restart of the database does to every connection of the application; how many."""
    engine = create_async_engine(db.owner_url(settings))
    async with engine.connect() as connection:
        ended = await connection.execute(
            text("""
            select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity
            where datname = current_database() and application_name = 'open311-app'
            """)
        )
        number = int(ended.scalar_one())
    await engine.dispose()
    return number


async def test_nobody_notices_that_the_database_was_restarted(
    settings: Settings, database: Database
) -> None:
    size = settings.pool_size
    assert await use_all(database, size) == [1] * size
    assert await end_connections(settings) >= size
    assert await use_all(database, size) == [1] * size


async def test_a_connection_that_is_lost_midway_is_told_as_passing(
    settings: Settings, database: Database
) -> None:
    async def lose_it() -> None:
        async with database.shared() as connection:
            await end_connections(settings)
            await connection.execute(NUMBER)

    with pytest.raises(Busy):
        await lose_it()
    assert await use(database) == 1


async def test_a_statement_that_takes_too_long_is_told_as_passing(database: Database) -> None:
    with pytest.raises(Busy):
        await run(database, "set local statement_timeout = 50", "select pg_sleep(5)")
    assert await use(database) == 1


async def test_an_error_of_ours_is_not(database: Database) -> None:
    with pytest.raises(ProgrammingError, match="no_such_table"):
        await run(database, "select * from no_such_table")
    assert await use(database) == 1


async def test_an_error_of_somebody_else_is_not(database: Database) -> None:
    """Redis and the media store raise it too."""

    async def fail() -> None:
        async with database.shared():
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await fail()
    assert await use(database) == 1


async def test_a_transaction_that_failed_unnoticed_is_an_error(database: Database) -> None:
    """PostgreSQL answers the commit of such with a rollback, and no error."""

    async def overlook() -> None:
        async with database.shared() as connection:
            with suppress(ProgrammingError):
                await connection.execute(text("select * from no_such_table"))

    with pytest.raises(NotKept):
        await overlook()
    assert await use(database) == 1


async def test_what_a_commit_lost_midway_did_is_not_claimed(
    settings: Settings, database: Database
) -> None:
    async def lose_the_commit() -> None:
        async with database.shared():
            await end_connections(settings)

    with pytest.raises(Busy, match=r"may have been kept.*same Idempotency-Key"):
        await lose_the_commit()
    assert await use(database) == 1


@pytest.mark.parametrize("conforming", ["on", "off"])
@pytest.mark.parametrize(
    "tenant", ["o'hara.test", "back\\slash", "'; select 1; --", "\\'; select 1; --", "\\\\' x"]
)
async def test_the_tenant_is_quoted_however_the_database_reads_strings(
    settings: Settings, conforming: str, tenant: str
) -> None:
    async with db.connected(msgspec.structs.replace(settings, pool_size=1)) as single:
        await run(single, f"set standard_conforming_strings = {conforming}")
        async with single.begin(tenant) as connection:
            named = await connection.execute(text("select current_setting('app.jurisdiction')"))
            assert named.scalar_one() == tenant


async def test_limits_hold_for_the_transaction_alone(settings: Settings) -> None:
    """A pooler between gives the connection to others after it."""
    question = "select current_setting('statement_timeout'), current_setting('jit')"
    async with db.connected(msgspec.structs.replace(settings, pool_size=1)) as single:
        async with single.shared() as connection:
            within = (await connection.execute(text(question))).one()
        # outside of any transaction of ours
        async with single.engine.connect() as connection:
            after = (await connection.execute(text(question))).one()
    assert (within, after) == (("5s", "off"), ("0", "on"))
