"""The provider's webhook form (Twilio: "Receive messages", parameters of an inbound message)."""

import math
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from clients.channels.channel import Attached, Inbound

_ID = re.compile(r"[A-Za-z0-9]{2,64}")
FROM_LIST = "FromList"
"""A field of our own, in forms made of the provider's list; webhooks are kept as they came."""
_MOST_ATTACHED = 10
_LONGEST_NAME = 100
_LONGEST_TEXT = 4000


def parse(content: bytes) -> dict[str, str]:
    """A form as it came. Raises ValueError when it is not one."""
    return dict(parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=500))


def message_id(form: Mapping[str, str]) -> str:
    """The provider's id of a message. Raises ValueError."""
    found = form.get("MessageSid") or form.get("SmsSid") or ""
    if not _ID.fullmatch(found):
        raise ValueError("MessageSid is missing.")
    return found


def read(content: bytes, prefix: str) -> Inbound:
    """A message, of addresses that begin with the channel's prefix. Raises ValueError."""
    form = parse(content)
    lat, long = _point(form)
    return Inbound(
        message_id=message_id(form),
        sender=_address(form, "From", prefix),
        recipient=_address(form, "To", prefix),
        text=form.get("Body", "").replace("\0", "").strip()[:_LONGEST_TEXT],
        lat=lat,
        long=long,
        place=_place(form),
        attached=tuple(_attached(form)),
        choice=form.get("ButtonPayload") or form.get("ListId") or None,
        answers=form.get("OriginalRepliedMessageSid") or None,
        name=_plain(form.get("ProfileName", "")) or None,
        is_from_list=FROM_LIST in form,
    )


def _address(form: Mapping[str, str], name: str, prefix: str) -> str:
    address = form.get(name, "")
    if not address.startswith(prefix) or not re.fullmatch(
        r"\+?\d{3,20}", address.removeprefix(prefix)
    ):
        raise ValueError(f"{name} is not an address of this channel.")
    return address.removeprefix(prefix)


def _point(form: Mapping[str, str]) -> tuple[float, float] | tuple[None, None]:
    try:
        lat, long = float(form["Latitude"]), float(form["Longitude"])
    except (KeyError, ValueError):
        return None, None
    known = math.isfinite(lat) and math.isfinite(long) and abs(lat) <= 90 and abs(long) <= 180
    return (lat, long) if known else (None, None)


def _place(form: Mapping[str, str]) -> str | None:
    """The name and address of a place that the citizen picked on the map."""
    named = [_plain(form.get(name, "")) for name in ("Label", "Address")]
    return ", ".join(dict.fromkeys(part for part in named if part)) or None


def _attached(form: Mapping[str, str]) -> list[Attached]:
    found = []
    for number in range(_MOST_ATTACHED):
        url = form.get(f"MediaUrl{number}")
        if url:
            kind = form.get(f"MediaContentType{number}", "").partition(";")[0].strip().lower()
            found.append(Attached(url, kind))
    return found


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()[:_LONGEST_NAME]
