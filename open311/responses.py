"""How answers and errors leave the GeoReport API: encoded by the path's extension, with an ETag."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse

from open311 import etags, wire
from open311.codecs import FORMATS, format_of
from open311.errors import STATUS, NotFound, Problem

T = TypeVar("T")
_log = logging.getLogger("open311.responses")


class Encoded(Response[T], Generic[T]):
    """Whatever a handler returns, in the format that the path's extension names."""

    def to_asgi_response(
        self, app: Litestar | None, request: Request[Any, Any, Any], **kwargs: Any
    ) -> ASGIResponse:
        """Encode under the route's root element; answer 304 to who has these very bytes."""
        # not request.url: it is made of the Host header, which may be anything
        chosen = format_of(request.scope["path"])
        body = chosen.encode(request.route_handler.opt["root"], self.content)
        self.content = body  # type: ignore[assignment]
        self.media_type = chosen.media_type
        if request.method in ("GET", "HEAD"):
            self.headers["ETag"] = etag = etags.tag(body)
            if etags.matches(request.headers.get("if-none-match"), etag):
                self.content, self.status_code = b"", HTTPStatus.NOT_MODIFIED  # type: ignore[assignment]
        kwargs["media_type"] = self.media_type
        kwargs.pop("status_code", None)
        return super().to_asgi_response(app, request, **kwargs)


def split_name(name: str) -> str:
    """The id in the last part of a path, without the extension of its format.

    The extension begins at the last dot: service codes may hold dots, blanks and slashes.
    """
    stem, _, extension = name.lstrip("/").rpartition(".")
    if extension not in FORMATS or "\0" in stem:
        raise NotFound("There is no such resource: paths end in .xml or .json.")
    return stem


def tell_problem(request: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    """A domain error as the caller asked to read it."""
    return tell(request, STATUS[type(problem)], problem.descriptions, problem.headers)


def tell_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework refuses: an unknown path, a method that a path does not have."""
    detail = error.detail or HTTPStatus(error.status_code).phrase
    return tell(request, error.status_code, [detail], dict(error.headers or {}))


def tell_failure(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Our own fault: the log has it, the caller gets a sentence."""
    _log.exception("request failed", exc_info=error)
    return tell(request, HTTPStatus.INTERNAL_SERVER_ERROR, ["The server failed; it was logged."])


def tell(
    request: Request[Any, Any, Any],
    status: int,
    descriptions: Sequence[str],
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """Errors as GeoReport v2 has them: a list of code and description."""
    errors = [wire.Error(status, description) for description in descriptions]
    chosen = format_of(request.scope["path"])
    return Response(
        chosen.encode("errors", errors),
        status_code=status,
        media_type=chosen.media_type,
        headers=dict(headers or {}),
    )
