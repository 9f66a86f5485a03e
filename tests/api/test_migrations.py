"""The schema's migrations: up, down, up again, two at once, and in step with the tables."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from geoalchemy2.alembic_helpers import include_object
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from open311 import db
from open311.map_tables import metadata
from open311.migrate import head, migrate, script_config
from open311.settings import Settings, SettingsError
from tests.conftest import new_database

# SQLAlchemy does not know PostgreSQL's xid8; the details below compare it all the same.
_XID8 = "ignore:Did not recognize type 'xid8':sqlalchemy.exc.SAWarning"
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings(_XID8)]
Answer = TypeVar("Answer")

# What an extension did not bring.
_OURS = """
with made as (
    select 'pg_class' as catalogue, oid, 'relation ' || relname as name, relnamespace as place
    from pg_class where relkind in ('r', 'p', 'v', 'm', 'S')
    union all
    select 'pg_proc', oid, 'function ' || proname, pronamespace from pg_proc
    union all
    select 'pg_policy', p.oid, 'policy ' || polname, relnamespace
    from pg_policy p join pg_class c on c.oid = polrelid
)
select name
from made
where place = 'public'::regnamespace and not exists (
    select from pg_depend
    where classid = catalogue::regclass and objid = made.oid and deptype = 'e'
)
"""
_BASE = {"relation alembic_version"}
# Alembic compares neither defaults nor checks nor the conditions of indexes.
_DETAILS = """
select concat_ws(' ', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull,
    attidentity, pg_get_expr(adbin, adrelid))
from pg_attribute
join pg_class c on c.oid = attrelid and relkind = 'r' and relnamespace = 'public'::regnamespace
left join pg_attrdef on adrelid = attrelid and adnum = attnum
where attnum > 0 and not attisdropped
union all
select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
from pg_constraint
where connamespace = 'public'::regnamespace
union all
select indexdef from pg_indexes where schemaname = 'public'
"""


@pytest.fixture
def fresh(services: Settings) -> Iterator[Settings]:
    """A database of the test's own, at the newest revision."""
    with new_database(services) as made:
        yield made


async def ask(settings: Settings, question: Callable[[Connection], Answer]) -> Answer:
    """The answer of the database to its owner; what the question changes is kept."""
    engine = create_async_engine(db.owner_url(settings), poolclass=NullPool)
    async with engine.begin() as connection:
        return await connection.run_sync(question)


async def ours(settings: Settings) -> set[str]:
    return await ask(settings, lambda it: set(it.exec_driver_sql(_OURS).scalars()))


async def details(settings: Settings) -> set[str]:
    return await ask(settings, lambda it: set(it.exec_driver_sql(_DETAILS).scalars()))


def differences(connection: Connection) -> list[object]:
    options = {"include_object": include_object, "compare_type": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_down_leaves_nothing_and_up_brings_all_back(fresh: Settings) -> None:
    before, exactly = await ours(fresh), await details(fresh)
    assert {"relation service_request", "policy tenant", "function claim_tasks"} < before
    assert await migrate(fresh, "base") == "base"
    assert await ours(fresh) == _BASE
    assert await migrate(fresh) == head()
    assert (await ours(fresh), await details(fresh)) == (before, exactly)


async def test_each_step_goes_down_and_up_again(fresh: Settings) -> None:
    steps = list(ScriptDirectory.from_config(script_config()).walk_revisions())
    stages = []
    for step in steps:
        stages.append(await ours(fresh))
        assert await migrate(fresh, "-1") == (step.down_revision or "base")
    assert await ours(fresh) == _BASE
    for step, stage in zip(reversed(steps), reversed(stages), strict=True):
        assert await migrate(fresh, "+1") == step.revision
        assert await ours(fresh) == stage


async def test_a_revision_is_reached_from_above_and_from_below(fresh: Settings) -> None:
    for revision in ("0001", "0001", "0002", "base", "0002"):
        assert await migrate(fresh, revision) == revision
    with pytest.raises(SettingsError, match="nonesuch"):
        await migrate(fresh, "nonesuch")


async def test_the_tables_are_those_that_the_code_names(fresh: Settings) -> None:
    assert await ask(fresh, differences) == []
    migrated = await details(fresh)
    await migrate(fresh, "base")
    left = await details(fresh)
    await ask(fresh, metadata.create_all)
    assert await details(fresh) == migrated | left
    await ask(fresh, metadata.drop_all)


async def test_a_difference_is_found(fresh: Settings) -> None:
    def spoil(connection: Connection) -> None:
        connection.execute(text("alter table token drop column issued_datetime"))
        connection.execute(text("drop index service_request_quadkey_idx"))

    await ask(fresh, spoil)
    found = str(await ask(fresh, differences))
    assert "issued_datetime" in found
    assert "service_request_quadkey_idx" in found


async def test_servers_that_start_at_once_migrate_once(fresh: Settings) -> None:
    """Neither has anything yet, not even the roles."""
    before = await ours(fresh)
    await migrate(fresh, "base")
    quoted = ", ".join(f'"{db.role_url(fresh, role).username}"' for role in db.ROLES)
    await ask(fresh, lambda it: it.exec_driver_sql(f"drop owned by {quoted}"))
    await ask(fresh, lambda it: it.exec_driver_sql(f"drop role {quoted}"))
    assert await asyncio.gather(*(migrate(fresh) for _ in range(3))) == [head()] * 3
    assert await ours(fresh) == before
