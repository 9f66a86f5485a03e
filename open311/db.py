"""Connections: one engine of the application role, and the one way to open a unit of work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
_UNKNOWN = (
    "The database went away at the last moment: what was sent may have been kept. Try again, "
    "with the same Idempotency-Key if there was one."
)
_LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError)
# SQLSTATE of a statement that took too long, of a shutdown, of a start, of too many connections
_PASSING = frozenset({"57014", "57P01", "57P02", "57P03", "53300"})


class NotKept(Exception):
    """A statement had failed and nobody told the transaction's owner: PostgreSQL kept nothing."""


def _is_passing(error: BaseException, driver: asyncpg.Connection) -> bool:
    """Whether it is the database's state and not the statement or the caller's own work."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _PASSING
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate in _PASSING:
        return True
    # others raise OSError too: a file, Redis, the media store
    return isinstance(error, _LOST) and driver.is_closed()


class Database:
    """The application role's pool. It owns nothing, and sees one jurisdiction at a time."""

    def __init__(self, engine: AsyncEngine, statement_seconds: int) -> None:
        self.engine = engine
        # with the transaction, not the connection: a pooler between shares that one out
        self._begin = _opening(
            statement_timeout=f"{statement_seconds}s",
            idle_in_transaction_session_timeout="60s",
            jit="off",
        )

    @asynccontextmanager
    async def begin(self, jurisdiction_id: str) -> AsyncIterator[AsyncConnection]:
        """One transaction that sees this jurisdiction's rows only (row-level security).

        The setting is local to the transaction: a session-level one leaks to the next client
        of a pooled connection. Raises Busy when no connection comes free in time.
        """
        tenant = f"set local app.jurisdiction = {_quoted(jurisdiction_id)}"
        async with self._transaction(f"{self._begin}; {tenant}") as connection:
            yield connection

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[AsyncConnection]:
        """One transaction without a tenant: the list of jurisdictions, the task queue."""
        async with self._transaction(self._begin) as connection:
            yield connection

    @asynccontextmanager
    async def _transaction(self, opening: str) -> AsyncIterator[AsyncConnection]:
        """A transaction of ours on SQLAlchemy's connection: its own takes more round trips."""
        async with self._opened(opening) as (connection, driver):
            async with self._undone(connection, driver, _BUSY):
                yield connection
            async with self._undone(connection, driver, _UNKNOWN):
                done = await driver.execute("commit")
            if done != "COMMIT":
                raise NotKept("The transaction had failed before it ended.")

    @asynccontextmanager
    async def _undone(
        self, connection: AsyncConnection, driver: asyncpg.Connection, passing: str
    ) -> AsyncIterator[None]:
        """Undo the transaction when the block fails; say so as Busy if that will pass."""
        try:
            yield
        except BaseException as error:
            will_pass = _is_passing(error, driver)
            await self._roll_back(connection, driver)
            if will_pass:
                raise Busy(passing) from error
            raise

    @asynccontextmanager
    async def _opened(
        self, opening: str
    ) -> AsyncIterator[tuple[AsyncConnection, asyncpg.Connection]]:
        """A connection on which the transaction is open.

        After the database was restarted every connection of the pool is dead, and says so at its
        first statement: such are thrown away, nothing was done on them yet.
        """
        for _ in range(self.engine.pool.size() + 1):  # type: ignore[attr-defined]
            async with self._connection() as connection:
                pooled = await connection.get_raw_connection()
                driver: asyncpg.Connection = pooled.driver_connection
                try:
                    await driver.execute(opening)
                except BaseException as error:
                    if _is_passing(error, driver):
                        await connection.invalidate()
                        continue
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

    async def _roll_back(self, connection: AsyncConnection, driver: asyncpg.Connection) -> None:
        """Undo, or throw the connection away: it must never go back with a transaction open."""
        try:
            await driver.execute("rollback")
        except BaseException as error:
            await connection.invalidate()
            if not isinstance(error, Exception):
                raise

    async def close(self) -> None:
        await self.engine.dispose()


def _opening(**settings: str) -> str:
    """What opens a transaction that has these settings until it ends; one round trip in all."""
    local = (f"set local {name} = {_quoted(value)}" for name, value in settings.items())
    return "; ".join(["begin", *local])


def _quoted(value: str) -> str:
    """A literal, whatever standard_conforming_strings is: such statements take no parameters."""
    doubled = value.replace("\\", "\\\\").replace("'", "''")
    return f"E'{doubled}'"


def connect(settings: Settings, role: str = "app") -> Database:
    """Make the pool of a role; nothing is opened before the first use."""
    is_map = role == "map"
    wait = settings.map_wait_seconds if is_map else settings.pool_wait_seconds
    return Database(
        create_async_engine(
            role_url(settings, role),
            pool_size=settings.map_pool_size if is_map else settings.pool_size,
            max_overflow=0,
            pool_timeout=wait,
            # transactions are opened by Database itself
            isolation_level="AUTOCOMMIT",
            # an error's text would hold what people wrote, and errors are logged
            hide_parameters=True,
            connect_args={
                "server_settings": {"application_name": f"open311-{role}"},
                "timeout": wait,
            },
        ),
        settings.map_statement_seconds if is_map else settings.statement_seconds,
    )


@asynccontextmanager
async def connected(settings: Settings, role: str = "app") -> AsyncIterator[Database]:
    """The pool of a role for as long as the block runs: for commands."""
    database = connect(settings, role)
    try:
        yield database
    finally:
        await database.close()
