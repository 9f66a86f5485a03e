"""What the catalogue says: every table has its wall, and no role, view or function a door."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import db
from open311.settings import Settings

pytestmark = pytest.mark.anyio


async def test_every_tenant_table_is_under_row_level_security(owner: AsyncConnection) -> None:
    """Whatever has a jurisdiction_id, but the list of jurisdictions itself, has a policy for it."""
    bare = text("""
    select c.relname from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'jurisdiction_id'
    where c.relkind in ('r', 'p') and c.relname <> 'jurisdiction'
        and c.relnamespace = 'public'::regnamespace
        and not (c.relrowsecurity and c.relforcerowsecurity and exists (
            select from pg_policy p
            where p.polrelid = c.oid and p.polname = 'tenant' and p.polpermissive
                and p.polroles = '{0}' and p.polcmd = '*'
        ))
    """)
    assert (await owner.execute(bare)).scalars().all() == []


async def test_every_permissive_policy_is_known(owner: AsyncConnection) -> None:
    """Permissive policies add up: a second one for a role opens what the first one closes."""
    others = text("""
    select p.polname, c.relname, pg_get_userbyid(r) = current_user
    from pg_policy p
    join pg_class c on c.oid = p.polrelid
    cross join unnest(p.polroles) r
    where p.polpermissive and p.polname <> 'tenant'
    order by 1, 2
    """)
    rows = [tuple(row) for row in await owner.execute(others)]
    tables = ("event", "map_change", "relayed")
    relayed = [("relay", table, True) for table in tables]
    assert rows == [("queue", "task", True), *relayed, ("roles", "membership", True)]


async def test_views_and_functions_do_not_go_round_the_policies(owner: AsyncConnection) -> None:
    """A view runs as its owner unless told otherwise, and so does a `security definer` function."""
    views = text("""
    select c.relname from pg_class c
    left join pg_depend d on d.objid = c.oid and d.deptype = 'e'
    where c.relkind in ('v', 'm') and c.relnamespace = 'public'::regnamespace
        and d.objid is null
        and not coalesce(c.reloptions @> array['security_invoker=true'], false)
    """)
    definers = text("""
    select p.proname::text, p.proconfig @> array['search_path=public, pg_temp']
    from pg_proc p
    left join pg_depend d on d.objid = p.oid and d.deptype = 'e'
    where p.prosecdef and p.pronamespace = 'public'::regnamespace and d.objid is null
    order by 1
    """)
    assert (await owner.execute(views)).scalars().all() == []
    found = [tuple(row) for row in await owner.execute(definers)]
    names = ["account_roles", "claim_tasks", "count_tasks", "finish_tasks", "news", "relayed_since"]
    assert found == [(name, True) for name in names]


async def test_the_roles_can_do_nothing_special(owner: AsyncConnection) -> None:
    special = text("""
    select rolname from pg_roles
    where rolname in (current_database() || '_app', current_database() || '_map')
        and (rolsuper or rolbypassrls or rolinherit or rolcreatedb or rolcreaterole
            or rolreplication or not rolcanlogin)
    """)
    owned = text("""
    select c.relname from pg_class c join pg_roles r on r.oid = c.relowner
    where r.rolname in (current_database() || '_app', current_database() || '_map')
    """)
    groups = text("""
    select m.roleid::regrole::text from pg_auth_members m join pg_roles r on r.oid = m.member
    where r.rolname in (current_database() || '_app', current_database() || '_map')
    """)
    for question in (special, owned, groups):
        assert (await owner.execute(question)).scalars().all() == []


async def test_the_passwords_of_the_roles_are_their_own(settings: Settings) -> None:
    app, maps = db.role_url(settings, "app"), db.role_url(settings, "map")
    assert app.username != maps.username
    assert app.password != maps.password
    assert settings.secret_keys[-1] not in str(app.password)
