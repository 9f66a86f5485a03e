"""Work for a client that may go away: then it stops, and its query with it."""

import asyncio
from collections.abc import Coroutine
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


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
