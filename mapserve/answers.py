"""Answers that caches between us and a map may keep: validators, 304, and how long they last."""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response

from open311 import etags

CACHE_CONTROL = "public, max-age=1, stale-while-revalidate=30"
"""Right within a second, and cheap to ask again: what has not changed is a 304 without a body."""


def answer(
    request: Request[Any, Any, Any],
    body: bytes,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """A body that may be kept for a moment, or 304 for who has it already."""
    etag = etags.tag(body)
    told = {"ETag": etag, "Cache-Control": CACHE_CONTROL, **(headers or {})}
    if etags.matches(request.headers.get("if-none-match"), etag):
        return Response(b"", status_code=304, headers=told)
    return Response(body, media_type=media_type, headers=told)
