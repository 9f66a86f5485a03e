"""One at a time: nobody who comes while another is at it is forgotten."""

import asyncio

import pytest

from clients.conversation.alone import Alone

pytestmark = pytest.mark.anyio


async def test_who_comes_meanwhile_is_served_by_one_more_round() -> None:
    alone, waiting, rounds = Alone(), ["first"], []

    async def work() -> None:
        taken, waiting[:] = list(waiting), []
        await asyncio.sleep(0.01)
        rounds.append(taken)

    async def come(name: str) -> None:
        waiting.append(name)
        await alone.run("citizen", work)

    first = asyncio.create_task(alone.run("citizen", work))
    await asyncio.sleep(0)
    await asyncio.gather(come("second"), come("third"))
    assert not first.done()
    await first
    assert rounds == [["first"], ["second", "third"]]


async def test_others_go_on_beside_it() -> None:
    alone, free, done = Alone(), asyncio.Event(), []

    async def wait() -> None:
        await free.wait()

    async def work() -> None:
        done.append(1)

    busy = asyncio.create_task(alone.run("citizen", wait))
    await asyncio.sleep(0)
    await alone.run("another", work)
    assert (done, busy.done()) == ([1], False)
    free.set()
    await busy


async def test_after_a_failure_the_next_one_works_again() -> None:
    alone, done = Alone(), []

    async def fail() -> None:
        raise OSError("away")

    async def work() -> None:
        done.append(1)

    with pytest.raises(OSError, match="away"):
        await alone.run("citizen", fail)
    await alone.run("citizen", work)
    assert done == [1]
