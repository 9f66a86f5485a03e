"""What is noted of each call: a request id, one log line, and its time by route."""

import re
import secrets
import time
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Histogram

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_SECONDS = Histogram(
    "open311_request_seconds",
    "Time to answer, by route",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
# anything can stand in a call, and each word would be a series of its own
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_log = structlog.get_logger("open311.access")


def observe(app: ASGIApp) -> ASGIApp:
    """Give each call an id, told to the client and in every log line under it.

    The line has the route's template and no query: addresses, keys and names stay out of the log.
    """

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return await app(scope, receive, send)
        request_id = _request_id(scope)
        started, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                headers: Any = message["headers"]
                message["headers"] = [*headers, (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await app(scope, receive, note)
            finally:
                _note(scope, status, time.perf_counter() - started)

    return call


def _note(scope: HTTPScope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "(other)"
    route = scope.get("path_template") or "(none)"
    _SECONDS.labels(method, route, int(status)).observe(seconds)
    ms = round(seconds * 1000, 1)
    tell = _log.debug if route.startswith("/health/") else _log.info
    tell("request", method=method, route=route, status=int(status), ms=ms)


def _request_id(scope: HTTPScope) -> str:
    """The caller's own id when it is a plain word (a proxy's), else a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
