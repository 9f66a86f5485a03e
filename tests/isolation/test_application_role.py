"""The first wall: the application role sees and changes one jurisdiction, and none without one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import db
from open311.db import Database
from open311.map_tables import TENANT_TABLES
from open311.settings import Settings

pytestmark = pytest.mark.anyio

Refused = Callable[[Database, str, str], Awaitable[str]]
TENANTS = [table.name for table in TENANT_TABLES]


@pytest.mark.parametrize("table", TENANTS)
async def test_every_table_shows_its_own_jurisdiction_only(
    database: Database, mine: str, theirs: str, table: str
) -> None:
    seen = text(f"select distinct jurisdiction_id from {table}")
    for city in (mine, theirs):
        async with database.begin(city) as connection:
            assert (await connection.execute(seen)).scalars().all() == [city]


@pytest.mark.parametrize("table", TENANTS)
async def test_naming_another_jurisdiction_finds_nothing(
    database: Database, mine: str, theirs: str, table: str
) -> None:
    asked = text(f"select count(*) from {table} where jurisdiction_id = :theirs")
    either = text(f"select count(*) from {table} where jurisdiction_id = :theirs or true")
    own = text(f"select count(*) from {table} where jurisdiction_id = :mine")
    async with database.begin(mine) as connection:
        assert (await connection.execute(asked, {"theirs": theirs})).scalar() == 0
        counted = (await connection.execute(own, {"mine": mine})).scalar()
        assert counted
        assert (await connection.execute(either, {"theirs": theirs})).scalar() == counted


@pytest.mark.parametrize("table", TENANTS)
async def test_without_a_jurisdiction_nothing_is_seen(
    database: Database, mine: str, table: str
) -> None:
    async with database.shared() as connection:
        assert (await connection.execute(text(f"select count(*) from {table}"))).scalar() == 0
    for nobody in ("", "%", "*", mine.upper(), f"{mine}' or 'x' = 'x"):
        async with database.begin(nobody) as connection:
            assert (await connection.execute(text(f"select count(*) from {table}"))).scalar() == 0


@pytest.mark.parametrize("table", TENANTS)
async def test_nothing_of_another_jurisdiction_changes(
    refused: Refused, database: Database, owner: AsyncConnection, mine: str, theirs: str, table: str
) -> None:
    """Where the role may change or delete rows at all, it finds none of the other's."""
    names = {"theirs": theirs}
    allowed = await privileges(owner, table)
    for verb, sql in (
        ("UPDATE", f"update {table} set jurisdiction_id = jurisdiction_id"),
        ("DELETE", f"delete from {table}"),
    ):
        statement = f"{sql} where jurisdiction_id = :theirs"
        if verb in allowed:
            async with database.begin(mine) as connection:
                assert (await connection.execute(text(statement), names)).rowcount == 0
        else:
            assert "permission denied" in await refused(
                database, mine, statement.replace(":theirs", f"'{theirs}'")
            )


async def privileges(owner: AsyncConnection, table: str) -> set[str]:
    """What the application role may do with a table."""
    granted = text("""
    select privilege_type from information_schema.role_table_grants
    where table_name = :table and grantee = current_database() || '_app'
    """)
    return set((await owner.execute(granted, {"table": table})).scalars())


@pytest.mark.parametrize(
    "sql",
    [
        "insert into service (jurisdiction_id, service_code, service_name) values ('{}', 'X', 'X')",
        "insert into reporter (jurisdiction_id, reporter_id) values ('{}', 'X')",
        "insert into event (jurisdiction_id, kind, subject, actor) values ('{}', 'x', 'x', 'x')",
        "insert into task (jurisdiction_id, kind, dedupe_key) values ('{}', 'x', 'x')",
        "update service set jurisdiction_id = '{}' where service_code = 'ABUSE'",
        "update task set jurisdiction_id = '{}'",
    ],
)
async def test_no_row_is_put_into_another_jurisdiction(
    refused: Refused, database: Database, mine: str, theirs: str, sql: str
) -> None:
    assert "row-level security" in await refused(database, mine, sql.format(theirs))


async def test_no_reference_leads_into_another_jurisdiction(
    refused: Refused, database: Database, mine: str, theirs: str, settings: Settings
) -> None:
    """Keys carry the jurisdiction, so what PostgreSQL checks past the policies stays inside it."""
    async with database.begin(theirs) as connection:
        found = await connection.execute(text("select reporter_id from reporter"))
        reporter_id = found.scalar_one()
    sql = f"update service_request set reporter_id = '{reporter_id}'"
    assert "foreign key" in await refused(database, mine, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "set row_security = off; select count(*) from reporter",
        "alter table reporter disable row level security",
        "alter table reporter no force row level security",
        "drop policy tenant on reporter",
        "create policy open on reporter using (true)",
        "truncate reporter",
        "drop table event",
        "update event set actor = 'somebody else'",
        "delete from event",
        "delete from service_request",
        "set role {owner}",
        "create role spy login",
        "copy reporter to program 'cat'",
        "copy reporter to '/tmp/reporters'",
        "select pg_read_file('/etc/passwd')",
        "select rolpassword from pg_authid",
        "create table public.mine (a integer)",
        "create extension dblink",
    ],
)
async def test_the_application_role_cannot_open_its_own_wall(
    refused: Refused, database: Database, mine: str, sql: str
) -> None:
    told = await refused(database, mine, sql)
    words = ("permission denied", "must be owner", "must be superuser", "would be affected")
    assert any(word in told for word in words), told


@pytest.fixture
async def single(settings: Settings) -> AsyncIterator[Database]:
    """One connection, so that each unit of work gets the one before's."""
    async with db.connected(msgspec.structs.replace(settings, pool_size=1)) as made:
        yield made


COUNT = text("select count(*) from service_request")


async def test_a_jurisdiction_ends_with_its_transaction(single: Database, mine: str) -> None:
    for _ in range(3):
        async with single.begin(mine) as connection:
            assert (await connection.execute(COUNT)).scalar() == 5
        async with single.shared() as connection:
            assert (await connection.execute(COUNT)).scalar() == 0


async def test_a_jurisdiction_ends_when_its_work_fails_or_is_cancelled(
    single: Database, mine: str
) -> None:
    """Whenever a client goes away: its connection hands on neither jurisdiction nor changes."""
    touch = text("update service_request set team = 'gone' where service_request_id = 'public'")
    kept = text("select team from service_request where service_request_id = 'public'")

    async def work() -> None:
        async with single.begin(mine) as connection:
            await connection.execute(touch)
            raise RuntimeError("the work fails")

    for turn in range(120):
        async with single.shared() as connection:
            assert (await connection.execute(COUNT)).scalar() == 0
        working = asyncio.create_task(work())
        for _ in range(turn % 40):
            await asyncio.sleep(0)
        await asyncio.sleep(turn // 40 * 0.0005)
        working.cancel()
        with pytest.raises((asyncio.CancelledError, RuntimeError)):
            await working
    async with single.begin(mine) as connection:
        assert (await connection.execute(kept)).scalar() == "roads"


@pytest.mark.parametrize(
    "name", ["\\'; drop table task; --", "'; drop table task; --", "\\", "ä€𝄞", "a" * 9000]
)
async def test_no_name_of_a_jurisdiction_breaks_out(database: Database, name: str) -> None:
    async with database.begin(name) as connection:
        found = await connection.execute(text("select current_setting('app.jurisdiction')"))
        assert found.scalar() == name
