"""Work for a client who waits: it stops when they go away, and begins before they are answered."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from litestar.types import Receive

from open311.errors import NotFound

T = TypeVar("T")


async def while_waited_for(receive: Receive, making: Coroutine[Any, Any, T]) -> T:
    """What is made, unless the client goes away first: then the work on it stops."""
    work, gone = asyncio.create_task(making), asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise NotFound("The client has gone.")
        return work.result()
    finally:
        gone.cancel()
        work.cancel()


async def begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pieces of an answer, the first made now: what goes wrong with those is told as an error."""
    first = [await anext(pieces, b""), await anext(pieces, b"")]

    async def everything() -> AsyncIterator[bytes]:
        for each in first:
            yield each
        async for each in pieces:
            yield each

    return everything()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
