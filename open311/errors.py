"""Domain errors, and the one table that maps them to status codes."""

from collections.abc import Sequence
from http import HTTPStatus


class Problem(Exception):
    """Something the caller is told: one or more sentences, shown to people as they stand."""

    retry_after: int | None = None

    def __init__(self, *descriptions: str) -> None:
        super().__init__(*descriptions)
        self.descriptions: Sequence[str] = descriptions


class BadInput(Problem):
    """The request is malformed, incomplete, or out of bounds."""


class NotFound(Problem):
    """No such jurisdiction, service, request or token, or not one that the caller may know of."""


class Forbidden(Problem):
    """The API key is missing, unknown, revoked, or lacks the scope."""


class Conflict(Problem):
    """The call contradicts an earlier one."""


class TooLarge(Problem):
    """The body is larger than the settings allow."""


class TooMany(Problem):
    """A rate limit is used up; `retry_after` says for how many seconds."""

    def __init__(self, description: str, retry_after: int) -> None:
        super().__init__(description)
        self.retry_after = retry_after


class Busy(Problem):
    """No capacity right now; trying again helps."""

    retry_after = 2


STATUS: dict[type[Problem], HTTPStatus] = {
    BadInput: HTTPStatus.BAD_REQUEST,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Busy: HTTPStatus.SERVICE_UNAVAILABLE,
}
