"""The connections: dead ones are replaced, what passes is told as such."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine

from open311 import db
from open311.db import Database
from open311.errors import Busy
from open311.settings import Settings

pytestmark = pytest.mark.anyio

NUMBER = text("select 1")


async def use(database: Database) -> int:
    async with database.shared() as connection:
        await asyncio.sleep(0.02)
        return int((await connection.execute(NUMBER)).scalar_one())


async def run(database: Database, *statements: str) -> None:
    async with database.shared() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def end_connections(settings: Settings) -> int:
    """What a restart of the database does to every connection of the application."""
    engine = create_async_engine(db.owner_url(settings))
    async with engine.connect() as connection:
        ended = await connection.execute(
            text("""
            select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and application_name = 'open311-app'
            """)
        )
        number = int(ended.scalar_one())
    await engine.dispose()
    return number


async def test_nobody_notices_that_the_database_was_restarted(
    settings: Settings, database: Database
) -> None:
    assert await asyncio.gather(*(use(database) for _ in range(settings.pool_size))) == [1] * 10
    assert await end_connections(settings) >= settings.pool_size
    assert await asyncio.gather(*(use(database) for _ in range(settings.pool_size))) == [1] * 10


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
