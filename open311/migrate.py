"""Bring a database to the current schema: roles first, then Alembic's migrations."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

import migrations
from open311.db import ROLES, owner_url, role_url
from open311.secrets import scram_verifier
from open311.settings import Settings, SettingsError

# Two servers starting at once migrate one after the other; the number is arbitrary.
_LOCK = text("select pg_advisory_xact_lock(3110311)")
_ROLE = text(
    "select rolsuper or rolbypassrls as is_above_policies from pg_roles where rolname = :name"
)
_LEAST = "nosuperuser nobypassrls noinherit nocreatedb nocreaterole"


def script_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision that this code knows."""
    return ScriptDirectory.from_config(script_config()).get_current_head() or ""


async def migrate(settings: Settings, revision: str = "head") -> str:
    """Make the roles, run the migrations up or down to a revision, and return where it stands.

    Raises SettingsError when the owner may not make the roles, or there is no such revision.
    """
    engine = create_async_engine(owner_url(settings), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(_LOCK)
            await _ensure_roles(connection, settings)
        async with engine.connect() as connection:
            return await connection.run_sync(_run, revision)
    except CommandError as error:
        raise SettingsError(f"{error}.") from None
    finally:
        await engine.dispose()


def _run(connection: Connection, revision: str) -> str:
    connection.execute(text("select pg_advisory_lock(3110311)"))
    connection.commit()
    try:
        config = script_config(connection)
        move = command.downgrade if _is_below(connection, revision) else command.upgrade
        move(config, revision)
        connection.commit()
        return _current(connection) or "base"
    finally:
        connection.rollback()
        connection.execute(text("select pg_advisory_unlock(3110311)"))
        connection.commit()


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _is_below(connection: Connection, revision: str) -> bool:
    """Whether the database has to go down to get to a revision."""
    if revision == "base" or revision[0] in "+-":
        return revision[0] != "+"
    scripts, current = ScriptDirectory.from_config(script_config()), _current(connection)
    passed = [each.revision for each in scripts.iterate_revisions(current or "base", "base")]
    wanted = scripts.get_revision(revision)
    return wanted is not None and wanted.revision in passed[1:]


async def _ensure_roles(connection: AsyncConnection, settings: Settings) -> None:
    """Make the two login roles, and let them in.

    Names are our own, and quoted all the same: role statements take no parameters.
    """
    quote = connection.dialect.identifier_preparer.quote
    database = owner_url(settings).database or ""
    for role in ROLES:
        url = role_url(settings, role)
        await _ensure_role(connection, url)
        name = quote(url.username or "")
        await connection.exec_driver_sql(f"grant connect on database {quote(database)} to {name}")
    await connection.exec_driver_sql(f"revoke temporary on database {quote(database)} from public")
    await connection.exec_driver_sql(
        f"grant temporary on database {quote(database)} to {quote(f'{database}_app')}"
    )


async def _ensure_role(connection: AsyncConnection, url: URL) -> None:
    """Create a role, or renew its password after the secret changed.

    An owner who is no superuser may not even repeat what a role is not, so only a new one is told.
    """
    name = connection.dialect.identifier_preparer.quote(url.username or "")
    found = (await connection.execute(_ROLE, {"name": url.username})).one_or_none()
    if found and found.is_above_policies:
        raise SettingsError(f"The role {name} must be neither superuser nor bypass row security.")
    if found and await _lets_in(url):
        return
    statement = f"alter role {name} login" if found else f"create role {name} login {_LEAST}"
    statement += f" password '{scram_verifier(str(url.password))}'"
    try:
        await connection.exec_driver_sql(statement)
    except DBAPIError as error:
        raise SettingsError(
            f"The owner of the database may not do this, so do it as an administrator: {statement};"
        ) from error


async def _lets_in(url: URL) -> bool:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect():
            return True
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if state == "42501":
            return True  # the password is right, the database not granted yet
        if state.startswith("28"):
            return False  # of wrong passwords and roles that may not log in
        raise
    finally:
        await engine.dispose()
