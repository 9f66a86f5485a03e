"""A server in the test's own loop on a real socket, and readers of its event streams."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import uvicorn
from msgspec import Struct

from open311.app import create_app
from open311.catalogue_file import Catalogue
from open311.settings import Settings

PATIENCE_SECONDS = 8


class Told(Struct, frozen=True):
    """One message of a stream."""

    number: int
    event: str
    data: dict[str, Any]


class Reader:
    """Reads a stream until it ends or is closed."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.text = ""
        self.ended = False
        self.changed = asyncio.Event()

    async def read(self, answer: httpx.Response) -> None:
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            self.text += line + "\n"
            if not line and "data" in fields:
                data = json.loads(fields["data"])
                self.told.append(Told(int(fields["id"]), fields["event"], data))
            fields = fields if line else {}
            name, _, value = line.partition(": ")
            fields[name] = value
            self.changed.set()
        self.ended = True
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what is to come, but not for ever."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def next(self, event: str = "request") -> Told:
        """Take the next message of a kind out."""
        await self.until(lambda: any(each.event == event for each in self.told))
        found = next(each for each in self.told if each.event == event)
        self.told.remove(found)
        return found


@asynccontextmanager
async def reading(
    base: str, city: str, since: int | None = None, query: str = ""
) -> AsyncIterator[Reader]:
    """A reader that has the beginning of its stream."""
    headers = {} if since is None else {"Last-Event-ID": str(since)}
    async with (
        httpx.AsyncClient(base_url=base, timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", f"/maps/{city}/live?{query}", headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        reader = Reader()
        going = asyncio.create_task(reader.read(answer))
        await reader.until(lambda: "retry: 3000\n" in reader.text)
        try:
            yield reader
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)


class Server(Struct, frozen=True):
    """A server under test; `stop` does what SIGTERM does."""

    base: str
    stop: Callable[[], None]
    stopped: asyncio.Task[None]


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Server]:
    """A server on a port of its own; what it sends waits in small buffers."""
    # here, because it takes a second
    from open311.commands.server import WebServer

    app = create_app(settings)
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    server = WebServer(config, app.state.hub.end)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        going = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 it is not ours to signal
            await asyncio.sleep(0.01)

        def stop() -> None:
            server.should_exit = True

        try:
            yield Server(f"http://127.0.0.1:{listener.getsockname()[1]}", stop, going)
        finally:
            stop()
            await going


def with_sensitive(read: Catalogue, code: str) -> Catalogue:
    """A catalogue in which a service is sensitive now."""
    return msgspec.structs.replace(
        read,
        services=[
            msgspec.structs.replace(each, sensitive=each.sensitive or each.service_code == code)
            for each in read.services
        ],
    )
