"""The event stream over HTTP: new and changed requests, as they happen."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

from litestar import HttpMethod, Request, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from mapserve.anonymity import require_points
from mapserve.streams import Feed, Feeds, Stream
from open311 import jurisdictions, rates
from open311.context import Context
from open311.errors import BadInput
from open311.forms import read_query
from open311.settings import Settings

_RETRY_MILLISECONDS = 3000
_LONGEST_RETRY_MILLISECONDS = 5000
_LONGEST_NUMBER = 18

Reading = AbstractAsyncContextManager[tuple[Feed, Stream]]

_END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


# A compressor each would take megabytes a stream, and might hold messages back.
@route(
    "/maps/{jurisdiction_id:str}/live",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    uncompressed=True,
)
async def get_live(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
    feeds: NamedDependency[Feeds],
) -> ASGIApp:
    """What happens to a city's public requests: `/maps/capetown.gov.za/live`."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    require_points(city)
    since = (await read_query(request, context.settings)).text("since")
    seen = _read_number(request.headers.get("last-event-id") or since)
    address = rates.address(request.scope, context.settings)
    return _answer(context.settings, feeds.reading(city.jurisdiction_id, address), seen)


def _read_number(given: str | None) -> int | None:
    """The number of the last event that a reader has seen, if any."""
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= _LONGEST_NUMBER):
        raise BadInput("since and Last-Event-ID must be the id of an event of this stream.")
    return int(given)


def _answer(settings: Settings, reading: Reading, seen: int | None) -> ASGIApp:
    """The response; by hand, because a reader who takes nothing must not be waited for."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == HttpMethod.HEAD:
            await send(_start())
            return await send(_END)
        async with reading as (found, stream):
            await send(_start())
            leaving = asyncio.create_task(_end_with_reader(receive, stream))
            try:
                with suppress(TimeoutError):
                    await _send_all(send, _contents(found, stream, seen, settings), settings)
            finally:
                leaving.cancel()

    return answer


def _start() -> Message:
    return {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),  # proxies shall not gather it
        ],
    }


async def _end_with_reader(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _send_all(send: Send, contents: AsyncIterator[bytes], settings: Settings) -> None:
    """Raises TimeoutError when the reader does not take them."""
    async for content in contents:
        async with asyncio.timeout(settings.live_send_seconds):
            await send({"type": "http.response.body", "body": content, "more_body": True})
    async with asyncio.timeout(settings.live_send_seconds):
        await send(_END)


async def _contents(
    found: Feed, stream: Stream, seen: int | None, settings: Settings
) -> AsyncIterator[bytes]:
    """All that is sent: first what was missed, then what happens, at last when to come back."""
    yield f"retry: {_RETRY_MILLISECONDS}\n".encode()
    if seen is None:
        yield f"id: {stream.position}\n\n".encode()
    else:
        yield b"\n"
        async for message in found.catch_up(stream, seen):
            yield message.content
    async for content in _news(stream, settings.live_heartbeat_seconds):
        yield content
    # not all at the same moment
    yield f"retry: {random.randint(1000, _LONGEST_RETRY_MILLISECONDS)}\n\n".encode()  # noqa: S311


async def _news(stream: Stream, silence: float) -> AsyncIterator[bytes]:
    """What happens, until the stream ends; a comment now and then, or proxies would end it."""
    while True:
        try:
            async with asyncio.timeout(silence):
                message = await stream.next()
        except TimeoutError:
            yield b": nothing new\n\n"
            continue
        if message is None:
            return
        if message.number > stream.position:  # else it was among what was missed
            yield message.content


routes = [get_live]
