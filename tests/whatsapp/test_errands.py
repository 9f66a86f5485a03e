"""Several workers: what a conversation waits for is done by one, and by another if that fails."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from clients.conversation import errands, turns
from open311 import inbox
from open311.tasks import Later
from open311.worker import handlers
from tests.whatsapp.citizens import World

pytestmark = pytest.mark.anyio
PIN = {"Latitude": "-33.95", "Longitude": "18.66"}


async def report(world: World) -> dict[str, Any]:
    """A citizen is asked whether all is right; the task of nobody having answered."""
    for words, more in (("pothole", {}), ("", PIN)):
        await world.send(words, **more)
        await world.work()
    async with world.context.db.begin(world.city) as connection:
        found = await connection.execute(
            text("""
            select payload from task
            where jurisdiction_id = :city and kind = :kind
            order by (payload ->> 'turn')::integer desc
            """),
            {"city": world.city, "kind": turns.SILENT_KIND},
        )
        return dict(found.scalars().first() or {})


async def fail(*_given: object) -> None:
    raise OSError("no answer")


async def begin(world: World, monkeypatch: pytest.MonkeyPatch, kind: str) -> dict[str, Any]:
    """A worker wants to file, after a yes or without any, and fails."""
    payload = await report(world)
    if kind == inbox.KIND:
        await world.send("1")
    with monkeypatch.context() as patch:
        patch.setattr(errands, "do", fail)
        with pytest.raises(OSError, match="no answer"):
            await world.handlers[kind](world.city, payload)
    return payload


async def lease(world: World, span: str) -> None:
    """What a worker leaves that was killed so long before its lease is over."""
    async with world.context.db.begin(world.city) as connection:
        await connection.execute(
            text("update conversation set errand_until = now() + cast(:span as text)::interval"),
            {"span": span},
        )


async def test_of_two_workers_one_files_and_the_other_comes_again(world: World) -> None:
    payload = await report(world)
    await world.send("1")
    workers = (world.handlers, handlers(world.context))
    ends = await asyncio.gather(
        *(each[inbox.KIND](world.city, payload) for each in workers), return_exceptions=True
    )
    assert sorted(type(end).__name__ for end in ends) == ["Later", "NoneType"]
    await world.work()
    assert len(await world.requests()) == 1
    assert len(world.said()) == 3


@pytest.mark.parametrize("kind", [inbox.KIND, turns.SILENT_KIND])
async def test_what_fails_is_given_up_and_done_by_another(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    payload = await begin(world, monkeypatch, kind)
    await handlers(world.context)[kind](world.city, payload)
    assert len(await world.requests()) == 1
    await world.work()
    assert len(world.said()) == 3


@pytest.mark.parametrize("kind", [inbox.KIND, turns.SILENT_KIND])
async def test_who_died_is_waited_for_until_the_lease_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    payload = await begin(world, monkeypatch, kind)
    await lease(world, "9 seconds")
    with pytest.raises(Later):
        await world.handlers[kind](world.city, payload)
    assert await world.requests() == []
    await lease(world, "-1 seconds")
    await world.handlers[kind](world.city, payload)
    assert len(await world.requests()) == 1
