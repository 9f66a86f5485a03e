"""What a channel is: it reads what citizens send, and sends what is said to them."""

from datetime import timedelta
from typing import Protocol

from msgspec import Struct

from open311.outbox import Said


class Attached(Struct, frozen=True):
    """A photo or recording that came with a message: where the provider has it, and its type."""

    url: str
    content_type: str

    @property
    def is_recording(self) -> bool:
        """Whether it is to be listened to."""
        return self.content_type.startswith("audio/")


class Inbound(Struct, frozen=True):
    """One message of a citizen, the same of every channel. Addresses are phone numbers (E.164)."""

    message_id: str
    sender: str
    recipient: str
    text: str = ""
    lat: float | None = None
    long: float | None = None
    place: str | None = None
    attached: tuple[Attached, ...] = ()
    choice: str | None = None
    """What a pressed button stands for."""
    answers: str | None = None
    """The provider's id of the message of ours that this one replies to."""
    name: str | None = None
    is_from_list: bool = False
    """Found in the provider's list of messages, which tells of no pin."""


class Addressed(Struct, frozen=True):
    """A message to send: from which address of ours to which of theirs, and where it is tracked."""

    ours: str
    theirs: str
    said: Said
    template: str | None
    callback: str


class Channel(Protocol):
    """A way to talk to citizens. Another is another file, and its line in `registry.CHANNELS`."""

    @property
    def name(self) -> str:
        """What it is called in addresses and settings."""
        ...

    @property
    def window(self) -> timedelta | None:
        """How long after a citizen wrote anything may be said; later only by template."""
        ...

    @property
    def is_sent(self) -> bool:
        """Whether the provider brings and takes its messages."""
        ...

    def read(self, content: bytes) -> Inbound:
        """A message as it was received. Raises ValueError for what is none."""
        ...

    def write(self, message: Addressed) -> dict[str, str]:
        """The parameters with which the provider sends a message."""
        ...
