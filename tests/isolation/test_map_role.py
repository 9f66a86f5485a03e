"""The second wall: the map role reads public columns of public rows, and nothing otherwise."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311.db import Database
from open311.map_tables import TENANT_TABLES

pytestmark = pytest.mark.anyio

Refused = Callable[[Database, str, str], Awaitable[str]]
PUBLISHED = ("service", "service_request", "hex_rollup", "dataset", "feature")
PERSONAL = [table.name for table in TENANT_TABLES if table.name not in PUBLISHED]


@pytest.mark.parametrize("table", PERSONAL)
@pytest.mark.parametrize(
    "sql",
    [
        "select * from {}",
        "select count(*) from {}",
        "select jurisdiction_id from {}",
        "select t::text from {} t",
        "table {}",
        "select exists (select 1 from {})",
        "select r.service_code from service_request r join {} t using (jurisdiction_id)",
        "select service_code from service_request order by (select count(*) from {})",
        "select service_code from service_request where (select true from {} limit 1)",
        "with t as (select * from {}) select 1 from t",
        "select row_to_json(t) from {} t",
        "select query_to_xml('select * from {}', true, true, '')",
        "select table_to_xml('{}', true, true, '')",
        "select ts_stat('select to_tsvector(t::text) from {} t')",
        "copy {} to stdout",
        "copy (select * from {}) to stdout",
        "declare c cursor for select * from {}",
        "prepare p as select * from {}; execute p",
        "explain analyze select * from {}",
        "create temporary view v as select * from {}",
        "create temporary table t as select * from {}",
        "lock table {} in access share mode",
        "do $$begin perform * from {};end$$",
        "insert into {} (jurisdiction_id) values ('x')",
        "update {} set jurisdiction_id = jurisdiction_id",
        "delete from {}",
        "truncate {}",
        "grant select on {} to public",
        "select * from public.{} tablesample system (100)",
    ],
)
async def test_the_map_role_reads_no_personal_table_by_any_route(
    refused: Refused, maps: Database, mine: str, table: str, sql: str
) -> None:
    told = await refused(maps, mine, sql.format(table))
    assert "permission denied" in told, told
    assert "thandi" not in told


PRIVATE_COLUMNS = ["reporter_id", "attributes", "team", "assignee", "content_hash", "channel"]


@pytest.mark.parametrize("column", PRIVATE_COLUMNS)
@pytest.mark.parametrize(
    "sql",
    [
        "select {} from service_request",
        "select service_code from service_request where {} is not null",
        "select service_code from service_request order by {}",
        "select count({}) from service_request",
        "select service_code from service_request group by service_code, {}",
        "select r.service_code from service_request r join service_request s using ({})",
        "select max(cast({} as text)) from service_request",
    ],
)
async def test_the_map_role_reads_no_private_column(
    refused: Refused, maps: Database, mine: str, column: str, sql: str
) -> None:
    told = await refused(maps, mine, sql.format(column))
    assert "permission denied for table service_request" in told


@pytest.mark.parametrize(
    "sql",
    [
        "select * from service_request",
        "select r::text from service_request r",
        "select row_to_json(r) from service_request r",
        "select st_asmvt(r) from service_request r",
        "select st_asgeojson(r) from service_request r",
        "copy service_request to stdout",
        "update service_request set status = 'fixed'",
    ],
)
async def test_the_map_role_reads_no_whole_row(
    refused: Refused, maps: Database, mine: str, sql: str
) -> None:
    assert "permission denied" in await refused(maps, mine, sql)


async def test_the_map_role_sees_public_requests_of_one_jurisdiction(
    maps: Database, mine: str, theirs: str
) -> None:
    seen = text("select jurisdiction_id, service_request_id, visibility from service_request")
    asked = text("""
    select count(*) from service_request where jurisdiction_id <> :mine or visibility <> 'public'
    """)
    async with maps.begin(mine) as connection:
        rows = await connection.execute(seen)
        assert [tuple(row) for row in rows] == [(mine, "public", "public")]
        assert (await connection.execute(asked, {"mine": mine})).scalar() == 0
    async with maps.shared() as connection:
        assert (await connection.execute(seen)).all() == []


async def test_no_error_tells_the_map_role_of_a_hidden_row(maps: Database, mine: str) -> None:
    """A condition that fails on a value must not be tried on rows that the policy hides."""
    loud = text("""
    select count(*) from service_request
    where 1 / (case when visibility = 'public' then 1 else 0 end) = 1
    """)
    async with maps.begin(mine) as connection:
        assert (await connection.execute(loud)).scalar() == 1


async def test_the_map_role_sees_services_that_are_shown(maps: Database, mine: str) -> None:
    async with maps.begin(mine) as connection:
        codes = await connection.execute(text("select service_code from service"))
        assert codes.scalars().all() == ["HOLE"]


@pytest.mark.parametrize("table", ["dataset", "feature"])
async def test_the_map_role_sees_published_datasets(
    maps: Database, mine: str, theirs: str, table: str
) -> None:
    for city in (mine, theirs):
        async with maps.begin(city) as connection:
            seen = await connection.execute(text(f"select jurisdiction_id, dataset from {table}"))
            assert [tuple(row) for row in seen] == [(city, "clinics")]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from claim_tasks(array['isolation.test'], 1, 1)",
        "select * from count_tasks()",
        "select pg_read_file('/etc/passwd')",
        "create table public.t (a integer)",
        "create function public.f() returns integer language sql as 'select 1'",
        "set role {owner}",
        "create temporary table t (a integer)",
        "update jurisdiction set name = 'Mine'",
    ],
)
async def test_the_map_role_can_do_nothing_but_read(
    refused: Refused, maps: Database, mine: str, sql: str
) -> None:
    told = await refused(maps, mine, sql)
    assert "permission denied" in told


PUBLIC_COLUMNS = """
jurisdiction_id service_request_id service_code status status_notes description
agency_responsible requested_datetime updated_datetime expected_datetime closed_datetime
address address_id zipcode geom quadkey h3 cells media_urls visibility ward
"""


async def test_what_is_public_of_the_map_role_is_a_list(owner: AsyncConnection) -> None:
    """A new column is private until somebody publishes it: the whole list stands here."""
    granted = text("""
    select table_name, array_agg(column_name::text order by column_name)
    from information_schema.column_privileges
    where grantee = current_database() || '_map'
    group by table_name
    """)
    columns = {name: set(names) for name, names in await owner.execute(granted)}
    shared = {"boundary", "boundary_part", "place", "jurisdiction"}
    assert set(columns) == set(PUBLISHED) | shared
    assert not columns["service_request"] & set(PRIVATE_COLUMNS)
    assert columns["service_request"] == set(PUBLIC_COLUMNS.split())
