"""Photos that a client only names: kept as a link, and copied only from hosts on the allow list.

Whoever names an address must not make the server call it: the list is empty by default.
"""

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

_LONGEST = 2000
_SECONDS = 20.0
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
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.username is None
    except ValueError:
        plain = False
    if not plain or len(url) > _LONGEST or any(character <= " " for character in url):
        raise BadInput(f"media_url must be an http or https address; {url[:80]!r} is not.")
    return url


def may_fetch(url: str, settings: Settings) -> bool:
    """Whether the address is of a host that the operator listed, over https or listed by port."""
    parts = urlsplit(url)
    hosts = settings.media_fetch_hosts
    return parts.netloc in hosts if parts.scheme == "http" else parts.hostname in hosts


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
        name = f"{service_request_id} {url}"
        await tasks.add(connection, jurisdiction_id, "media.copy", name, payload)
    return bool(wanted)


async def copy(context: Context, jurisdiction_id: str, payload: dict[str, Any]) -> None:
    """Task `media.copy`: make a photo that a client named one of ours. Done twice it is once."""
    names = {"jurisdiction_id": jurisdiction_id, "url": payload["media_url"]}
    names |= {"service_request_id": payload["service_request_id"]}
    async with context.db.begin(jurisdiction_id) as connection:
        if (await connection.execute(_NAMED, names)).first() is None:
            return
    upload = await fetch(payload["media_url"], context.settings)
    photos = await pictures.prepare([upload], context.settings)
    kept = await media.keep(context.store, jurisdiction_id, photos)
    async with context.db.begin(jurisdiction_id) as connection:
        ours = {"ours": f"/media/{kept[0].object_key}"}
        if (await connection.execute(_REPLACE, names | ours)).first() is None:
            await media.discard(context.store, kept)
            return
        request_id = payload["service_request_id"]
        await media.record(connection, jurisdiction_id, kept, service_request_id=request_id)
        await events.record(connection, jurisdiction_id, "media.copied", request_id, "worker")


async def fetch(url: str, settings: Settings) -> Upload:
    """Read a photo from a listed host. Raises BadInput for another host, a redirect, or too much."""
    if not may_fetch(url, settings):
        raise BadInput("That host is not on the list of MEDIA_FETCH_HOSTS.")
    content = bytearray()
    async with (
        httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client,
        client.stream("GET", url) as answer,
    ):
        if answer.is_redirect:
            raise BadInput("The photo's address leads elsewhere.")
        answer.raise_for_status()
        async for piece in answer.aiter_bytes():
            content += piece
            if len(content) > settings.max_upload_bytes:
                raise BadInput("The photo is too large.")
    return Upload(urlsplit(url).path.rpartition("/")[2] or "photo", bytes(content))
