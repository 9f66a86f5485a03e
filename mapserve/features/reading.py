"""Read the features of a layer: which of them, in a stable order, in bounded memory."""

import base64
import re
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import numpy as np
import shapely
from msgspec import Struct
from numpy.typing import NDArray
from sqlalchemy import text

from mapserve.cql import Condition
from mapserve.features.source import (
    SQL_TYPES,
    Bind,
    Column,
    FieldType,
    Reading,
    Relation,
    Source,
)
from mapserve.filters import Selection
from open311.errors import BadInput
from open311.extents import Box

BATCH_ROWS = 5_000

_INTEGER = re.compile(r"[0-9]{1,18}")
_VALUES: dict[FieldType, Callable[[str], Any]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": "true".__eq__,
    "date": date.fromisoformat,
    "date-time": datetime.fromisoformat,
}
"""How a cursor's text, as PostgreSQL writes it, is read."""

Sort = tuple[str, bool]
"""A property, and whether the greatest comes first."""


class Query(Struct, frozen=True):
    """Which features; what is left empty does not limit. `offset` counts those to leave out."""

    selection: Selection = Selection()
    boxes: tuple[Box, ...] = ()
    """Those that meet any of them."""
    condition: Condition | None = None
    ids: tuple[str, ...] | None = None
    properties: tuple[str, ...] | None = None
    """Those to read, or all; the rest of a feature is read in any case."""
    sort: tuple[Sort, ...] = ()
    limit: int | None = None
    offset: int = 0
    after: str | None = None
    """The cursor of the feature to go on behind."""
    with_shapes: bool = True


class Features(Struct, frozen=True):
    """Some features, column by column, all of one length.

    Shapes are shapely's, in longitude and latitude, None where there is none. Values are str, int,
    float, bool, date or datetime (UTC), or None. The cursor is that of the last one, and None when
    nothing comes behind it.
    """

    ids: list[str]
    shapes: NDArray[np.object_]
    values: dict[str, list[Any]]
    cursor: str | None

    def __len__(self) -> int:
        return len(self.ids)


async def count(reading: Reading, query: Query, most: int | None = None) -> int:
    """How many features there are, or one more than `most` if there are more than that."""
    relation, where, values = await related(reading, query)
    limit = "limit :most" if most is not None else ""
    sql = f"select count(*) from (select from {relation.tables} where {where} {limit}) counted"  # noqa: S608
    names = values | ({} if most is None else {"most": most + 1})
    return int((await reading.connection.execute(text(sql), names)).scalar_one())


async def read(reading: Reading, query: Query) -> Features:
    """A page of them, as long as the limit of the query. Raises BadInput."""
    statement, values = await _select(reading, query, more=1)
    rows = (await reading.connection.execute(statement, values)).all()
    page = rows if query.limit is None else rows[: query.limit]
    return _features(reading, query, page, has_more=len(page) < len(rows))


async def stream(
    reading: Reading, query: Query, batch_rows: int = BATCH_ROWS
) -> AsyncIterator[Features]:
    """All of them in batches, by a cursor of the database: memory does not grow with their number.

    It is declared by SQL: so PostgreSQL plans for the first rows, and takes millions from an index
    in their order, where the driver's own cursors have it sort them all before the first.

    Raises BadInput.
    """
    statement, values = await _select(reading, query)
    # a name has columns of one kind: the driver remembers what it fetched by it
    name = f"found_{zlib.crc32(str(statement).encode()):08x}"
    declared = text(f"declare {name} no scroll cursor for {statement}")
    await reading.connection.execute(declared, values)
    while rows := (await reading.connection.execute(text(f"fetch {batch_rows} from {name}"))).all():
        yield _features(reading, query, rows, has_more=False)
    await reading.connection.execute(text(f"close {name}"))


def columns_of(reading: Reading, query: Query) -> list[Column]:
    """The properties that a query reads, in the order of the layer. Raises BadInput."""
    columns = reading.source.columns
    if query.properties is None:
        return list(columns)
    known = {column.name for column in columns}
    for name in query.properties:
        if name not in known:
            raise BadInput(f"There is no property {name[:60]!r}; there are {', '.join(known)}.")
    return [column for column in columns if column.name in query.properties]


async def _select(reading: Reading, query: Query, more: int = 0) -> tuple[Any, dict[str, Any]]:
    """The statement, and its values; it finds so many more than the limit, if there is one."""
    source = reading.source
    relation, where, values = await related(reading, query)
    keys = [f"cast({column.sql} as text)" for column, _ in _order(reading, query)]
    shape = f"st_asbinary({source.shape})" if query.with_shapes else "null"
    told = [*keys, shape, *(column.sql for column in columns_of(reading, query))]
    order = ", ".join(
        f"{column.sql} {'desc nulls last' if descends else 'asc nulls last'}"
        if column is not source.identifier
        else column.sql
        for column, descends in _order(reading, query)
    )
    sql = f"select {', '.join(told)} from {relation.tables} where {where} order by {order}"  # noqa: S608
    if query.limit is not None:
        sql, values = f"{sql} limit :limit", values | {"limit": query.limit + more}
    if query.offset:
        sql, values = f"{sql} offset :offset", values | {"offset": query.offset}
    return text(sql), values


async def related(reading: Reading, query: Query) -> tuple[Relation, str, dict[str, Any]]:
    """What to read from, the whole condition, and all values."""
    source = reading.source
    relation = await source.relate(reading, query.selection)
    parts, values = [relation.where], dict(relation.values)

    def bind(value: Any) -> str:
        name = f"bound_{len(values)}"
        values[name] = value
        return f":{name}"

    if query.boxes:
        parts.append(f"({' or '.join(_meets(source, box, bind) for box in query.boxes)})")
    if query.condition is not None:
        parts.append(f"({query.condition.sql})")
        values |= query.condition.values
    if query.ids is not None:
        parts.append(_named(source.identifier, query.ids, bind))
    if query.after is not None:
        parts.append(_behind(_order(reading, query), query.after, bind))
    return relation, " and ".join(parts), values


def _meets(source: Source, box: Box, bind: Bind) -> str:
    """By what the index knows, and then exactly."""
    sides = ", ".join(bind(side) for side in (box.west, box.south, box.east, box.north))
    exactly = f"st_intersects({source.shape}, st_makeenvelope({sides}, 4326))"
    return f"({source.near(box, bind)} and {exactly})"


def _named(identifier: Column, ids: Sequence[str], bind: Bind) -> str:
    known: list[int] | list[str]
    if identifier.type == "integer":
        known = [int(each) for each in ids if _INTEGER.fullmatch(each)]
    else:
        known = [each for each in ids if "\0" not in each]
    return f"{identifier.sql} = any(cast({bind(known)} as {SQL_TYPES[identifier.type]}[]))"


def _order(reading: Reading, query: Query) -> list[tuple[Column, bool]]:
    """The properties to sort by; the identifier, at the end, makes the order the same always."""
    sorts: list[tuple[Column, bool]] = []
    for name, descends in query.sort:
        column = reading.source.column(name)
        if column is None:
            raise BadInput(f"There is no property {name[:60]!r} to sort by.")
        sorts.append((column, descends))
    return [*sorts, (reading.source.identifier, False)]


def _behind(order: Sequence[tuple[Column, bool]], cursor: str, bind: Bind) -> str:
    """The condition for what comes after a feature: nothing in SQL compares rows of both ways."""
    alternatives, equal = [], ""
    keys = _read_cursor(cursor, [column for column, _ in order])
    for (column, descends), key in zip(order, keys, strict=True):
        bound = f"cast({bind(key)} as {SQL_TYPES[column.type]})"
        further = f"{column.sql} {'<' if descends else '>'} {bound}"
        if column is not order[-1][0]:
            # those without a value come last
            further = "false" if key is None else f"({further} or {column.sql} is null)"
        alternatives.append(f"({equal}{further})")
        equal += f"{column.sql} is not distinct from {bound} and "
    return f"({' or '.join(alternatives)})"


def _read_cursor(cursor: str, columns: Sequence[Column]) -> list[Any]:
    try:
        texts = msgspec.json.decode(
            base64.b64decode(cursor.encode(), b"-_", validate=True), type=list[str | None]
        )
        keys = [
            None if each is None else _VALUES[column.type](each)
            for column, each in zip(columns, texts, strict=True)
        ]
    except (ValueError, msgspec.DecodeError, OverflowError):
        keys = [None]
    if keys[-1] is None or any("\0" in key for key in keys if isinstance(key, str)):
        raise BadInput("This is no cursor of this layer and order.")
    return keys


def cursor_behind(name: str) -> str:
    """The cursor of a feature in the order of ids."""
    return _write_cursor([name])


def _write_cursor(keys: Sequence[str | None]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(keys)).decode()


def _features(reading: Reading, query: Query, rows: Sequence[Any], *, has_more: bool) -> Features:
    columns = columns_of(reading, query)
    keys = len(query.sort) + 1
    table: list[Any] = list(zip(*rows, strict=True)) or [()] * (keys + 1 + len(columns))
    return Features(
        ids=list(table[keys - 1]),
        shapes=shapely.from_wkb(np.array(table[keys], dtype=object)),
        values={
            column.name: list(values)
            for column, values in zip(columns, table[keys + 1 :], strict=True)
        },
        cursor=_write_cursor(rows[-1][:keys]) if has_more else None,
    )
