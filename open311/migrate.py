"""Bring a database to the current schema: roles first, then Alembic's migrations."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import migrations
from open311.db import ROLES, owner_url
from open311.secrets import role_password
from open311.settings import Settings

# Two servers starting at once migrate one after the other; the number is arbitrary.
_LOCK = text("select pg_advisory_xact_lock(3110311)")


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
    """Make the roles, run the migrations up or down to a revision, and return where it stands."""
    engine = create_async_engine(owner_url(settings), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(_LOCK)
            await connection.run_sync(_ensure_roles, settings)
        async with engine.connect() as connection:
            return await connection.run_sync(_run, revision)
    finally:
        await engine.dispose()


def _run(connection: Connection, revision: str) -> str:
    connection.execute(text("select pg_advisory_lock(3110311)"))
    connection.commit()
    try:
        config = script_config(connection)
        if revision == "base" or revision.startswith("-"):
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)
        connection.commit()
        return MigrationContext.configure(connection).get_current_revision() or "base"
    finally:
        connection.rollback()
        connection.execute(text("select pg_advisory_unlock(3110311)"))
        connection.commit()


def _ensure_roles(connection: Connection, settings: Settings) -> None:
    """Create the two login roles, or renew their passwords after the secret changed.

    Names and passwords are our own (database name, hexadecimal digest), and quoted all the same:
    role statements take no parameters.
    """
    quote = connection.dialect.identifier_preparer.quote
    database = owner_url(settings).database or ""
    for role in ROLES:
        name = f"{database}_{role}"
        exists = connection.execute(
            text("select 1 from pg_roles where rolname = :name"), {"name": name}
        ).scalar()
        verb = "alter" if exists else "create"
        password = role_password(settings.secret_keys[-1], role)
        connection.exec_driver_sql(
            f"{verb} role {quote(name)} login nosuperuser nobypassrls noinherit "
            f"nocreatedb nocreaterole password '{password}'"
        )
        connection.exec_driver_sql(f"grant connect on database {quote(database)} to {quote(name)}")
    connection.exec_driver_sql(f"revoke temporary on database {quote(database)} from public")
    connection.exec_driver_sql(
        f"grant temporary on database {quote(database)} to {quote(f'{database}_app')}"
    )
