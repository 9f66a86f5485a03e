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

_LOCK = text("""
select c.channel, c.sealed, c.stopped_at, c.heard_at, r.sealed as contact,
    c.sending_until > now() as is_sending, c.errand_until > now() as is_on_errand
from conversation c
left join reporter r using (jurisdiction_id, reporter_id)
where c.jurisdiction_id = :jurisdiction_id and c.conversation_id = :conversation_id
for update of c
""")
_SAVE = text("""
update conversation
set sealed = :sealed,
    stopped_at = case when cast(:stopped as boolean) then coalesce(stopped_at, now()) end,
    heard_at = greatest(heard_at, cast(:heard_at as timestamptz)),
    reporter_id = coalesce(cast(:reporter_id as text), reporter_id),
    errand_until = now() + make_interval(secs => cast(:errand_seconds as double precision))
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
""")
# The generic cell rate algorithm: a message moves the time by its interval, and may be ahead of
# the clock by what a burst allows.
_PACE = text("""
update conversation
set paced_until = greatest(paced_until, now()) + make_interval(secs => :seconds),
    sending_until = now() + make_interval(secs => :lease)
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
    and paced_until < now() + make_interval(secs => :ahead)
returning 1
""")
_LET_GO = text("""
update conversation set sending_until = null
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
""")
_GIVE_UP = text("""
update conversation set errand_until = null
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
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
    is_sending: bool = False
    """Whether a worker is sending one of its messages."""
    is_on_errand: bool = False
    """Whether a worker is doing what it waits for."""


def identify(settings: Settings, jurisdiction_id: str, channel: str, ours: str, theirs: str) -> str:
    """The id of the conversation of two addresses, from which neither can be told."""
    key = settings.secret_keys[-1]
    return secrets.lookup_hash(key, jurisdiction_id, channel, f"{ours} {theirs}").hex()[:32]


async def take(
    connection: AsyncConnection, settings: Settings, jurisdiction_id: str, conversation_id: str
) -> Standing | None:
    """A conversation, which nobody else continues until the transaction ends."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    row = (await connection.execute(_LOCK, names)).one_or_none()
    if row is None:
        return None
    contact, state = reporters.read_sealed(settings, row.contact), None
    if row.sealed is not None:
        state = secrets.cipher(settings.secret_keys).decrypt(row.sealed)
    return Standing(
        *(conversation_id, row.channel, contact, state),
        *(row.stopped_at, row.heard_at, bool(row.is_sending), bool(row.is_on_errand)),
    )


async def save(
    connection: AsyncConnection,
    settings: Settings,
    jurisdiction_id: str,
    conversation_id: str,
    state: bytes,
    *,
    stopped: bool,
    heard_at: datetime | None = None,
    reporter_id: str | None = None,
    errand_seconds: float | None = None,
) -> None:
    """Keep where a conversation stands; to who stopped it nothing is sent of its own accord.

    The caller alone does what it waits for, if anything, for `errand_seconds` from now.
    `heard_at` is when the citizen wrote: for a day from then on anything may be answered.
    `reporter_id` says who that is, once it is known.
    """
    sealed = secrets.cipher(settings.secret_keys).encrypt(state)
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    more = {"sealed": sealed, "stopped": stopped, "heard_at": heard_at}
    whose = {"reporter_id": reporter_id, "errand_seconds": errand_seconds}
    await connection.execute(_SAVE, names | more | whose)


async def give_up(connection: AsyncConnection, jurisdiction_id: str, conversation_id: str) -> None:
    """Note that what a conversation waits for was not done: whoever comes may do it."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    await connection.execute(_GIVE_UP, names)


async def pace(
    connection: AsyncConnection,
    jurisdiction_id: str,
    conversation_id: str,
    seconds: float,
    burst: int,
    lease: float,
) -> bool:
    """Take the right to send one message: one every so many seconds, and a few at once.

    Nobody else sends in the conversation for `lease` seconds, or until it is let go.
    """
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    pace = {"seconds": seconds, "ahead": seconds * burst, "lease": lease}
    return (await connection.execute(_PACE, names | pace)).first() is not None


async def let_go(connection: AsyncConnection, jurisdiction_id: str, conversation_id: str) -> None:
    """Note that a message is no longer being sent."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    await connection.execute(_LET_GO, names)


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
