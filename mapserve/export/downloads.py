"""A layer's features as a file of any format, written while it is sent."""

import asyncio
from collections.abc import AsyncGenerator
from weakref import WeakKeyDictionary

from mapserve.drawing import Layer
from mapserve.export.formats import Format
from mapserve.export.writing import Writing
from mapserve.features.crs import Crs
from mapserve.features.reading import Query, columns_of, stream
from mapserve.layers import opened
from open311.context import Context
from open311.db import Database
from open311.errors import Busy
from open311.jurisdictions import Jurisdiction

_under_way: WeakKeyDictionary[Database, asyncio.Semaphore] = WeakKeyDictionary()


async def pieces(
    context: Context, city: Jurisdiction, layer: Layer, query: Query, crs: Crs, chosen: Format
) -> AsyncGenerator[bytes]:
    """The file in pieces. Raises BadInput, and Busy when as many are under way as may be."""
    limit = context.settings.max_exports
    free = _under_way.setdefault(context.db, asyncio.Semaphore(limit))
    if free.locked():
        raise Busy(f"{limit} exports are under way; try again in a moment.")
    async with free, opened(context, city, layer) as reading:
        writing = Writing(
            layer.name,
            layer.title,
            {column.name: column.type for column in columns_of(reading, query)},
            layer.source.geometry_type,
            crs,
            stream(reading, query),
        )
        async for piece in chosen.write(writing):
            yield piece
