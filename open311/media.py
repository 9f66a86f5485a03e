"""Photos and recordings, in a folder or an S3-compatible store: served so that nothing runs.

Photos of public requests are everybody's; recordings, and photos of other requests, the staff's.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import obstore
from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import accounts, audit, dates, identifiers, tasks
from open311.accounts import Role
from open311.context import Context
from open311.errors import Busy, NotFound
from open311.pictures import Picture
from open311.recordings import Recording
from open311.settings import Settings

_log = logging.getLogger(__name__)
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png"}
_SMALL = "-small"
_NONE = "There is no such photo."
# Whoever files a report waits: a store that does not answer is given up soon (the library's own
# limit is three minutes).
_SECONDS = 10.0
# The object keys are random and never written again, so whoever has one may keep it for good.
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PRIVATE = {**_HEADERS, "Cache-Control": "private, no-store"}
_RECORD = text("""
insert into media (
    jurisdiction_id, media_id, service_request_id, update_id, position, object_key, thumbnail_key,
    content_type, size, width, height, access, reporter_id
)
values (
    :jurisdiction_id, :media_id, :service_request_id, :update_id, :position, :object_key,
    :thumbnail_key, :content_type, :size, :width, :height, :access, :reporter_id
)
""")
_FIND = text("""
select m.content_type, m.access = 'public' and r.visibility = 'public' as is_public
from media m
join service_request r using (jurisdiction_id, service_request_id)
where m.jurisdiction_id = :jurisdiction_id and m.object_key = :object_key
    and :asked in (m.object_key, m.thumbnail_key) and r.visibility <> 'erased'
""")
_FORGET = text("""
delete from media where jurisdiction_id = :jurisdiction_id and reporter_id = :reporter_id
returning object_key
""")
FORGET_KIND = "media.forget"
"""The kind of the task that takes files out of the store."""


class Kept(Struct, frozen=True):
    """A photo or recording in the store; the keys begin with the jurisdiction's id."""

    object_key: str
    thumbnail_key: str | None
    content_type: str
    size: int
    width: int | None = None
    height: int | None = None
    access: str = "public"
    reporter_id: str | None = None
    """Who is heard in a recording."""


def open_store(settings: Settings) -> ObjectStore:
    """The store of MEDIA_URL; keys, region and endpoint of S3 come from the usual AWS variables."""
    parts = urlsplit(settings.media_url)
    if parts.scheme == "file":
        folder = Path(parts.path)
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder, mkdir=True)
    retries = timedelta(seconds=_SECONDS / 2)
    return from_url(settings.media_url, retry_config={"max_retries": 2, "retry_timeout": retries})


async def keep(store: ObjectStore, jurisdiction_id: str, pictures: Sequence[Picture]) -> list[Kept]:
    """Write photos under random keys, before the transaction that mentions them.

    Raises Busy when the store is away; then nothing of them is left.
    """
    files: list[tuple[str, bytes]] = []
    kept: list[Kept] = []
    for picture in pictures:
        kept.append(made := _name(jurisdiction_id, picture))
        files.append((made.object_key, picture.content))
        files.append((_small(made.object_key), picture.thumbnail))
    await _write_all(store, files, kept)
    return kept


async def keep_recording(
    store: ObjectStore, jurisdiction_id: str, recording: Recording, reporter_id: str | None
) -> Kept:
    """Write a recording, for the staff. Raises Busy when the store is away."""
    kept = Kept(
        object_key=f"{_stem(jurisdiction_id)}.{recording.extension}",
        thumbnail_key=None,
        content_type=recording.content_type,
        size=len(recording.content),
        access="staff",
        reporter_id=reporter_id,
    )
    await _write_all(store, [(kept.object_key, recording.content)], [kept])
    return kept


async def _write_all(
    store: ObjectStore, files: Sequence[tuple[str, bytes]], kept: Sequence[Kept]
) -> None:
    """Write all of them or none."""
    try:
        for object_key, content in files:
            await _write(store, object_key, content)
    except (BaseError, OSError) as error:
        _log.warning("the media store failed: %s", type(error).__name__)
        await discard(store, kept)
        raise Busy(
            "Photos cannot be kept right now. Try again, or send the report without."
        ) from error
    except asyncio.CancelledError:
        await discard(store, kept)
        raise


async def _write(store: ObjectStore, object_key: str, content: bytes) -> None:
    async with asyncio.timeout(_SECONDS):
        await obstore.put_async(store, object_key, content)


def _name(jurisdiction_id: str, picture: Picture) -> Kept:
    object_key = f"{_stem(jurisdiction_id)}.{_EXTENSIONS[picture.content_type]}"
    return Kept(
        object_key=object_key,
        thumbnail_key=_small(object_key),
        content_type=picture.content_type,
        size=len(picture.content),
        width=picture.width,
        height=picture.height,
    )


def _stem(jurisdiction_id: str) -> str:
    return f"{jurisdiction_id}/{dates.now():%Y}/{uuid4().hex}"


def _small(object_key: str) -> str:
    """The key of the thumbnail of a photo."""
    stem, dot, extension = object_key.rpartition(".")
    return stem + _SMALL + dot + extension


def _whole(object_key: str) -> str:
    """The key of the photo that this is, or is the thumbnail of."""
    stem, dot, extension = object_key.rpartition(".")
    return stem.removesuffix(_SMALL) + dot + extension


async def discard(store: ObjectStore, kept: Sequence[Kept]) -> None:
    """Take files back whose transaction failed; what cannot be deleted is only unreachable."""
    keys = [key for each in kept for key in (each.object_key, each.thumbnail_key) if key]
    await asyncio.gather(*(_delete(store, key) for key in keys))


async def forget(connection: AsyncConnection, jurisdiction_id: str, reporter_id: str) -> None:
    """Erase what somebody is heard in; a task takes the files out of the store."""
    names = {"jurisdiction_id": jurisdiction_id, "reporter_id": reporter_id}
    keys = list((await connection.execute(_FORGET, names)).scalars())
    if keys:
        await tasks.add(connection, jurisdiction_id, FORGET_KIND, keys[0], {"object_keys": keys})


async def take_out(context: Context, _jurisdiction_id: str, payload: Mapping[str, Any]) -> None:
    """Task `media.forget`. Raises what the store does, to be tried again."""
    for object_key in payload["object_keys"]:
        with suppress(FileNotFoundError):
            await obstore.delete_async(context.store, object_key)


async def _delete(store: ObjectStore, object_key: str) -> None:
    try:
        async with asyncio.timeout(_SECONDS):
            await obstore.delete_async(store, object_key)
    except FileNotFoundError:
        return
    except (BaseError, OSError) as error:
        _log.warning("a photo was left behind: %s", type(error).__name__)


async def record(
    connection: AsyncConnection,
    jurisdiction_id: str,
    kept: Sequence[Kept],
    *,
    service_request_id: str,
    update_id: str | None = None,
) -> None:
    """Write what belongs to which request, in the caller's transaction."""
    for position, photo in enumerate(kept):
        row = {name: getattr(photo, name) for name in photo.__struct_fields__}
        row |= {"jurisdiction_id": jurisdiction_id, "media_id": identifiers.long()}
        row |= {"service_request_id": service_request_id, "update_id": update_id}
        await connection.execute(_RECORD, row | {"position": position})


async def check(store: ObjectStore) -> str:
    """What is wrong with the store, or nothing. It writes: reading says nothing of a full disk."""
    try:
        await _write(store, "readiness", b"ready")
    except (BaseError, OSError) as error:
        return type(error).__name__
    return ""


@route("/media/{path:path}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def get_media(
    path: FromPath[str],
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """A photo of a public request, or its thumbnail (`-small`); for the staff also what is not.

    Recordings, and photos of requests that are not public, are for accounts with any role in the
    municipality; each use is logged.
    """
    object_key = path.lstrip("/")
    content_type, is_public = await _find(context, object_key)
    if not is_public:
        await _let_in(request, context, object_key, content_type)
    tag = f'"{hashlib.blake2b(object_key.encode(), digest_size=12).hexdigest()}"'
    headers = {**(_HEADERS if is_public else _PRIVATE), "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(
        await _read(context.store, object_key), media_type=content_type, headers=headers
    )


async def _let_in(
    request: Request[Any, Any, Any], context: Context, object_key: str, content_type: str
) -> None:
    """Raises NotFound for the public: that there was a photo once is nobody's business."""
    account = await accounts.identify(request, context)
    if account is None and content_type in _EXTENSIONS:
        raise NotFound(_NONE)
    jurisdiction_id = object_key.partition("/")[0]
    account = accounts.require(account, jurisdiction_id, *Role)
    await audit.record(context.db, jurisdiction_id, account, "media")


async def _find(context: Context, object_key: str) -> tuple[str, bool]:
    """The type, and whether it is everybody's, of what a row names: no path leads elsewhere."""
    names = {"jurisdiction_id": object_key.partition("/")[0], "asked": object_key}
    names["object_key"] = _whole(object_key)
    found = None
    if "\0" not in object_key:
        async with context.db.begin(names["jurisdiction_id"]) as connection:
            found = (await connection.execute(_FIND, names)).one_or_none()
    if found is None:
        raise NotFound(_NONE)
    return str(found.content_type), bool(found.is_public)


async def _read(store: ObjectStore, object_key: str) -> bytes:
    """The whole photo: the settings bound how large one can be."""
    try:
        async with asyncio.timeout(_SECONDS):
            return bytes(await (await obstore.get_async(store, object_key)).bytes_async())
    except FileNotFoundError:
        raise NotFound(_NONE) from None
    except (BaseError, OSError) as error:
        raise Busy("Photos cannot be read right now.") from error


routes = [get_media]
