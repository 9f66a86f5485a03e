"""Messages to citizens: each stored once for its reason, then sent, and followed to its end."""

from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import secrets
from open311.settings import Settings

KIND = "messages.send"
"""The kind of the task that each message to be sent leaves."""

_PUT = text("""
with put as (
    insert into outbound (
        jurisdiction_id, outbound_id, conversation_id, kind, sealed, service_request_id
    )
    values (
        :jurisdiction_id, :outbound_id, :conversation_id, :kind, :sealed, :service_request_id
    )
    on conflict do nothing
    returning outbound_id
)
insert into task (jurisdiction_id, kind, dedupe_key, payload)
select :jurisdiction_id, :task_kind, outbound_id,
    jsonb_build_object('conversation_id', cast(:conversation_id as text))
from put
on conflict do nothing
""")
_WAITING = text("""
select outbound_id, kind, sealed, state, created_at from outbound
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
    and state in ('waiting', 'held', 'trying')
order by number
""")
_TRY = text("""
update outbound set state = 'trying'
where jurisdiction_id = :jurisdiction_id and outbound_id = :outbound_id
    and state in ('waiting', 'held', 'trying')
returning outbound_id
""")
_UNTRY = text("""
update outbound set state = 'waiting'
where jurisdiction_id = :jurisdiction_id and outbound_id = :outbound_id and state = 'trying'
""")
_HOLD = text("""
update outbound set state = 'held', error = coalesce(error, :error)
where jurisdiction_id = :jurisdiction_id and outbound_id = :outbound_id
    and state in ('waiting', 'trying')
""")
# Callbacks come in any order, and before the answer to the sending: a state never goes back.
_RANKS = "array['waiting', 'held', 'trying', 'sent', 'delivered', 'read']"
_FOLLOW = text(f"""
update outbound
set state = case
        when state in ('delivered', 'read') and :state = 'failed' then state
        when state = 'failed' and :state = 'sent' then state
        when array_position({_RANKS}, :state) < array_position({_RANKS}, state) then state
        else :state
    end,
    provider_id = coalesce(cast(:provider_id as text), provider_id),
    error = coalesce(cast(:error as text), error),
    sent_at = coalesce(sent_at, now())
where jurisdiction_id = :jurisdiction_id
    and (outbound_id = cast(:outbound_id as text) or provider_id = cast(:provider_id as text))
returning state
""")  # noqa: S608
_SAID = text("""
select number, sealed from outbound
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
    and number > :after and state = 'delivered'
order by number
""")
_ABOUT = text("""
select service_request_id from outbound
where jurisdiction_id = :jurisdiction_id and conversation_id = :conversation_id
    and provider_id = :provider_id
""")
_COUNT = text("""
select state, count(*) as number from outbound
where jurisdiction_id = :jurisdiction_id
group by state
""")


class Said(Struct, frozen=True):
    """What a message says: its text, and the name and values of a template that says the same."""

    text: str
    language: str
    values: dict[str, str] = {}
    choices: list[str] = []
    media_url: str | None = None


class Waiting(Struct, frozen=True):
    """A message that is to be sent."""

    outbound_id: str
    kind: str
    said: Said
    state: str
    created_at: datetime


async def put(
    connection: AsyncConnection,
    settings: Settings,
    jurisdiction_id: str,
    conversation_id: str,
    outbound_id: str,
    kind: str,
    said: Said,
    service_request_id: str | None = None,
) -> bool:
    """Store a message to be sent, and its task, in the caller's transaction; False: it was there.

    `kind` names what it says, as templates do; who stopped the conversation gets it all the same.
    """
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    sealed = secrets.cipher(settings.secret_keys).encrypt(msgspec.json.encode(said))
    row: dict[str, object] = {"outbound_id": outbound_id, "kind": kind, "sealed": sealed}
    row |= {"service_request_id": service_request_id, "task_kind": KIND}
    return (await connection.execute(_PUT, names | row)).rowcount > 0


async def waiting(
    connection: AsyncConnection, settings: Settings, jurisdiction_id: str, conversation_id: str
) -> list[Waiting]:
    """What of a conversation is to be sent, in its order."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    cipher = secrets.cipher(settings.secret_keys)
    return [
        Waiting(
            row.outbound_id,
            row.kind,
            msgspec.json.decode(cipher.decrypt(row.sealed), type=Said),
            row.state,
            row.created_at,
        )
        for row in await connection.execute(_WAITING, names)
        if row.sealed is not None
    ]


async def trying(connection: AsyncConnection, jurisdiction_id: str, outbound_id: str) -> bool:
    """Note that a message is being sent; False when it needs no sending any more."""
    names = {"jurisdiction_id": jurisdiction_id, "outbound_id": outbound_id}
    return (await connection.execute(_TRY, names)).first() is not None


async def untried(connection: AsyncConnection, jurisdiction_id: str, outbound_id: str) -> None:
    """Note that the provider certainly does not have a message that was tried."""
    names = {"jurisdiction_id": jurisdiction_id, "outbound_id": outbound_id}
    await connection.execute(_UNTRY, names)


async def hold(
    connection: AsyncConnection, jurisdiction_id: str, outbound_id: str, error: str
) -> None:
    """Keep a message until the citizen writes again: only then it may be sent."""
    names = {"jurisdiction_id": jurisdiction_id, "outbound_id": outbound_id, "error": error}
    await connection.execute(_HOLD, names)


async def follow(
    connection: AsyncConnection,
    jurisdiction_id: str,
    outbound_id: str | None,
    provider_id: str | None,
    state: str,
    error: str | None = None,
) -> str | None:
    """Note how far a message got (`sent`, `delivered`, `read`, `failed`), in whatever order.

    Found by our id or the provider's; the state that it has now, None when there is no such one.
    """
    names = {"jurisdiction_id": jurisdiction_id, "outbound_id": outbound_id}
    names |= {"provider_id": provider_id, "state": state, "error": error}
    return (await connection.execute(_FOLLOW, names)).scalar_one_or_none()


async def said(
    connection: AsyncConnection,
    settings: Settings,
    jurisdiction_id: str,
    conversation_id: str,
    after: int,
) -> list[tuple[int, str]]:
    """What was delivered in a conversation after a number: numbers and texts, in their order."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    cipher = secrets.cipher(settings.secret_keys)
    rows = await connection.execute(_SAID, names | {"after": after})
    return [
        (row.number, msgspec.json.decode(cipher.decrypt(row.sealed), type=Said).text)
        for row in rows
        if row.sealed is not None
    ]


async def about(
    connection: AsyncConnection, jurisdiction_id: str, conversation_id: str, provider_id: str
) -> str | None:
    """The request that one of our messages spoke of, by the provider's id of it."""
    names = {"jurisdiction_id": jurisdiction_id, "conversation_id": conversation_id}
    found = await connection.execute(_ABOUT, names | {"provider_id": provider_id})
    return found.scalar_one_or_none()


async def count(connection: AsyncConnection, jurisdiction_id: str) -> dict[str, int]:
    """How many messages are in each state."""
    found = await connection.execute(_COUNT, {"jurisdiction_id": jurisdiction_id})
    return {row.state: row.number for row in found}
