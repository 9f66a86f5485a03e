"""Answers to those who say who they are: for them alone, so no cache keeps them."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_PRIVATE = (b"cache-control", b"private, no-store")
_REPLACED = (b"cache-control", b"etag", b"expires")


def keep_private(app: ASGIApp) -> ASGIApp:
    """Have no cache keep what a call with credentials is answered, whatever answers it."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [each for each in message["headers"] if each[0] not in _REPLACED]
                message["headers"] = [*headers, _PRIVATE]
            await send(message)

        await app(scope, receive, send_private if _has_credentials(scope) else send)

    return call


def _has_credentials(scope: Scope) -> bool:
    if scope["type"] != ScopeType.HTTP:
        return False
    return any(name == b"authorization" for name, _value in scope["headers"])
