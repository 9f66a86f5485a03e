"""`open311 chat`: hold a conversation with a running server in the terminal, as a citizen would."""

import asyncio
import sys
import uuid

import click
import msgspec
from msgspec import Struct

from clients.channels.channel import Inbound
from open311 import conversations, inbox, outbox
from open311.commands.installation import Installation, of_jurisdiction, work_in
from open311.db import Database
from open311.settings import Settings

_LOOK_SECONDS = 0.2
_QUIET_SECONDS = 4.0
_CHANNEL = "terminal"
_HELP = """Write as a citizen would. Besides:
  /pin LAT LONG [NAME OF THE PLACE]   sends a pin
  /wait                               says nothing for a while
  Ctrl-D                              ends"""


class _Talk(Struct):
    """Who talks, and the number of what was said last."""

    settings: Settings
    db: Database
    city: str
    phone: str
    heard: int = 0

    @property
    def conversation_id(self) -> str:
        """The conversation's id."""
        return conversations.identify(self.settings, self.city, _CHANNEL, _CHANNEL, self.phone)


@click.command()
@of_jurisdiction
@click.option("--phone", default="+27820000000", show_default=True, help="Whose conversation.")
@click.pass_obj
def chat(installation: Installation, named: str, phone: str) -> None:
    """Talk with a running server as a citizen does by WhatsApp; reports are filed for real."""

    async def work(settings: Settings, db: Database, jurisdiction_id: str) -> None:
        await _chat(_Talk(settings, db, jurisdiction_id, phone))

    click.echo(_HELP)
    work_in(installation, named, work)


async def _chat(talk: _Talk) -> None:
    await _hear(talk, show=False)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip() == "/wait":
            await _listen(talk, talk.settings.confirm_seconds + _QUIET_SECONDS)
            continue
        await _say(talk, line.strip())
        await _listen(talk, _QUIET_SECONDS)


async def _say(talk: _Talk, line: str) -> None:
    message = _message(talk.phone, line)
    kept = (message.message_id, msgspec.json.encode(message))
    await inbox.keep(talk.db, talk.settings, talk.city, talk.conversation_id, _CHANNEL, kept)


def _message(phone: str, line: str) -> Inbound:
    """A line as a message. Raises ClickException for a pin that is none."""
    message = Inbound(f"TT{uuid.uuid4().hex}", phone, _CHANNEL, text=line)
    if not line.startswith("/pin"):
        return message
    try:
        lat, long, *name = line.removeprefix("/pin").split(maxsplit=2)
        point = {"lat": float(lat), "long": float(long)}
    except ValueError:
        raise click.ClickException("A pin is /pin LAT LONG, in degrees.") from None
    place = name[0] if name else None
    return msgspec.structs.replace(message, text="", place=place, **point)


async def _listen(talk: _Talk, seconds: float) -> None:
    """Show what is said, until nothing more is for so many seconds."""
    quiet = 0.0
    while quiet < seconds:
        await asyncio.sleep(_LOOK_SECONDS)
        quiet = 0.0 if await _hear(talk) else quiet + _LOOK_SECONDS


async def _hear(talk: _Talk, *, show: bool = True) -> bool:
    async with talk.db.begin(talk.city) as connection:
        said = await outbox.said(
            connection, talk.settings, talk.city, talk.conversation_id, talk.heard
        )
    for number, text in said:
        talk.heard = number
        if show:
            click.echo("\n" + "\n".join(f"    {line}" for line in text.splitlines()) + "\n")
    return bool(said)
