"""Find what the webhook missed: the provider's own list of messages, looked through now and then.

The provider tries a webhook that fails once or twice, and then never again.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from clients.channels.channel import Channel
from clients.channels.forms import FROM_LIST
from clients.channels.provider import Declined, Unreachable
from clients.channels.registry import SENT, numbers
from clients.conversation.desk import Desk
from open311 import conversations, dates, inbox

_EVERY_SECONDS = 300.0
_BACK = timedelta(hours=26)
_MOST = 1000
_log = logging.getLogger(__name__)


async def run(desk: Desk) -> None:
    """Look now and then, until cancelled."""
    while True:
        try:
            await poll(desk)
        except (Unreachable, Declined) as error:
            _log.warning("messages cannot be listed: %s", type(error).__name__)
        except Exception as error:  # the database is away: it comes back, and so do we
            _log.warning("missed messages cannot be looked for: %s", type(error).__name__)
        await asyncio.sleep(_EVERY_SECONDS)


async def poll(desk: Desk) -> int:
    """Keep every message of the last day that is not here; how many there were."""
    found = 0
    for channel in SENT:
        for ours, cities in numbers(desk.context.settings, channel.name).items():
            found += await _poll_one(desk, channel, ours, cities[0])
    if found:
        _log.warning("%s messages had been missed", found)
        desk.context.bell.ring()
    return found


async def _poll_one(desk: Desk, channel: Channel, ours: str, home: str) -> int:
    number = f"whatsapp:{ours}" if channel.name == "whatsapp" else ours
    since = dates.now() - _BACK
    listed = await desk.provider.received(number, since, _MOST)
    listed = [each for each in listed if each.direction == "inbound"]
    known = await inbox.known(desk.context.db, home, [each.sid for each in listed])
    missed = [each for each in listed if each.sid not in known]
    for message in reversed(missed):  # the newest are listed first
        await _keep(desk, channel, home, message)
    return len(missed)


async def _keep(desk: Desk, channel: Channel, home: str, message: Any) -> None:
    """A message as the webhook would have brought it, but for its pin, which no list tells."""
    form = {"MessageSid": message.sid, "From": message.from_, "To": message.to}
    form |= {"Body": message.body or "", FROM_LIST: "1"}
    if int(message.num_media or 0):
        base = desk.context.settings.twilio_api_url.rstrip("/")
        for number, media in enumerate(await desk.provider.media_of(message.sid)):
            form[f"MediaUrl{number}"] = base + media.uri.removesuffix(".json")
            form[f"MediaContentType{number}"] = media.content_type
    content = urlencode(form).encode()
    inbound = channel.read(content)
    context = desk.context
    who = conversations.identify(
        context.settings, home, channel.name, inbound.recipient, inbound.sender
    )
    kept = (message.sid, content)
    await inbox.keep(context.db, context.settings, home, who, channel.name, kept)
