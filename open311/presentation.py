"""Rows of requests as the standard shows them, with the extended block when it was asked for."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import search, wire, workflow
from open311.settings import Settings

_NOTES = text("""
select service_request_id, updated_datetime, status, description
from request_update
where jurisdiction_id = :jurisdiction_id and service_request_id = any(:ids)
order by updated_datetime, created_at, update_id
""")
_QUESTIONS = text("""
select service_code, attributes
from service
where jurisdiction_id = :jurisdiction_id and service_code = any(:service_codes)
""").columns(attributes=JSONB)
_FIELDS = len(search.COLUMNS)
_CLOSING = {status for status, after in workflow.FROM_UPDATE.items() if after in workflow.CLOSED}


def media_url(settings: Settings, stored: str) -> str:
    """The address of a photo: ours are stored as paths, others as they came."""
    return f"{settings.address}{stored}" if stored.startswith("/") else stored


async def present(
    connection: AsyncConnection,
    settings: Settings,
    jurisdiction_id: str,
    rows: Sequence[Row[Any]],
    extensions: bool,
) -> list[wire.Request]:
    """The standard's fields of each row, and the extended block when asked for."""
    if extensions:
        return await _present_extended(connection, settings, jurisdiction_id, rows)
    return [_standard(settings, row) for row in rows]


def present_nearby(settings: Settings, rows: Iterable[Row[Any]]) -> list[wire.Request]:
    """The standard's fields and the distance in metres."""
    return [
        msgspec.structs.replace(_standard(settings, row), distance=round(row.distance, 1))
        for row in rows
    ]


async def _present_extended(
    connection: AsyncConnection, settings: Settings, jurisdiction_id: str, rows: Sequence[Row[Any]]
) -> list[wire.Request]:
    """The standard's fields with `extended_attributes`, `attributes` and `notes`."""
    notes = await _notes(connection, jurisdiction_id, [row.service_request_id for row in rows])
    codes = list({row.service_code for row in rows})
    questions = await _questions(connection, jurisdiction_id, codes)
    return [
        msgspec.structs.replace(
            _standard(settings, row),
            extended_attributes=_extended(settings, row),
            attributes=_answers(row.attributes, questions.get(row.service_code, {})),
            notes=[_submitted(row), *notes.get(row.service_request_id, [])],
        )
        for row in rows
    ]


def _standard(settings: Settings, row: Row[Any]) -> wire.Request:
    """The row's first columns are the fields, in their order (see search.COLUMNS)."""
    fields: tuple[Any, ...] = tuple(row[:_FIELDS])
    if fields[-1] is None:
        return wire.Request(*fields)
    return wire.Request(*(*fields[:-1], media_url(settings, fields[-1])))


def _extended(settings: Settings, row: Row[Any]) -> wire.ExtendedAttributes:
    return wire.ExtendedAttributes(
        channel=row.channel,
        detailed_status=row.status,
        ward=row.ward,
        closed_datetime=row.closed_datetime,
        parent_service_request_id=row.parent_service_request_id,
        media_urls=[media_url(settings, stored) for stored in row.media_urls],
    )


async def _questions(
    connection: AsyncConnection, jurisdiction_id: str, service_codes: list[str]
) -> dict[str, dict[str, Any]]:
    """The attribute documents of services, by service code and attribute code."""
    names = {"jurisdiction_id": jurisdiction_id, "service_codes": service_codes}
    rows = await connection.execute(_QUESTIONS, names)
    return {row.service_code: {a["code"]: a for a in row.attributes} for row in rows}


def _answers(given: dict[str, Any], questions: dict[str, Any]) -> list[wire.Answer]:
    answers = list[wire.Answer]()
    for code, value in given.items():
        question = questions.get(code, {})
        names: dict[str, str] = {
            choice["key"]: choice["name"] for choice in question.get("values", ())
        }
        for one in value if isinstance(value, list) else [value]:
            label, name = question.get("description", code), names.get(str(one), str(one))
            answers.append(wire.Answer(code, str(label), name, str(one)))
    return answers


async def _notes(
    connection: AsyncConnection, jurisdiction_id: str, ids: list[str]
) -> dict[str, list[wire.Note]]:
    found = await connection.execute(_NOTES, {"jurisdiction_id": jurisdiction_id, "ids": ids})
    notes: dict[str, list[wire.Note]] = {}
    for row in found:
        kind = "closed" if row.status in _CLOSING else "activity"
        note = wire.Note(row.updated_datetime, kind, row.status, row.description)
        notes.setdefault(row.service_request_id, []).append(note)
    return notes


def _submitted(row: Row[Any]) -> wire.Note:
    return wire.Note(row.requested_datetime, "submitted", "submitted", None)
