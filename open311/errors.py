"""Domain errors, and the one table that maps them to status codes."""

from collections.abc import Sequence
from http import HTTPStatus


class Problem(Exception):
    """Something the caller is told: one or more sentences, shown to people as they stand."""

    retry_after: int | None = None

    def __init__(self, *descriptions: str) -> None:
        super().__init__(*descriptions)
        self.descriptions: Sequence[str] = descriptions

    @property
    def headers(self) -> dict[str, str]:
        """What an answer over HTTP says beside the sentences."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class BadInput(Problem):
    """The request is malformed, incomplete, or out of bounds."""


class NotFound(Problem):
    """No such jurisdiction, service, request or token, or not one that the caller may know of."""


class Unauthorized(Problem):
    """An account is needed, and none is named, or by the wrong password or token."""

    @property
    def headers(self) -> dict[str, str]:
        """How to name one. Basic comes first: some clients read no further."""
        ways = ('Basic realm="open311", charset="UTF-8"', 'Bearer realm="open311"')
        return {"WWW-Authenticate": ", ".join(ways)}


class Forbidden(Problem):
    """The API key is missing, unknown, revoked, or lacks the scope; the account lacks the role."""


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
    Unauthorized: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Busy: HTTPStatus.SERVICE_UNAVAILABLE,
}
