"""Photos that come after their request: cleaned and kept as all are, and added to it once."""

import logging

from sqlalchemy import text

from open311 import events, media, pictures
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
# The first to name it has it: the key stands in the event that tells of it.
_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
_ADDED = text("""
select 1 from event
where jurisdiction_id = :jurisdiction_id and subject = :service_request_id
    and kind = 'media.added' and after ->> 'name' = :name
""")


async def add(
    context: Context, jurisdiction_id: str, service_request_id: str, upload: Upload, name: str
) -> bool:
    """Add a photo to a request; the same `name` again adds nothing. False when it did not.

    What is no photo, or one too many, is left out. Raises Busy when it cannot be kept now.
    """
    try:
        photos = await pictures.prepare([upload], context.settings)
    except BadInput:
        _log.info("what was sent for %s is no photo", service_request_id)
        return False
    kept = await media.keep(context.store, jurisdiction_id, photos)
    used = False
    try:
        used = await _add(context, jurisdiction_id, service_request_id, kept, name)
    finally:
        if not used:
            await media.discard(context.store, kept)
    return used


async def _add(
    context: Context,
    jurisdiction_id: str,
    service_request_id: str,
    kept: list[media.Kept],
    name: str,
) -> bool:
    names = {"jurisdiction_id": jurisdiction_id, "service_request_id": service_request_id}
    photo = {"url": f"/media/{kept[0].object_key}", "most": context.settings.max_media_files}
    async with context.db.begin(jurisdiction_id) as connection:
        await connection.execute(_LOCK, {"name": f"{jurisdiction_id} {name}"})
        if (await connection.execute(_ADDED, names | {"name": name})).first() is not None:
            return False
        if (await connection.execute(_ADD, names | photo)).first() is None:
            return False
        await media.record(connection, jurisdiction_id, kept, service_request_id=service_request_id)
        await events.record(
            connection,
            jurisdiction_id,
            "media.added",
            service_request_id,
            "worker",
            after={"name": name},
        )
    return True
