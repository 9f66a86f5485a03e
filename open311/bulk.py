"""GeoReport Bulk: every public request of a jurisdiction as CSV, JSON or XML, streamed."""

import csv
import io
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, and_, or_, select

from open311.codecs import FORMATS
from open311.context import Context
from open311.dates import format_instant
from open311.db import Database
from open311.extents import Span
from open311.search import COLUMNS, EXTENDED_COLUMNS, JOINED, R, span_conditions
from open311.tables import service
from open311.wire import BulkRequest

_COLUMNS: tuple[Any, ...] = (*COLUMNS, *EXTENDED_COLUMNS, service.c.group)
# Spreadsheets run what begins like this; a leading apostrophe makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class BulkFormat(NamedTuple):
    """How a dump begins, each of its chunks, and how it ends; chunks get their number."""

    media_type: str
    head: bytes
    chunk: Callable[[list[BulkRequest], int], bytes]
    tail: bytes


def _to_csv(rows: list[BulkRequest], _number: int) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([_cell(value) for value in msgspec.structs.astuple(row)] for row in rows)
    return out.getvalue().encode()


def _cell(value: object) -> object:
    match value:
        case datetime():
            return format_instant(value)
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return value


def _to_json(rows: list[BulkRequest], number: int) -> bytes:
    return (b"," if number else b"") + msgspec.json.encode(rows)[1:-1]


def _to_xml(rows: list[BulkRequest], _number: int) -> bytes:
    document = FORMATS["xml"].encode("service_requests", rows)
    return document.partition(b"<service_requests>")[2].removesuffix(b"</service_requests>")


_HEADER = ",".join(field.name for field in msgspec.structs.fields(BulkRequest)) + "\r\n"
_XML_HEAD = b'<?xml version="1.0" encoding="utf-8"?>\n<service_requests>'
BULK_FORMATS = {
    "csv": BulkFormat("text/csv; header=present", _HEADER.encode(), _to_csv, b""),
    "json": BulkFormat(FORMATS["json"].media_type, b"[", _to_json, b"]"),
    "xml": BulkFormat(FORMATS["xml"].media_type, _XML_HEAD, _to_xml, b"</service_requests>"),
}


async def stream(
    context: Context, jurisdiction_id: str, span: Span, written: BulkFormat
) -> AsyncIterator[bytes]:
    """The dump, newest first, in pieces that each hold a bounded number of rows."""
    yield written.head
    chunks = _chunks(context.db, jurisdiction_id, span, context.settings.bulk_chunk_rows)
    number = 0
    async for rows in chunks:
        yield written.chunk(rows, number)
        number += 1
    yield written.tail


async def _chunks(
    db: Database, jurisdiction_id: str, span: Span, size: int
) -> AsyncIterator[list[BulkRequest]]:
    """Each chunk is a transaction of its own, continued after the last row of the one before.

    One long transaction would hold back vacuum for as long as a slow client reads.
    """
    last: Row[Any] | None = None
    while True:
        conditions = [R.jurisdiction_id == jurisdiction_id, R.visibility == "public"]
        conditions += span_conditions(R.requested_datetime, span)
        if last is not None:
            same, after = R.requested_datetime == last.requested_datetime, R.service_request_id
            conditions += [
                R.requested_datetime <= last.requested_datetime,
                or_(
                    R.requested_datetime < last.requested_datetime,
                    and_(same, after > last.service_request_id),
                ),
            ]
        chosen = select(*_COLUMNS).select_from(JOINED).where(*conditions).limit(size)
        newest_first = (R.requested_datetime.desc(), R.service_request_id)
        async with db.begin(jurisdiction_id) as connection:
            rows = (await connection.execute(chosen.order_by(*newest_first))).all()
        if rows:
            yield [_present(row) for row in rows]
        if len(rows) < size:
            return
        last = rows[-1]


def _present(row: Row[Any]) -> BulkRequest:
    return BulkRequest(
        service_request_id=row.service_request_id,
        requested_datetime=row.requested_datetime,
        updated_datetime=row.updated_datetime,
        closed_date=row.closed_datetime,
        status_description=row.status,
        status_notes=row.status_notes,
        source=row.channel,
        service_name=row.service_name,
        service_subtype=row.group or None,
        description=row.description,
        agency_responsible=row.agency_responsible,
        address=row.address,
        lat=row.lat,
        long=row.long,
    )
