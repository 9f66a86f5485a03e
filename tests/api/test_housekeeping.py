"""Housekeeping: all that is old goes, everywhere, whatever fails somewhere."""

import uuid
from collections.abc import AsyncIterator

import msgspec
import pytest
from sqlalchemy import text

from open311 import catalogue, db, housekeeping
from open311.connections import close_context, open_context
from open311.context import Context
from open311.settings import Settings
from tests.conftest import CITY, run_sql

pytestmark = pytest.mark.anyio

_REMEMBER = text("""
insert into idempotency (jurisdiction_id, key_id, idempotency_key, digest, answer, created_at)
select :city, 'key', 'retry ' || number, '', '{}', now() - make_interval(hours => :age)
from generate_series(1, :many) number
""")
_COUNT = text("select count(*) from idempotency where jurisdiction_id = :city")


@pytest.fixture
async def context(settings: Settings) -> AsyncIterator[Context]:
    made = open_context(settings)
    yield made
    await close_context(made)


async def remember(context: Context, city: str, many: int, age: int = 25) -> None:
    async with context.db.begin(city) as connection:
        await connection.execute(_REMEMBER, {"city": city, "many": many, "age": age})


async def remembered(context: Context, city: str) -> int:
    async with context.db.begin(city) as connection:
        return int((await connection.execute(_COUNT, {"city": city})).scalar_one())


async def test_more_than_a_batch_goes_and_the_new_stays(context: Context, city: str) -> None:
    await remember(context, city, housekeeping.BATCH + 1)
    await remember(context, f"test.{city}", 3, age=23)
    await housekeeping.purge(context)
    assert await remembered(context, city) == 0
    assert await remembered(context, f"test.{city}") == 3


async def test_old_uses_of_layers_go(context: Context, city: str) -> None:
    async with context.db.begin(city) as connection:
        for statement in (
            "insert into account (account_id, name) values (:city, :city)",
            "insert into layer_use (jurisdiction_id, account_id, layer, asked, at) select :city, "
            ":city, age::text, '', now() - make_interval(days => age) from unnest(array[2, 4]) age",
        ):
            await connection.execute(text(statement), {"city": city})
    context.settings = msgspec.structs.replace(context.settings, layer_use_days=3)
    await housekeeping.purge(context)
    async with context.db.begin(city) as connection:
        left = await connection.execute(text("select layer from layer_use"))
        assert left.scalars().all() == ["2"]


async def test_what_fails_in_one_place_is_done_in_the_others(
    context: Context, settings: Settings
) -> None:
    """The first of two refuses to forget; they are purged in the order of their ids."""
    suffix = uuid.uuid4().hex[:12]
    cities = [f"{letter}-{suffix}.test" for letter in "0z"]
    for city in cities:
        read = msgspec.structs.replace(catalogue.read(CITY), jurisdiction_id=city)
        await catalogue.load(context.db, read)
        await remember(context, city, 2)
    owner, name = db.owner_url(settings), f"keep_{suffix}"
    await run_sql(
        owner,
        f"create function {name}() returns trigger language plpgsql as "
        "$$begin raise exception 'kept'; end$$",
    )
    await run_sql(
        owner,
        f"create trigger {name} before delete on idempotency for each row "
        f"when (old.jurisdiction_id = '{cities[0]}') execute function {name}()",
    )
    await housekeeping.purge(context)
    await run_sql(owner, f"drop function {name} cascade")
    assert [await remembered(context, city) for city in cities] == [2, 0]
