"""Errors of OGC API: problem details (RFC 7807)."""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from open311.errors import STATUS, Problem

_MEDIA_TYPE = "application/problem+json"


def tell_problem(_: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    """What the caller did wrong, or must wait for."""
    return _tell(STATUS[type(problem)], " ".join(problem.descriptions), problem.headers)


def tell_http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework refuses: a method that a path does not have."""
    return _tell(HTTPStatus(error.status_code), error.detail, dict(error.headers or {}))


def _tell(status: HTTPStatus, detail: str, headers: dict[str, str]) -> Response[bytes]:
    told = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    body = msgspec.json.encode(told)
    return Response(body, status_code=status, media_type=_MEDIA_TYPE, headers=headers)
