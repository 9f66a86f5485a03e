"""Who follows a request: each change of its status leaves a task to tell them."""

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

KIND = "subscribers.tell"
"""The kind of the task that a change of a followed request leaves."""

_FOLLOW = text("""
insert into subscription (jurisdiction_id, service_request_id, home, conversation_id)
select jurisdiction_id, service_request_id, :home, :conversation_id from service_request
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
on conflict do nothing
""")
_LEAVE = text("""
delete from subscription
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
    and home = :home and conversation_id = :conversation_id
""")
_LIST = text("""
select home, conversation_id from subscription
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
order by created_at, conversation_id
""")
# The transaction makes each change one of its own, also that back to a status it had before.
_ANNOUNCE = text("""
insert into task (jurisdiction_id, kind, dedupe_key, payload)
select :jurisdiction_id, :kind, :service_request_id || ' ' || change,
    jsonb_build_object(
        'service_request_id', cast(:service_request_id as text),
        'status', cast(:status as text),
        'change', change
    )
from (select cast(pg_current_xact_id() as text) as change) once
where exists (
    select from subscription
    where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
)
""")


class Follower(Struct, frozen=True):
    """A conversation, and the jurisdiction that it is kept in."""

    home: str
    conversation_id: str


async def follow(
    connection: AsyncConnection, jurisdiction_id: str, service_request_id: str, who: Follower
) -> None:
    """Let a conversation hear of a request's changes; none when there is no such request."""
    names = {"jurisdiction_id": jurisdiction_id, "service_request_id": service_request_id}
    names |= {"home": who.home, "conversation_id": who.conversation_id}
    await connection.execute(_FOLLOW, names)


async def leave(
    connection: AsyncConnection, jurisdiction_id: str, service_request_id: str, who: Follower
) -> None:
    """Let a conversation hear no more of a request."""
    names = {"jurisdiction_id": jurisdiction_id, "service_request_id": service_request_id}
    names |= {"home": who.home, "conversation_id": who.conversation_id}
    await connection.execute(_LEAVE, names)


async def followers(
    connection: AsyncConnection, jurisdiction_id: str, service_request_id: str
) -> list[Follower]:
    """Everybody who follows a request, the first first."""
    names = {"jurisdiction_id": jurisdiction_id, "service_request_id": service_request_id}
    return [Follower(*row) for row in await connection.execute(_LIST, names)]


async def announce(
    connection: AsyncConnection, jurisdiction_id: str, service_request_id: str, status: str
) -> None:
    """Leave a task to tell the followers, if any, in the transaction that changed the status."""
    names = {"jurisdiction_id": jurisdiction_id, "service_request_id": service_request_id}
    await connection.execute(_ANNOUNCE, names | {"kind": KIND, "status": status})
