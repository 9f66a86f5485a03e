"""The channels by their names, and whose each of our numbers is."""

from clients.channels.channel import Channel
from clients.channels.sms import Sms
from clients.channels.terminal import Terminal
from clients.whatsapp.channel import WhatsApp
from open311.settings import Settings

_ALL: tuple[Channel, ...] = (WhatsApp(), Sms(), Terminal())
CHANNELS = {channel.name: channel for channel in _ALL}
SENT = tuple(channel for channel in _ALL if channel.is_sent)
"""Those that the provider brings."""


def numbers(settings: Settings, channel: str) -> dict[str, tuple[str, ...]]:
    """The jurisdictions that each of our numbers of a channel serves; the first is its home."""
    entries = {"whatsapp": settings.whatsapp_numbers, "sms": settings.sms_numbers}
    split = (entry.partition("=") for entry in entries.get(channel, ()))
    return {
        number.strip().removeprefix("whatsapp:"): tuple(
            part.strip().lower() for part in served.split("+") if part.strip()
        )
        for number, _, served in split
    }


def template(settings: Settings, kind: str, language: str) -> str | None:
    """The id of the approved template that says something in a language, if there is one."""
    known = {}
    for entry in settings.message_templates:
        name, _, template_id = entry.partition("=")
        known[name.strip()] = template_id.strip()
    return known.get(f"{kind}.{language}") or known.get(f"{kind}.en")
