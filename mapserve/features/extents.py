"""Where and when the features of a layer are."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import text

from mapserve.features.source import Bounds, Reading
from mapserve.filters import Selection


class Extent(Struct, frozen=True):
    """Bounds, and the first and last point in time; None when there is nothing, or no time."""

    bounds: Bounds | None
    span: tuple[datetime, datetime] | None


async def extent(reading: Reading) -> Extent:
    """The extent of all features of a layer that its reader may see."""
    ask = reading.source.bounds or _bounds
    return Extent(await ask(reading), await _span(reading))


async def _bounds(reading: Reading) -> Bounds | None:
    shape = reading.source.shape
    relation = await reading.source.relate(reading, Selection())
    sql = f"""
    select st_xmin(box), st_ymin(box), st_xmax(box), st_ymax(box)
    from (select st_extent({shape}) as box from {relation.tables} where {relation.where}) found
    """  # noqa: S608
    row = (await reading.connection.execute(text(sql), relation.values)).one()
    return None if row[0] is None else (row[0], row[1], row[2], row[3])


async def _span(reading: Reading) -> tuple[datetime, datetime] | None:
    source = reading.source
    column = source.column(source.instant) if source.instant else None
    if column is None:
        return None
    relation = await source.relate(reading, Selection())
    what = f"min({column.sql}), max({column.sql})"
    sql = f"select {what} from {relation.tables} where {relation.where}"  # noqa: S608
    first, last = (await reading.connection.execute(text(sql), relation.values)).one()
    return (first, last) if first is not None else None
