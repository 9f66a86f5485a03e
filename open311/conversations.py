"""Conversations with citizens: where each stands, sealed, under a hash of who talks to whom."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import reporters, secrets
from open311.reporters import Contact
from open311.settings import Settings

Connection = AsyncConnection
"""A transaction, for those who only hand it on."""

_OPEN = text("""
insert into conversation (jurisdiction_id, conversation_id, channel)
values (:jurisdiction_id, :conversation_id, :channel)
on conflict do nothing
""")
_LOCK = text("""
select channel, reporter_id, sealed, stopped_at, heard_at from conversation
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
for update
""")
_INTRODUCE = text("""
update conversation set reporter_id = :reporter_id
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
""")
_HEAR = text("""
update conversation set heard_at = greatest(heard_at, :at)
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
""")
_SAVE = text("""
update conversation
set sealed = :sealed,
    stopped_at = case when cast(:stopped as boolean) then coalesce(stopped_at, now()) end
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
""")
# The generic cell rate algorithm: a message moves the time by its interval, and may be ahead of
# the clock by what a burst allows.
_PACE = text("""
update conversation
set paced_until = greatest(paced_until, now()) + make_interval(secs => :seconds)
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
    and paced_until < now() + make_interval(secs => :ahead)
returning 1
""")
_SILENCE = text("""
update conversation set stopped_at = coalesce(stopped_at, now())
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
""")
_OF = text("""
select conversation_id from conversation
where jurisdiction_id = :jurisdiction_id and reporter_id = :reporter_id
""")
_ERASE = text("""
with silenced as (
    update conversation set sealed = null, stopped_at = coalesce(stopped_at, now())
    where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
), emptied as (
    update inbox set sealed = null, handled_at = coalesce(handled_at, now())
    where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
    returning message_id
), unsaid as (
    update outbound
    set sealed = null,
        state = case when state in ('waiting', 'held', 'trying') then 'failed' else state end
    where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
    returning provider_id
), left_alone as (
    delete from subscription
    where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
)
select message_id from emptied union select provider_id from unsaid where provider_id is not null
""")


class Standing(Struct, frozen=True):
    """A conversation as it stands; `state` is the conversation's own, None at its beginning."""

    conversation_id: str
    channel: str
    contact: Contact | None
    state: bytes | None
    stopped_at: datetime | None
    heard_at: datetime


def identify(settings: Settings, jurisdiction_id: str, channel: str, ours: str, theirs: str) -> str:
    """The id of the conversation of two addresses, from which neither can be told."""
    key = settings.secret_keys[-1]
    return secrets.lookup_hash(key, jurisdiction_id, channel, f"{ours} {theirs}").hex()[:32]


async def open_one(
    connection: AsyncConnection, jurisdiction_id: str, conversation_id: str, channel: str
) -> None:
    """Begin a conversation unless it exists."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    await connection.execute(_OPEN, names | {"channel": channel})


async def take(
    connection: AsyncConnection, settings: Settings, jurisdiction_id: str, conversation_id: str
) -> Standing | None:
    """A conversation, which nobody else continues until the transaction ends."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    row = (await connection.execute(_LOCK, names)).one_or_none()
    if row is None:
        return None
    contact = None
    if row.reporter_id is not None:
        contact = await reporters.unseal(connection, settings, jurisdiction_id, row.reporter_id)
    state = None
    if row.sealed is not None:
        state = secrets.cipher(settings.secret_keys).decrypt(row.sealed)
    return Standing(conversation_id, row.channel, contact, state, row.stopped_at, row.heard_at)


async def introduce(
    connection: AsyncConnection,
    settings: Settings,
    jurisdiction_id: str,
    conversation_id: str,
    contact: Contact,
) -> None:
    """Say who the citizen is: number and name go to the table of reporters, and nowhere else."""
    reporter_id = await reporters.store(connection, settings, jurisdiction_id, contact)
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    await connection.execute(_INTRODUCE, names | {"reporter_id": reporter_id})


async def hear(
    connection: AsyncConnection, jurisdiction_id: str, conversation_id: str, at: datetime
) -> None:
    """Note when the citizen wrote: for a day from then on anything may be answered."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id, "at": at}
    await connection.execute(_HEAR, names)


async def save(
    connection: AsyncConnection,
    settings: Settings,
    jurisdiction_id: str,
    conversation_id: str,
    state: bytes,
    *,
    stopped: bool,
) -> None:
    """Keep where a conversation stands; to who stopped it nothing is sent of its own accord."""
    sealed = secrets.cipher(settings.secret_keys).encrypt(state)
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    await connection.execute(_SAVE, names | {"sealed": sealed, "stopped": stopped})


async def pace(
    connection: AsyncConnection,
    jurisdiction_id: str,
    conversation_id: str,
    seconds: float,
    burst: int,
) -> bool:
    """Take the right to send one message: one every so many seconds, and a few at once."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    pace = {"seconds": seconds, "ahead": seconds * burst}
    return (await connection.execute(_PACE, names | pace)).first() is not None


async def silence(connection: AsyncConnection, jurisdiction_id: str, conversation_id: str) -> None:
    """Note that the citizen wants to hear nothing, as the provider told."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    await connection.execute(_SILENCE, names)


async def erase(connection: AsyncConnection, jurisdiction_id: str, reporter_id: str) -> list[str]:
    """Forget what a person wrote and was told; the provider's ids of it, to be erased there too."""
    names = {"jurisdiction_id": jurisdiction_id, "reporter_id": reporter_id}
    ids: list[str] = []
    for conversation_id in (await connection.execute(_OF, names)).scalars().all():
        one = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
        ids += (await connection.execute(_ERASE, one)).scalars()
    return ids
