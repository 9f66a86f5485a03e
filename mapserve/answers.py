"""Answers that caches between us and a map may keep: validators, 304, and how long they last."""

import hashlib
from collections.abc import Mapping
from typing import Any

from litestar import Request, Response

CACHE_CONTROL = "public, max-age=1, stale-while-revalidate=30"
"""Right within a second, and cheap to ask again: what has not changed is a 304 without a body."""


def tag(body: bytes) -> str:
    """A weak validator: the same bytes before any compression, the same tag."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether a client has what it asks for (RFC 9110, 13.1.2: weak comparison)."""
    if not if_none_match:
        return False
    known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return "*" in known or etag.removeprefix("W/") in known


def answer(
    request: Request[Any, Any, Any],
    body: bytes,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """A body that may be kept for a moment, or 304 for who has it already."""
    etag = tag(body)
    told = {"ETag": etag, "Cache-Control": CACHE_CONTROL, **(headers or {})}
    if matches(request.headers.get("if-none-match"), etag):
        return Response(b"", status_code=304, headers=told)
    return Response(body, media_type=media_type, headers=told)
