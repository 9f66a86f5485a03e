"""Photos: kept in a folder or an S3-compatible store, and served so that nothing in them runs."""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
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

from open311 import dates, identifiers
from open311.context import Context
from open311.errors import Busy, NotFound
from open311.pictures import Picture
from open311.settings import Settings

_log = logging.getLogger(__name__)
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png"}
_SMALL = "-small"
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
_RECORD = text("""
insert into media (
    jurisdiction_id, media_id, service_request_id, update_id, position, object_key, thumbnail_key,
    content_type, size, width, height
)
values (
    :jurisdiction_id, :media_id, :service_request_id, :update_id, :position, :object_key,
    :thumbnail_key, :content_type, :size, :width, :height
)
""")
_PUBLIC = text("""
select m.content_type from media m
join service_request r using (jurisdiction_id, service_request_id)
where m.jurisdiction_id = :jurisdiction_id and m.object_key = :object_key
    and :asked in (m.object_key, m.thumbnail_key) and r.visibility = 'public'
""")


class Kept(Struct, frozen=True):
    """A photo that lies in the store; the keys begin with the jurisdiction's id."""

    object_key: str
    thumbnail_key: str
    content_type: str
    size: int
    width: int
    height: int


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
    kept: list[Kept] = []
    try:
        for picture in pictures:
            kept.append(made := _name(jurisdiction_id, picture))
            await _write(store, made.object_key, picture.content)
            await _write(store, made.thumbnail_key, picture.thumbnail)
    except (BaseError, OSError) as error:
        _log.warning("the media store failed: %s", type(error).__name__)
        await discard(store, kept)
        raise Busy(
            "Photos cannot be kept right now. Try again, or send the report without."
        ) from error
    except asyncio.CancelledError:
        await discard(store, kept)
        raise
    return kept


async def _write(store: ObjectStore, object_key: str, content: bytes) -> None:
    async with asyncio.timeout(_SECONDS):
        await obstore.put_async(store, object_key, content)


def _name(jurisdiction_id: str, picture: Picture) -> Kept:
    stem = f"{jurisdiction_id}/{dates.now():%Y}/{uuid4().hex}"
    extension = _EXTENSIONS[picture.content_type]
    return Kept(
        object_key=f"{stem}.{extension}",
        thumbnail_key=f"{stem}{_SMALL}.{extension}",
        content_type=picture.content_type,
        size=len(picture.content),
        width=picture.width,
        height=picture.height,
    )


def _whole(object_key: str) -> str:
    """The key of the photo that this is, or is the thumbnail of."""
    stem, dot, extension = object_key.rpartition(".")
    return stem.removesuffix(_SMALL) + dot + extension


async def discard(store: ObjectStore, kept: Sequence[Kept]) -> None:
    """Take photos back whose transaction failed; what cannot be deleted is only unreachable."""
    keys = [key for photo in kept for key in (photo.object_key, photo.thumbnail_key)]
    await asyncio.gather(*(_delete(store, key) for key in keys))


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
    request: Request[object, object, object],  # type: ignore[type-var]
    context: NamedDependency[Context],
) -> Response[bytes]:
    """A photo of a public request, or its thumbnail (`-small`)."""
    object_key = path.lstrip("/")
    content_type = await _content_type(context, object_key)
    tag = f'"{hashlib.blake2b(object_key.encode(), digest_size=12).hexdigest()}"'
    headers = {**_HEADERS, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(
        await _read(context.store, object_key), media_type=content_type, headers=headers
    )


async def _content_type(context: Context, object_key: str) -> str:
    """Only what a row of a public request names is served, so no path leads anywhere else."""
    names = {"jurisdiction_id": object_key.partition("/")[0], "asked": object_key}
    names["object_key"] = _whole(object_key)
    found = None
    if "\0" not in object_key:
        async with context.db.begin(names["jurisdiction_id"]) as connection:
            found = (await connection.execute(_PUBLIC, names)).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such photo.")
    return str(found)


async def _read(store: ObjectStore, object_key: str) -> bytes:
    """The whole photo: the settings bound how large one can be."""
    try:
        async with asyncio.timeout(_SECONDS):
            return bytes(await (await obstore.get_async(store, object_key)).bytes_async())
    except FileNotFoundError:
        raise NotFound("There is no such photo.") from None
    except (BaseError, OSError) as error:
        raise Busy("Photos cannot be read right now.") from error


routes = [get_media]
