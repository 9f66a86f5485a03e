"""SMS through Twilio: plain text of few segments, no pins and no buttons."""

import re
from datetime import timedelta

from clients.channels import forms
from clients.channels.channel import Addressed, Inbound

MOST_SEGMENTS = 6
# 3GPP TS 23.038: the basic alphabet and its extension, whose letters count twice.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "^{}\\[~]|€"
# what phones make of quotation marks, dashes and dots by themselves
_PLAINER = str.maketrans(
    {0x2026: "...", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-", 0x2022: "-"}
)


class Sms:
    """The channel."""

    name = "sms"
    window: timedelta | None = None
    is_sent = True

    def read(self, content: bytes) -> Inbound:
        """A message as it was received. Raises ValueError for what is none."""
        return forms.read(content, "")

    def write(self, message: Addressed) -> dict[str, str]:
        """The text in letters that cost least, cut to `MOST_SEGMENTS`."""
        return {
            "to": message.theirs,
            "from_": message.ours,
            "status_callback": message.callback,
            "body": shorten(message.said.text),
        }


def shorten(text: str) -> str:
    """A text in typewriter letters, without emphasis, of `MOST_SEGMENTS` at most."""
    plain = re.sub(r"[*_](\S[^*_\n]*)[*_]", r"\1", text.translate(_PLAINER))
    while segments(plain) > MOST_SEGMENTS:
        plain = plain[: int(len(plain) * 0.9)].rstrip()
    return plain


def segments(text: str) -> int:
    """How many messages a text is sent and paid as: 160 letters of the basic alphabet, else 70."""
    if all(letter in _BASIC or letter in _EXTENDED for letter in text):
        length, whole, part = sum(2 if x in _EXTENDED else 1 for x in text), 160, 153
    else:
        length, whole, part = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= whole else -(-length // part)
