"""Photos and recordings that come after their request: cleaned, kept, and added to it once."""

import logging
from typing import Any

from sqlalchemy import text

from open311 import events, media, pictures, recordings
from open311.context import Context
from open311.errors import BadInput
from open311.pictures import Upload

_log = logging.getLogger(__name__)
_ADD = text("""
update service_request
set media_urls = media_urls || cast(:url as text),
    updated_datetime = greatest(now(), updated_datetime)
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
    and visibility <> 'erased' and cardinality(media_urls) < :most
returning service_request_id
""")
_ALLOW = text("""
select service_request_id from service_request r
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
    and visibility <> 'erased' and :most > (
        select count(*) from media m
        where m.jurisdiction_id = r.jurisdiction_id
            and m.service_request_id = r.service_request_id and m.access = 'staff'
    )
for update
""")
# The first to name it has it: the key stands in the event that tells of it.
_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
_ADDED = text("""
select 1 from event
where jurisdiction_id = :jurisdiction_id and subject = :service_request_id
    and kind = 'media.added' and after ->> 'name' = :name
""")


async def add(
    context: Context,
    jurisdiction_id: str,
    service_request_id: str,
    upload: Upload,
    name: str,
    reporter_id: str | None = None,
) -> bool:
    """Add a photo or recording to a request; the same `name` again adds nothing.

    A recording is for the staff, and erased with the reporter. What is neither, or one too many,
    is left out: then the answer is False. Raises Busy when it cannot be kept now.
    """
    try:
        kept = await _keep(context, jurisdiction_id, upload, reporter_id)
    except BadInput:
        _log.info("what was sent for %s is no photo or recording", service_request_id)
        return False
    used = False
    try:
        used = await _add(context, jurisdiction_id, service_request_id, kept, name)
    finally:
        if not used:
            await media.discard(context.store, [kept])
    return used


async def _keep(
    context: Context, jurisdiction_id: str, upload: Upload, reporter_id: str | None
) -> media.Kept:
    recording = recordings.read(upload)
    if recording is not None:
        return await media.keep_recording(context.store, jurisdiction_id, recording, reporter_id)
    photos = await pictures.prepare([upload], context.settings)
    return (await media.keep(context.store, jurisdiction_id, photos))[0]


async def _add(
    context: Context,
    jurisdiction_id: str,
    service_request_id: str,
    kept: media.Kept,
    name: str,
) -> bool:
    names = {"jurisdiction_id": jurisdiction_id, "service_request_id": service_request_id}
    more: dict[str, Any] = {"most": context.settings.max_media_files}
    statement = _ALLOW
    if kept.access == "public":
        statement, more["url"] = _ADD, f"/media/{kept.object_key}"
    async with context.db.begin(jurisdiction_id) as connection:
        await connection.execute(_LOCK, {"name": f"{jurisdiction_id} {name}"})
        if (await connection.execute(_ADDED, names | {"name": name})).first() is not None:
            return False
        if (await connection.execute(statement, names | more)).first() is None:
            return False
        await media.record(
            connection, jurisdiction_id, [kept], service_request_id=service_request_id
        )
        await events.record(
            connection,
            jurisdiction_id,
            "media.added",
            service_request_id,
            "worker",
            after={"name": name},
        )
    return True
