"""What a format is given to write: a layer's features, in batches, and what is known of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

from msgspec import Struct

from mapserve.features.crs import Crs
from mapserve.features.reading import Features
from mapserve.features.source import Column

T = TypeVar("T")


class Writing(Struct, frozen=True):
    """A layer on its way out. Columns are those of the features' values, in their order."""

    layer: str
    title: str
    columns: tuple[Column, ...]
    geometry_type: str
    crs: Crs
    batches: AsyncIterator[Features]


def in_a_thread(batches: AsyncIterator[T]) -> Iterator[T]:
    """The batches, one by one, for a writer that runs in a thread and knows no loop."""
    loop = asyncio.get_running_loop()

    def pull() -> Iterator[T]:
        while True:
            waiting = asyncio.run_coroutine_threadsafe(_next(batches), loop)
            batch = waiting.result()
            if batch is None:
                return
            yield batch

    return pull()


async def _next(batches: AsyncIterator[T]) -> T | None:
    return await anext(batches, None)
