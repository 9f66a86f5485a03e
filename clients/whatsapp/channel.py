"""WhatsApp through Twilio: pins, photos and buttons; a day to answer freely, then templates."""

from datetime import timedelta

import msgspec

from clients.channels import forms
from clients.channels.channel import Addressed, Inbound

_PREFIX = "whatsapp:"
_LONGEST = 1600


class WhatsApp:
    """The channel."""

    name = "whatsapp"
    window = timedelta(hours=24)
    is_sent = True

    def read(self, content: bytes) -> Inbound:
        """A message as it was received. Raises ValueError for what is none."""
        return forms.read(content, _PREFIX)

    def write(self, message: Addressed) -> dict[str, str]:
        """A template with its values if there is one, or else the text, choices numbered."""
        names = {
            "to": f"{_PREFIX}{message.theirs}",
            "from_": f"{_PREFIX}{message.ours}",
            "status_callback": message.callback,
        }
        if message.template:
            values = msgspec.json.encode(message.said.values).decode()
            return names | {"content_sid": message.template, "content_variables": values}
        return names | {"body": message.said.text[:_LONGEST]}
