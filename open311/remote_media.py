"""Photos that a client only names: kept as a link, and copied only from hosts on the allow list.

Whoever names an address must not make the server call it: the list is empty by default.
"""

import hashlib
import logging
from typing import Any
from urllib.parse import urlsplit

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import events, media, pictures, tasks
from open311.context import Context
from open311.errors import BadInput
from open311.pictures import Upload
from open311.settings import Settings

_log = logging.getLogger(__name__)
_LONGEST = 2000
_SECONDS = 20.0
# as it is: what is small when compressed may be endless
_PLAIN = {"Accept": "image/*", "Accept-Encoding": "identity"}
_NAMED = text("""
select 1 from service_request
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
    and :url = any(media_urls)
""")
_REPLACE = text("""
update service_request set media_urls = array_replace(media_urls, :url, :ours)
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
    and :url = any(media_urls)
returning service_request_id
""")


def acceptable(url: str) -> str:
    """An address that others may be shown. Raises BadInput for any other."""
    url = url.strip()
    if len(url) > _LONGEST or not url.isprintable() or " " in url or not _is_web(url):
        raise BadInput(f"media_url must be an http or https address; {url[:80]!r} is not.")
    return url


def _is_web(url: str) -> bool:
    """Whether it has a host and a port that is one, and no user or password."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and parts.scheme in ("http", "https") and "@" not in parts.netloc


def may_fetch(url: str, settings: Settings) -> bool:
    """Whether the operator listed the host: `host` for https, `host:port` for http there."""
    parts = urlsplit(url)
    named = f"{parts.hostname}:{parts.port or 80}"
    if parts.scheme == "https":
        named = str(parts.hostname) if parts.port in (None, 443) else ""
    return named in {host.lower() for host in settings.media_fetch_hosts}


async def plan(
    connection: AsyncConnection,
    settings: Settings,
    jurisdiction_id: str,
    service_request_id: str,
    urls: list[str],
) -> bool:
    """Add a task for each photo that may be copied; True if there is any."""
    wanted = [url for url in urls if may_fetch(url, settings)]
    for url in wanted:
        payload = {"service_request_id": service_request_id, "media_url": url}
        # an index row has no room for addresses of this length
        digest = hashlib.blake2b(url.encode(), digest_size=16).hexdigest()
        name = f"{service_request_id} {digest}"
        await tasks.add(connection, jurisdiction_id, "media.copy", name, payload)
    return bool(wanted)


async def copy(context: Context, jurisdiction_id: str, payload: dict[str, Any]) -> None:
    """Task `media.copy`: make a photo that a client named one of ours. Done twice it is once.

    What is no photo stays the link that it was: trying again would not help.
    """
    names = {"jurisdiction_id": jurisdiction_id, "url": payload["media_url"]}
    names |= {"service_request_id": payload["service_request_id"]}
    async with context.db.begin(jurisdiction_id) as connection:
        if (await connection.execute(_NAMED, names)).first() is None:
            return
    try:
        upload = await fetch(payload["media_url"], context.settings)
        photos = await pictures.prepare([upload], context.settings)
    except BadInput:
        _log.info("a photo of %s is not to be had", payload["service_request_id"])
        return
    kept = await media.keep(context.store, jurisdiction_id, photos)
    try:
        used = await _replace(context, names, kept)
    except BaseException:
        await media.discard(context.store, kept)
        raise
    if not used:
        await media.discard(context.store, kept)


async def _replace(context: Context, names: dict[str, str], kept: list[media.Kept]) -> bool:
    """Put our photo in the link's place; False when another try of this task was faster."""
    jurisdiction_id, request_id = names["jurisdiction_id"], names["service_request_id"]
    ours = {"ours": f"/media/{kept[0].object_key}"}
    async with context.db.begin(jurisdiction_id) as connection:
        if (await connection.execute(_REPLACE, names | ours)).first() is None:
            return False
        await media.record(connection, jurisdiction_id, kept, service_request_id=request_id)
        await events.record(connection, jurisdiction_id, "media.copied", request_id, "worker")
    return True


async def fetch(url: str, settings: Settings) -> Upload:
    """Read a photo from a listed host, which may be an inner one: it was listed.

    Raises BadInput for another host, a redirect, or more than `max_upload_bytes`.
    """
    if not may_fetch(url, settings):
        raise BadInput("That host is not on the list of MEDIA_FETCH_HOSTS.")
    content = bytearray()
    async with (
        httpx.AsyncClient(timeout=_SECONDS, trust_env=False, headers=_PLAIN) as client,
        client.stream("GET", url) as answer,
    ):
        if answer.is_redirect:
            raise BadInput("The photo's address leads elsewhere.")
        answer.raise_for_status()
        async for piece in answer.aiter_raw():
            content += piece
            if len(content) > settings.max_upload_bytes:
                raise BadInput("The photo is too large.")
    return Upload(urlsplit(url).path.rpartition("/")[2] or "photo", bytes(content))
