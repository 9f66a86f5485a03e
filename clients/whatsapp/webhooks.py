"""The provider's webhooks: a message becomes a row before the answer; a status finds its message.

Whatever is wrong with a call is 403: the provider never sends such.
"""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, Router, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException

from clients.channels import forms
from clients.channels.registry import CHANNELS, SENT, numbers
from clients.whatsapp import signatures
from open311 import conversations, inbox, jurisdictions, outbox
from open311.context import Context
from open311.errors import Forbidden, NotFound
from open311.settings import Settings

Asked = Request[Any, Any, Any]
_EMPTY = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
# The provider's words for how far a message got; what comes before the sending says nothing.
_STATES = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
}


async def provide_form(request: Asked, settings: NamedDependency[Settings]) -> bytes:
    """The raw form of a call that the provider signed. Raises Forbidden for any other."""
    try:
        body = await request.body()
    except HTTPException:
        body = b""
    query = request.scope["query_string"].decode("latin-1")
    target = request.scope["path"] + (f"?{query}" if query else "")
    signature = request.headers.get(signatures.SIGNATURE_HEADER)
    how = request.headers.get(signatures.SIGNATURE_SETTINGS_HEADER)
    signed = 0 < len(body) <= settings.max_form_bytes and signatures.is_signed(
        settings, target, body, signature, how
    )
    if not signed:
        raise Forbidden("This is not signed as the message provider signs.")
    return body


@post([f"/{channel.name}/inbound" for channel in SENT], status_code=200)
async def receive(
    request: Asked, form: NamedDependency[bytes], context: NamedDependency[Context]
) -> Response[bytes]:
    """Keep a message, once, however often it comes; a worker answers it."""
    try:
        await _keep(context, _channel(request), form)
    except (ValueError, KeyError, NotFound):
        raise Forbidden("This is no message to a number of ours.") from None
    context.bell.ring()
    return Response(_EMPTY, media_type="text/xml")


def _channel(request: Asked) -> str:
    return str(request.scope["path"]).split("/")[1]


async def _keep(context: Context, channel: str, content: bytes) -> None:
    message = CHANNELS[channel].read(content)
    _check_account(context.settings, forms.parse(content))
    home = numbers(context.settings, channel)[message.recipient][0]
    await jurisdictions.find(context.db, home)
    ours, theirs = message.recipient, message.sender
    who = conversations.identify(context.settings, home, channel, ours, theirs)
    kept = (message.message_id, content)
    await inbox.keep(context.db, context.settings, home, who, channel, kept)


def _check_account(settings: Settings, form: Mapping[str, str]) -> None:
    if form.get("AccountSid", settings.twilio_account_sid) != settings.twilio_account_sid:
        raise ValueError("This is another account's.")


@post([f"/{channel.name}/status" for channel in SENT], status_code=200)
async def follow(
    request: Asked,
    form: NamedDependency[bytes],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """Note how far one of our messages got."""
    try:
        ours = request.query_params.get("id")
        await _follow(context, _channel(request), forms.parse(form), ours)
    except (ValueError, KeyError):
        raise Forbidden("This is no status of a message of ours.") from None
    return Response(_EMPTY, media_type="text/xml")


async def _follow(
    context: Context, channel: str, form: Mapping[str, str], outbound_id: str | None
) -> None:
    state = _STATES.get((form.get("MessageStatus") or form.get("SmsStatus", "")).lower())
    home = numbers(context.settings, channel)[form["From"].removeprefix("whatsapp:")][0]
    provider_id, error = forms.message_id(form), form.get("ErrorCode") or None
    if state is None or "\0" in f"{outbound_id}{error}":
        return
    async with context.db.begin(home) as connection:
        await outbox.follow(connection, home, outbound_id, provider_id, state, error)


routes = [
    Router(
        "/",
        route_handlers=[receive, follow],
        dependencies={"form": provide_form},
    )
]
