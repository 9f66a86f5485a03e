"""Migrating as an owner who is no superuser, where passwords count: a private cluster asks them."""

from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from open311 import db, embedded
from open311.migrate import head, migrate
from open311.secrets import role_password
from open311.settings import Settings, SettingsError
from tests.conftest import run_sql

pytestmark = pytest.mark.anyio

_SECRETS = ("first" * 8, "other" * 8)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    given = Settings(
        var_dir=str(tmp_path_factory.mktemp("cluster")),
        redis_url="redis://127.0.0.1:1",
        secret_keys=_SECRETS[:1],
    )
    with embedded.running(given) as settings:
        yield settings


async def city_of(cluster: Settings, name: str, *may: str) -> Settings:
    """A new database with PostGIS, whose owner is no superuser."""
    admin = db.owner_url(cluster)
    await run_sql(admin, f"create role {name}_owner login password 'secret' {' '.join(may)}")
    await run_sql(admin, f"create database {name} owner {name}_owner")
    await run_sql(admin.set(database=name), "create extension postgis")
    url = admin.set(drivername="postgresql", database=name, username=f"{name}_owner")
    url = url.set(password="secret")
    return msgspec.structs.replace(cluster, database_url=url.render_as_string(hide_password=False))


async def user(settings: Settings, role: str) -> str:
    """Who a role is after its login."""
    engine = create_async_engine(db.role_url(settings, role), poolclass=NullPool)
    async with engine.connect() as connection:
        return str((await connection.execute(text("select current_user"))).scalar_one())


async def test_migrates_again_and_renews_passwords_with_the_secret(cluster: Settings) -> None:
    city = await city_of(cluster, "again", "createrole")
    changed = msgspec.structs.replace(city, secret_keys=_SECRETS[1:])
    for settings in (city, city, changed, changed):
        assert await migrate(settings) == head()
        assert [await user(settings, role) for role in db.ROLES] == ["again_app", "again_map"]


async def test_says_what_an_administrator_must_do(cluster: Settings) -> None:
    """Without createrole; done as told, the owner can migrate, and do it again."""
    city = await city_of(cluster, "told")
    admin = db.owner_url(cluster)
    await run_sql(admin, "create role told_map")  # as somebody may try who has no password for it
    for begin, role in (("create role told_app", "app"), ("alter role told_map", "map")):
        statement = await refused(city)
        assert statement.startswith(begin)
        assert role_password(_SECRETS[0], role) not in statement
        await run_sql(admin, statement)
    for _ in range(2):
        assert await migrate(city) == head()
        assert [await user(city, role) for role in db.ROLES] == ["told_app", "told_map"]


async def refused(city: Settings) -> str:
    """The statement that a refusal names."""
    with pytest.raises(SettingsError) as refusal:
        await migrate(city)
    return str(refusal.value).partition("administrator: ")[2]


async def test_a_role_that_row_level_security_does_not_bind_is_refused(cluster: Settings) -> None:
    city = await city_of(cluster, "above", "createrole")
    await run_sql(db.owner_url(cluster), "create role above_app login bypassrls")
    with pytest.raises(SettingsError, match="above_app must be neither"):
        await migrate(city)
