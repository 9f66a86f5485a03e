"""Send what is to be said: in order, once, no faster than allowed, and only when it is allowed.

That a message is being tried is written before, so whoever finds it so asks the provider whether
it has it already. No transaction is open meanwhile: the provider may take its time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from msgspec import Struct

from clients.channels.channel import Addressed, Channel
from clients.channels.provider import Declined, Unreachable
from clients.channels.registry import CHANNELS, numbers, template
from clients.conversation.desk import Desk
from open311 import conversations, dates, outbox
from open311.conversations import Connection, Standing
from open311.outbox import Waiting
from open311.tasks import Later

_BURST = 10
_RECIPIENT_SECONDS = 6.0
# Whoever sends has the conversation for so long; it is given up before somebody else has it.
_LEASE_SECONDS, _SENDING_SECONDS = 30.0, 25.0
_GIVEN_UP = timedelta(hours=24)
_LONGEST_PAUSE = 600.0
# Twilio's dictionary of errors: outside the window; the recipient opted out; too many at a time.
_WINDOW, _OPTED_OUT, _TOO_MANY = 63016, 21610, (63018, 20429, 14107)
_CLOSED = "the day to answer is over"


class _Mail(Struct, frozen=True):
    """A message on its way."""

    desk: Desk
    home: str
    standing: Standing
    message: Waiting
    channel: Channel
    is_followed: bool
    """Whether there are more; what comes later has a task of its own."""


async def send(desk: Desk, home: str, payload: dict[str, Any]) -> None:
    """Task `messages.send`: send all that waits in a conversation. Raises Later."""
    who = (home, payload["conversation_id"])
    await desk.sending.run(who, partial(_send_all, desk, *who))


async def _send_all(desk: Desk, home: str, conversation_id: str) -> None:
    while await _send_next(desk, home, conversation_id):
        pass


async def _send_next(desk: Desk, home: str, conversation_id: str) -> bool:
    """Send one message; False when none is left that may be sent."""
    async with desk.context.db.begin(home) as connection:
        mail = await _choose(desk, connection, home, conversation_id)
    if mail is None:
        return False
    await _deliver(mail)
    return mail.is_followed


async def _choose(
    desk: Desk, connection: Connection, home: str, conversation_id: str
) -> _Mail | None:
    """The next message, marked as being tried; what may not be sent now is held back.

    Raises Later when another worker is sending, or when it would be too fast.
    """
    settings = desk.context.settings
    standing = await conversations.take(connection, settings, home, conversation_id)
    if standing is None or standing.contact is None:
        return None
    if standing.is_sending:
        raise Later(1.0)
    channel = CHANNELS[standing.channel]
    messages = await outbox.waiting(connection, settings, home, conversation_id)
    for number, message in enumerate(messages, 1):
        mail = _Mail(desk, home, standing, message, channel, number < len(messages))
        if not _may_be_said(mail):
            await outbox.hold(connection, home, message.outbound_id, _CLOSED)
            continue
        pace = (_RECIPIENT_SECONDS, _BURST, _LEASE_SECONDS)
        if not await conversations.pace(connection, home, conversation_id, *pace):
            raise Later(_RECIPIENT_SECONDS)
        await outbox.trying(connection, home, message.outbound_id)
        return mail
    return None


def _is_open(mail: _Mail) -> bool:
    window = mail.channel.window
    return window is None or dates.now() - mail.standing.heard_at < window


def _may_be_said(mail: _Mail) -> bool:
    """Whether it may be sent now; what was held back waits until the citizen has written again."""
    message, heard_at = mail.message, mail.standing.heard_at
    waits = message.state == "held" and heard_at <= message.created_at
    return (_is_open(mail) and not waits) or _template(mail) is not None


def _template(mail: _Mail) -> str | None:
    """The template of a message, where one is needed or has buttons."""
    message, settings = mail.message, mail.desk.context.settings
    if not message.kind or mail.channel.window is None:
        return None
    if _is_open(mail) and not message.said.choices:
        return None
    return template(settings, message.kind, message.said.language)


def _parameters(mail: _Mail) -> dict[str, str]:
    settings, channel, contact = mail.desk.context.settings, mail.channel, mail.standing.contact
    served = numbers(settings, channel.name).items()
    ours = next((number for number, cities in served if cities[0] == mail.home), "")
    callback = f"{settings.address}/{channel.name}/status?id={mail.message.outbound_id}"
    theirs = (contact.phone or "") if contact else ""
    return channel.write(Addressed(ours, theirs, mail.message.said, _template(mail), callback))


async def _deliver(mail: _Mail) -> None:
    """Send, and write what became of it. Raises Later when it must be tried again."""
    if not mail.channel.is_sent:
        return await _note(mail, None, "delivered")
    try:
        async with asyncio.timeout(_SENDING_SECONDS):
            sid = await _hand_over(mail)
    except Declined as declined:
        await _decline(mail, declined.code)
    except Unreachable as away:
        await _postpone(mail, away)
    except TimeoutError:
        await _postpone(mail, Unreachable(is_unknown=True))
    else:
        await _note(mail, sid, "sent")


async def _hand_over(mail: _Mail) -> str:
    """The provider's id of the message, which it may have had already."""
    parameters, provider = _parameters(mail), mail.desk.provider
    sid = None
    if mail.message.state == "trying":
        sid = await provider.find(parameters, mail.message.created_at)
    return sid or await provider.send(parameters)


@asynccontextmanager
async def _ending(mail: _Mail) -> AsyncIterator[Connection]:
    """The transaction that writes what became of a message; then others may send."""
    async with mail.desk.context.db.begin(mail.home) as connection:
        yield connection
        await conversations.let_go(connection, mail.home, mail.standing.conversation_id)


async def _decline(mail: _Mail, code: int) -> None:
    if code in _TOO_MANY:
        await _postpone(mail, Unreachable())
    if code == _WINDOW:
        async with _ending(mail) as connection:
            await outbox.hold(connection, mail.home, mail.message.outbound_id, str(code))
        return
    await _note(mail, None, "failed", str(code))
    if code == _OPTED_OUT:
        async with mail.desk.context.db.begin(mail.home) as connection:
            await conversations.silence(connection, mail.home, mail.standing.conversation_id)


async def _postpone(mail: _Mail, away: Unreachable) -> None:
    """Try again later and later, for a day."""
    age = dates.now() - mail.message.created_at
    if age > _GIVEN_UP:
        await _note(mail, None, "failed", "the provider was away")
        return
    async with _ending(mail) as connection:
        if not away.is_unknown:
            await outbox.untried(connection, mail.home, mail.message.outbound_id)
    raise Later(away.seconds or min(_LONGEST_PAUSE, 1.0 + age.total_seconds() / 2))


async def _note(mail: _Mail, sid: str | None, state: str, error: str | None = None) -> None:
    async with _ending(mail) as connection:
        await outbox.follow(connection, mail.home, mail.message.outbound_id, sid, state, error)
