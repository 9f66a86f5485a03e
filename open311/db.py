"""Connections: one engine of the application role, and the one way to open a unit of work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from open311.errors import Busy
from open311.secrets import role_password
from open311.settings import Settings

ROLES = ("app", "map")


def owner_url(settings: Settings) -> URL:
    """The URL of the owner of the schema: for migrations and nothing else."""
    return make_url(settings.database_url).set(drivername="postgresql+asyncpg")


def role_url(settings: Settings, role: str) -> URL:
    """The URL of one of ROLES: its name is the database's with the role's appended."""
    owner = owner_url(settings)
    return owner.set(
        username=f"{owner.database}_{role}", password=role_password(settings.secret_keys[-1], role)
    )


_BUSY = "The database is busy or away. Try again in a moment."
_DEAD = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError)
# SQLSTATE of a statement that took too long, of a shutdown, of a start, of too many connections
_PASSING = frozenset({"57014", "57P01", "57P02", "57P03", "53300"})


def _is_passing(error: BaseException) -> bool:
    """Whether it is the database's state and not the statement that failed."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _PASSING
    return isinstance(error, _DEAD)


class Database:
    """The application role's pool. It owns nothing, and sees one jurisdiction at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @asynccontextmanager
    async def begin(self, jurisdiction_id: str) -> AsyncIterator[AsyncConnection]:
        """One transaction that sees this jurisdiction's rows only (row-level security).

        The setting is local to the transaction: a session-level one leaks to the next client
        of a pooled connection. Raises Busy when no connection comes free in time.
        """
        # its own words, not a parameter, so that both statements are one round trip
        quoted = jurisdiction_id.replace("'", "''")
        async with self._transaction(
            f"begin; select set_config('app.jurisdiction', '{quoted}', true)"
        ) as connection:
            yield connection

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[AsyncConnection]:
        """One transaction without a tenant: the list of jurisdictions, the task queue."""
        async with self._transaction("begin") as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, opening: str) -> AsyncIterator[AsyncConnection]:
        """A transaction of ours on SQLAlchemy's connection: its own takes more round trips."""
        async with self._opened(opening) as (connection, driver):
            try:
                yield connection
                await driver.execute("commit")
            except BaseException as error:
                await self._roll_back(connection, driver)
                if _is_passing(error):
                    raise Busy(_BUSY) from error
                raise

    @asynccontextmanager
    async def _opened(self, opening: str) -> AsyncIterator[tuple[AsyncConnection, Any]]:
        """A connection on which the transaction is open.

        After the database was restarted every connection of the pool is dead, and says so at its
        first statement: such are thrown away, nothing was done on them yet.
        """
        for _ in range(self.engine.pool.size() + 1):  # type: ignore[attr-defined]
            async with self._connection() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                try:
                    await driver.execute(opening)
                except _DEAD:
                    await connection.invalidate()
                    continue
                except BaseException:
                    await self._roll_back(connection, driver)
                    raise
                yield connection, driver
                return
        raise Busy(_BUSY)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        connection = self.engine.connect()
        try:
            await connection.start()
        except (PoolTimeout, DBAPIError, OSError) as error:
            raise Busy(_BUSY) from error
        try:
            yield connection
        finally:
            await connection.close()

    async def _roll_back(self, connection: AsyncConnection, driver: Any) -> None:
        """Undo, or throw the connection away: it must never go back with a transaction open."""
        try:
            await driver.execute("rollback")
        except BaseException as error:
            await connection.invalidate()
            if not isinstance(error, Exception):
                raise

    async def close(self) -> None:
        await self.engine.dispose()


def connect(settings: Settings, role: str = "app") -> Database:
    """Make the pool of a role; nothing is opened before the first use."""
    return Database(
        create_async_engine(
            role_url(settings, role),
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.pool_wait_seconds,
            # transactions are opened by Database itself
            isolation_level="AUTOCOMMIT",
            # an error's text would hold what people wrote, and errors are logged
            hide_parameters=True,
            connect_args={
                "server_settings": {
                    "statement_timeout": f"{settings.statement_seconds}s",
                    "idle_in_transaction_session_timeout": "60s",
                    "application_name": f"open311-{role}",
                    "jit": "off",
                    # what `begin` quotes rests on it
                    "standard_conforming_strings": "on",
                },
                "timeout": settings.pool_wait_seconds,
            },
        )
    )


@asynccontextmanager
async def connected(settings: Settings, role: str = "app") -> AsyncIterator[Database]:
    """The pool of a role for as long as the block runs: for commands."""
    database = connect(settings, role)
    try:
        yield database
    finally:
        await database.close()
