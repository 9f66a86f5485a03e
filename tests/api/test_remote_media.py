"""Photos that a client only names: shown as links, copied from listed hosts: georeport 1.5."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from PIL import Image
from sqlalchemy import text

from open311 import connections, remote_media
from open311.app import create_app
from open311.context import Context
from open311.db import Database
from open311.errors import BadInput
from open311.settings import Settings

pytestmark = pytest.mark.anyio


def photo(width: int = 600, height: int = 400, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(out, kind)
    return out.getvalue()


def report(city: str, **fields: Any) -> dict[str, Any]:
    place = {"lat": "-33.92", "long": "18.65"}
    return {"api_key": f"key-{city}", "service_code": "POTHOLE", **place, **fields}


async def paths_of(database: Database, city: str) -> tuple[str, str]:
    """The paths of the one photo of a jurisdiction and of its thumbnail."""
    async with database.begin(city) as connection:
        found = await connection.execute(text("select object_key, thumbnail_key from media"))
        row = found.one()
    return f"http://open311.test/media/{row[0]}", f"http://open311.test/media/{row[1]}"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://example.org/x.jpg",
        "//example.org/x.jpg",
        "/media/x.jpg",
        "https://",
        "https://user@example.org/x.jpg",
        "https://user:word@example.org/x.jpg",
        "https://@example.org/x.jpg",
        "https://example.org:99999/x.jpg",
        "https://example.org:port/x.jpg",
        "https://exa mple.org/x.jpg",
        "https://example.org/\nx.jpg",
        "https://example.org/\u202ex.jpg",
        "https://[::1/x.jpg",
        "https://example.org/" + "x" * 2000,
    ],
)
def test_addresses_that_nobody_is_shown(url: str) -> None:
    with pytest.raises(BadInput, match="media_url"):
        remote_media.acceptable(url)


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a.jpg?x=1#y", "http://[2001:db8::1]:8080/a.jpg", " https://straße.de/ä "],
)
def test_addresses_that_are_kept(url: str) -> None:
    assert remote_media.acceptable(url) == url.strip()


def test_only_listed_hosts_are_asked() -> None:
    settings = Settings(media_fetch_hosts=("Photos.example", "inner.example:8080"))
    allowed = {
        "https://photos.example/a": True,
        "https://photos.example:443/a": True,
        "https://photos.example:8443/a": False,
        "https://inner.example:8080/a": False,
        "https://PHOTOS.example/a": True,
        "http://inner.example:8080/a": True,
        "http://photos.example/a": False,
        "http://photos.example:80/a": False,
        "http://inner.example/a": False,
        "http://inner.example:8081/a": False,
        "https://photos.example.evil.example/a": False,
        "https://evil.example/photos.example": False,
        "https://evil.example#photos.example": False,
        "https://evil.example\\@photos.example/a": True,  # what the client would ask is this host
        "https://photos.example\\.evil.example/a": False,
        "https://169.254.169.254/latest/meta-data": False,
        "ftp://photos.example/a": False,
    }
    assert {url: remote_media.may_fetch(url, settings) for url in allowed} == allowed
    assert not any(remote_media.may_fetch(url, Settings()) for url in allowed)


class Host:
    """A small web server on loopback that photos are copied from."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.address = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split()[1].decode()
        self.asked.append(path)
        writer.write(self.answers.get(path, b"HTTP/1.1 404 Not Found\r\n\r\n"))
        await writer.drain()
        writer.close()

    def show(self, path: str, body: bytes, headers: str = "") -> str:
        """Answer a path with these bytes, and return its address."""
        self.answers[path] = f"HTTP/1.1 200 OK\r\n{headers}\r\n".encode() + body
        return f"http://{self.address}{path}"


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    made = Host()
    async with await asyncio.start_server(made.answer, "127.0.0.1", 0) as server:
        made.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made


@pytest.fixture
async def context(settings: Settings, host: Host) -> AsyncIterator[Context]:
    """What a worker holds, with the host on its list."""
    listed = msgspec.structs.replace(
        settings, media_fetch_hosts=(host.address,), max_upload_bytes=300_000
    )
    made = connections.open_context(listed)
    yield made
    await connections.close_context(made)


async def file_link(client: httpx.AsyncClient, city: str, url: str) -> dict[str, Any]:
    """File a report that names a photo; the payload of the task that copies it."""
    answer = await client.post("/requests.json", data=report(city, media_url=url))
    request_id = answer.json()[0]["service_request_id"]
    return {"service_request_id": request_id, "media_url": url}


async def link_of(client: httpx.AsyncClient, payload: dict[str, Any]) -> str:
    found = await client.get(f"/requests/{payload['service_request_id']}.json")
    return str(found.json()[0]["media_url"])


async def test_copies_a_photo_from_a_listed_host(
    client: httpx.AsyncClient, database: Database, city: str, context: Context, host: Host
) -> None:
    url = host.show("/hole.jpg", photo())
    payload = await file_link(client, city, url)
    assert host.asked == []  # filing never asks anybody
    await remote_media.copy(context, city, payload)
    whole, _ = await paths_of(database, city)
    assert (await link_of(client, payload)).endswith(whole.removeprefix("http://open311.test"))
    assert (await client.get(whole)).status_code == 200
    await remote_media.copy(context, city, payload)
    assert host.asked == ["/hole.jpg"]
    assert (await paths_of(database, city))[0] == whole
    async with database.begin(city) as connection:
        kinds = await connection.execute(text("select kind from event where kind like 'media.%'"))
        assert kinds.scalars().all() == ["media.copied"]


async def test_two_workers_copy_one_photo_once(
    client: httpx.AsyncClient, database: Database, city: str, context: Context, host: Host
) -> None:
    payload = await file_link(client, city, host.show("/hole.jpg", photo()))
    await asyncio.gather(*(remote_media.copy(context, city, payload) for _ in range(3)))
    whole, _ = await paths_of(database, city)
    assert (await client.get(whole)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"<html>no photo</html>", b"", gzip.compress(bytes(50_000_000)), bytes(400_000)],
    ids=["page", "nothing", "gzip bomb", "too large"],
)
async def test_what_is_no_photo_stays_a_link(
    client: httpx.AsyncClient, city: str, context: Context, host: Host, body: bytes
) -> None:
    encoding = "Content-Encoding: gzip\r\n" if body[:2] == b"\x1f\x8b" else ""
    url = host.show("/x.jpg", body, encoding)
    payload = await file_link(client, city, url)
    await remote_media.copy(context, city, payload)
    assert host.asked == ["/x.jpg"]
    assert await link_of(client, payload) == url


async def test_no_redirect_is_followed(
    client: httpx.AsyncClient, city: str, context: Context, host: Host
) -> None:
    host.show("/secret.jpg", photo())
    host.answers["/x.jpg"] = b"HTTP/1.1 302 Found\r\nLocation: /secret.jpg\r\n\r\n"
    payload = await file_link(client, city, f"http://{host.address}/x.jpg")
    await remote_media.copy(context, city, payload)
    assert host.asked == ["/x.jpg"]


async def test_a_host_that_fails_is_tried_again(
    client: httpx.AsyncClient, city: str, context: Context, host: Host
) -> None:
    """The task's own retries take care of it: so the failure is told, and nothing changes."""
    payload = await file_link(client, city, f"http://{host.address}/later.jpg")
    host.answers["/later.jpg"] = b"HTTP/1.1 503 Busy\r\n\r\n"
    with pytest.raises(httpx.HTTPStatusError):
        await remote_media.copy(context, city, payload)
    host.show("/later.jpg", photo())
    await remote_media.copy(context, city, payload)
    assert "/media/" in await link_of(client, payload)


async def test_an_unlisted_host_is_never_asked(
    client: httpx.AsyncClient, database: Database, city: str, host: Host, settings: Settings
) -> None:
    """Neither when a report is filed, nor when somebody plants a task."""
    assert settings.media_fetch_hosts == ()
    payload = await file_link(client, city, host.show("/hole.jpg", photo()))
    async with database.begin(city) as connection:
        tasks = await connection.execute(text("select count(*) from task"))
        assert tasks.scalar() == 0
    context = connections.open_context(settings)
    await remote_media.copy(context, city, payload)
    await connections.close_context(context)
    assert host.asked == []
    assert await link_of(client, payload) == payload["media_url"]


# as long as may be, and nothing that compresses
LONG = "/" + "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(1900))


@pytest.mark.parametrize("path", ["/hole.jpg", LONG], ids=["short", "long"])
async def test_a_listed_host_gets_a_task(
    context: Context, city: str, database: Database, host: Host, path: str
) -> None:
    app: Litestar = create_app(context.settings)
    base = f"http://open311.test/open311/{city}/v2"
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url=base) as client:
        payload = await file_link(client, city, host.show(path, photo()))
    async with database.begin(city) as connection:
        found = await connection.execute(text("select kind, payload from task"))
        assert [tuple(row) for row in found] == [("media.copy", payload)]
