"""Request updates, FixMyStreet's extension: what happened to requests, read and posted."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import (
    dates,
    events,
    idempotency,
    identifiers,
    media,
    progress,
    reporters,
    wire,
    workflow,
)
from open311.context import Context
from open311.errors import BadInput, NotFound
from open311.extents import read_span
from open311.forms import Fields
from open311.jurisdictions import Jurisdiction
from open311.keys import ApiKey
from open311.new_request import Faults, read_description, read_media_urls
from open311.presentation import media_url
from open311.progress import Standing
from open311.search import Page
from open311.settings import Settings
from open311.submission import Authorized, Caller, authorized
from open311.workflow import Status

_LIST = text("""
select u.update_id, u.service_request_id, u.status, u.updated_datetime, u.description, u.media_urls
from request_update u
join service_request r using (jurisdiction_id, service_request_id)
where u.jurisdiction_id = :jurisdiction_id and r.visibility = 'public'
    and u.updated_datetime between :start and :end
order by u.updated_datetime, u.created_at, u.update_id
limit :size offset :skipped
""")
_COUNT = text("""
select count(*)
from request_update u
join service_request r using (jurisdiction_id, service_request_id)
where u.jurisdiction_id = :jurisdiction_id and r.visibility = 'public'
    and u.updated_datetime between :start and :end
""")
_VISIBLE = text("""
select 1 from service_request
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
    and visibility in ('public', 'sensitive')
""")
_POSTED = text("""
select update_id, service_request_id, status, description from request_update
where jurisdiction_id = :jurisdiction_id and key_id = :key_id
    and source_update_id = :source_update_id
""")
_INSERT = text("""
insert into request_update (
    jurisdiction_id, update_id, service_request_id, status, description, media_urls,
    updated_datetime, key_id, source_update_id, reporter_id, attributes
)
values (
    :jurisdiction_id, :update_id, :service_request_id, :status, :description, :media_urls,
    :updated_datetime, :key_id, :source_update_id, :reporter_id, cast(:attributes as jsonb)
)
""")


_LONGEST_ID = 255
_UNCHANGED = "unchanged"


class NewUpdate(Struct, frozen=True):
    """An update as posted; `status` is one of workflow.FROM_UPDATE."""

    service_request_id: str
    source_update_id: str | None
    status: str
    description: str | None
    updated_datetime: datetime
    media_urls: list[str]
    contact: reporters.Contact


async def list_updates(
    connection: AsyncConnection,
    settings: Settings,
    jurisdiction_id: str,
    span: tuple[datetime, datetime],
    page: Page,
) -> tuple[list[wire.RequestUpdate], int]:
    """One page of updates of public requests, oldest first, and how many there are in all.

    Both ends of the span are included.
    """
    names = {"jurisdiction_id": jurisdiction_id, "start": span[0], "end": span[1]}
    part = {"size": page.size, "skipped": (page.number - 1) * page.size}
    rows = await connection.execute(_LIST, names | part)
    total = (await connection.execute(_COUNT, names)).scalar_one()
    shown = [
        wire.RequestUpdate(
            row.update_id,
            row.service_request_id,
            row.status,
            row.updated_datetime,
            row.description,
            media_url(settings, row.media_urls[0]) if row.media_urls else None,
        )
        for row in rows
    ]
    return shown, total


def read_updated(fields: Fields, zone: ZoneInfo, settings: Settings) -> tuple[datetime, datetime]:
    """start_date and end_date of `updated_datetime`; one alone spans the setting's days from it."""
    start, end = read_span(fields, zone, "start_date", "end_date")
    widest = timedelta(days=settings.max_range_days)
    try:
        end = end or (start + widest if start else dates.now())
        start = start or end - widest
    except OverflowError:
        raise BadInput("start_date or end_date is too far away.") from None
    if end - start > widest:
        raise BadInput(f"start_date and end_date may span {settings.max_range_days} days at most.")
    return start, end


async def post(
    context: Context, jurisdiction: Jurisdiction, fields: Fields, caller: Caller
) -> wire.UpdateReceipt:
    """Keep an update; a key with the scope `status` also moves the request by it.

    The same update again answers as the first time. Raises Forbidden, NotFound (request), and
    BadInput (also for another update under a number already used).
    """
    async with authorized(context, jurisdiction, fields, caller, "updates") as allowed:
        new = _read(fields, ZoneInfo(jurisdiction.time_zone), context.settings)
        update_id, is_new = await _keep(allowed, context, jurisdiction, new, fields.attributes)
    if not is_new:
        await media.discard(context.store, allowed.kept)
    return wire.UpdateReceipt(update_id)


def _read(fields: Fields, zone: ZoneInfo, settings: Settings) -> NewUpdate:
    faults = Faults()
    contact, updated, urls = reporters.Contact(), dates.now(), list[str]()
    request_id, status = fields.text("service_request_id"), (fields.text("status") or "").lower()
    if request_id is None:
        faults.append("service_request_id is missing.")
    if status not in workflow.FROM_UPDATE:
        faults.append(f"status must be one of {', '.join(workflow.FROM_UPDATE)}.")
    description, update_id = None, fields.text("update_id")
    if update_id and len(update_id) > _LONGEST_ID:
        faults.append(f"update_id is longer than {_LONGEST_ID} characters.")
    with faults.collect():
        description = read_description(fields, settings)
    with faults.collect():
        contact = reporters.read_contact(fields.values)
    with faults.collect():
        urls = read_media_urls(fields, settings)
    if when := fields.text("updated_datetime"):
        with faults.collect():
            # a clock ahead of ours must not hide the update from whoever polls up to now
            updated = min(dates.now(), dates.parse_instant(when, zone, "updated_datetime"))
    faults.tell()
    return NewUpdate(
        (request_id or "").upper(), update_id, status, description, updated, urls, contact
    )


async def _keep(
    allowed: Authorized,
    context: Context,
    jurisdiction: Jurisdiction,
    new: NewUpdate,
    attributes: dict[str, list[str]],
) -> tuple[str, bool]:
    """The update's id, and whether it is new."""
    connection, key, kept = allowed.connection, allowed.key, allowed.kept
    jurisdiction_id = jurisdiction.jurisdiction_id
    if (posted := await _posted(connection, jurisdiction_id, key, new)) is not None:
        return posted, False
    await _check_visible(connection, jurisdiction_id, new.service_request_id)
    now = await progress.standing(connection, jurisdiction_id, new.service_request_id)
    asked = new.status
    new = _as_it_is(new, key, now)
    if new.status == asked:
        await _move(connection, jurisdiction_id, key, new, now)
    reporter_id = await reporters.store(connection, context.settings, jurisdiction_id, new.contact)
    row = _row(jurisdiction_id, key, new, attributes, kept) | {"reporter_id": reporter_id}
    await connection.execute(_INSERT, row)
    await media.record(
        connection,
        jurisdiction_id,
        kept,
        service_request_id=new.service_request_id,
        update_id=row["update_id"],
    )
    await events.record(
        connection,
        jurisdiction_id,
        "update.posted",
        new.service_request_id,
        f"key:{key.key_id}",
        after={"update_id": row["update_id"], "status": new.status},
    )
    return row["update_id"], True


async def _posted(
    connection: AsyncConnection, jurisdiction_id: str, key: ApiKey, new: NewUpdate
) -> str | None:
    """The id that this update got when it was posted before. Raises BadInput for another's number.

    FixMyStreet posts again after a time-out, and its numbers are its own.
    """
    if new.source_update_id is None:
        return None
    await idempotency.lock(connection, jurisdiction_id, key.key_id, new.source_update_id)
    names = {"jurisdiction_id": jurisdiction_id, "key_id": key.key_id}
    found = await connection.execute(_POSTED, names | {"source_update_id": new.source_update_id})
    row = found.one_or_none()
    if row is None:
        return None
    same = (new.service_request_id, new.description)
    statuses = (new.status, _UNCHANGED)
    if (row.service_request_id, row.description) != same or row.status not in statuses:
        raise BadInput(f"update_id {new.source_update_id[:80]!r} already exists.")
    return str(row.update_id)


async def _check_visible(
    connection: AsyncConnection, jurisdiction_id: str, service_request_id: str
) -> None:
    names = {"jurisdiction_id": jurisdiction_id, "service_request_id": service_request_id}
    if (await connection.execute(_VISIBLE, names)).first() is None:
        raise NotFound(
            f"service_request_id {service_request_id[:80]!r} does not exist in {jurisdiction_id}."
        )


def _as_it_is(new: NewUpdate, key: ApiKey, now: Standing) -> NewUpdate:
    """The update as it may be told: others poll updates, and believe the status that they find.

    A status that the key may not give, that the request cannot take, or that is older than the one
    it has, becomes `unchanged`; the words are kept. No update is older than its request.
    """
    new = msgspec.structs.replace(
        new, updated_datetime=max(new.updated_datetime, now.requested_datetime)
    )
    after = workflow.FROM_UPDATE[new.status]
    if after is None or _says_nothing_new(after, now):
        return new
    may = "status" in key.scopes and after in workflow.ALLOWED[now.status]
    if may and new.updated_datetime >= now.updated_datetime:
        return new
    return msgspec.structs.replace(new, status=_UNCHANGED)


def _says_nothing_new(after: Status, now: Standing) -> bool:
    return after is now.status or (after is Status.REOPENED and now.status not in workflow.CLOSED)


async def _move(
    connection: AsyncConnection, jurisdiction_id: str, key: ApiKey, new: NewUpdate, now: Standing
) -> None:
    """Move the request as the update says, unless it says nothing new."""
    after = workflow.FROM_UPDATE[new.status]
    if after is None or _says_nothing_new(after, now):
        return
    await progress.move(
        connection,
        jurisdiction_id,
        new.service_request_id,
        after,
        new.description,
        f"key:{key.key_id}",
        new.updated_datetime,
    )


def _row(
    jurisdiction_id: str,
    key: ApiKey,
    new: NewUpdate,
    attributes: dict[str, list[str]],
    kept: list[media.Kept],
) -> dict[str, Any]:
    return {
        "jurisdiction_id": jurisdiction_id,
        "update_id": identifiers.long(),
        "service_request_id": new.service_request_id,
        "status": new.status,
        "description": new.description,
        "media_urls": [f"/media/{photo.object_key}" for photo in kept] or new.media_urls,
        "updated_datetime": new.updated_datetime,
        "key_id": key.key_id,
        "source_update_id": new.source_update_id,
        "attributes": msgspec.json.encode(attributes).decode(),
    }
