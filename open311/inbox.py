"""Messages of citizens: a row each before the provider is answered, handled in their order."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import secrets
from open311.db import Database
from open311.settings import Settings

KIND = "conversation.continue"
"""The kind of the task that each new message leaves."""

_KEEP = text("""
with kept as (
    insert into inbox (jurisdiction_id, message_id, channel, conversation_id, sealed)
    values (:jurisdiction_id, :message_id, :channel, :conversation_id, :sealed)
    on conflict do nothing
    returning message_id
), begun as (
    insert into conversation (jurisdiction_id, conversation_id, channel)
    select :jurisdiction_id, :conversation_id, :channel
    from kept
    on conflict do nothing
)
insert into task (jurisdiction_id, kind, dedupe_key, payload)
select :jurisdiction_id, :kind, message_id,
    jsonb_build_object('conversation_id', cast(:conversation_id as text))
from kept
on conflict do nothing
""")
_WAITING = text("""
select message_id, channel, sealed, received_at from inbox
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
    and handled_at is null
order by number
limit :most
""")
_HANDLED = text("""
update inbox set handled_at = now()
where jurisdiction_id = :jurisdiction_id and message_id = any(:message_ids)
""")
_KNOWN = text("""
select message_id from inbox
where jurisdiction_id = :jurisdiction_id and message_id = any(:message_ids)
""")
_MOST = 100


class Letter(Struct, frozen=True):
    """A message as it came (`content`, in the channel's own form); None once it was erased."""

    message_id: str
    channel: str
    content: bytes | None
    received_at: datetime


async def keep(
    db: Database,
    settings: Settings,
    jurisdiction_id: str,
    conversation_id: str,
    channel: str,
    message: tuple[str, bytes],
) -> bool:
    """Store a message (id, content) and the task to handle it; False when it had come before.

    With the first one its conversation begins.
    """
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    names |= {"channel": channel, "message_id": message[0], "kind": KIND}
    sealed = secrets.cipher(settings.secret_keys).encrypt(message[1])
    async with db.begin(jurisdiction_id) as connection:
        return (await connection.execute(_KEEP, names | {"sealed": sealed})).rowcount > 0


async def waiting(
    connection: AsyncConnection, settings: Settings, jurisdiction_id: str, conversation_id: str
) -> list[Letter]:
    """What of a conversation is not handled yet, in the order in which it came."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id, "most": _MOST}
    cipher = secrets.cipher(settings.secret_keys)
    return [
        Letter(
            row.message_id,
            row.channel,
            None if row.sealed is None else cipher.decrypt(row.sealed),
            row.received_at,
        )
        for row in await connection.execute(_WAITING, names)
    ]


async def handled(
    connection: AsyncConnection, jurisdiction_id: str, message_ids: list[str]
) -> None:
    """Note that messages were answered, in the transaction of the answers."""
    names = {"jurisdiction_id": jurisdiction_id, "message_ids": message_ids}
    await connection.execute(_HANDLED, names)


async def known(db: Database, jurisdiction_id: str, message_ids: list[str]) -> set[str]:
    """Those of the ids that are stored already."""
    names = {"jurisdiction_id": jurisdiction_id, "message_ids": message_ids}
    async with db.begin(jurisdiction_id) as connection:
        return set((await connection.execute(_KNOWN, names)).scalars())
