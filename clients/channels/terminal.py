"""The terminal of whoever tries a conversation: what is said is not sent, but read where it is."""

from datetime import timedelta

import msgspec

from clients.channels.channel import Addressed, Inbound


class Terminal:
    """The channel of `open311 chat`. Nothing of it comes or goes over the network."""

    name = "terminal"
    window: timedelta | None = None
    is_sent = False

    def read(self, content: bytes) -> Inbound:
        """A message as the command wrote it. Raises ValueError for what is none."""
        return msgspec.json.decode(content, type=Inbound)

    def write(self, message: Addressed) -> dict[str, str]:
        """The words alone."""
        return {"to": message.theirs, "from_": message.ours, "body": message.said.text}
