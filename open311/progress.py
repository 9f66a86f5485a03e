"""Move a request along its workflow: status, public times and audit event in one transaction."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import events, subscriptions, workflow
from open311.errors import NotFound
from open311.workflow import Status

_STANDING = text("""
select status, requested_datetime, updated_datetime from service_request
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
    and visibility <> 'erased'
for update
""")
_MOVE = text("""
update service_request
set status = :status, status_notes = :status_notes,
    updated_datetime = greatest(:at, updated_datetime, requested_datetime),
    closed_datetime = case
        when cast(:closes as boolean) then greatest(:at, updated_datetime, requested_datetime)
    end
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
""")


class Standing(Struct, frozen=True):
    """Where a request stands."""

    status: Status
    requested_datetime: datetime
    updated_datetime: datetime


async def standing(
    connection: AsyncConnection, jurisdiction_id: str, service_request_id: str
) -> Standing:
    """Where a request stands; its row is locked until the transaction ends. Raises NotFound."""
    names = {"jurisdiction_id": jurisdiction_id, "service_request_id": service_request_id}
    row = (await connection.execute(_STANDING, names)).one_or_none()
    if row is None:
        raise NotFound(
            f"service_request_id {service_request_id[:80]!r} does not exist in {jurisdiction_id}."
        )
    return Standing(Status(row.status), row.requested_datetime, row.updated_datetime)


async def move(
    connection: AsyncConnection,
    jurisdiction_id: str,
    service_request_id: str,
    after: Status,
    status_notes: str | None,
    actor: str,
    at: datetime,
) -> None:
    """Give a request its next status. Raises NotFound, or Conflict for a move not allowed.

    `at` becomes `updated_datetime`, unless that is later already: who asks for what changed since
    then must learn of it. Of a closed request it is the time of closing, and stays so because
    nothing else writes it.
    """
    before = (await standing(connection, jurisdiction_id, service_request_id)).status
    workflow.check_move(before, after)
    names = {"jurisdiction_id": jurisdiction_id, "service_request_id": service_request_id}
    moved = {"status": after, "status_notes": status_notes, "at": at}
    await connection.execute(_MOVE, names | moved | {"closes": after in workflow.CLOSED})
    await events.record(
        connection,
        jurisdiction_id,
        "request.moved",
        service_request_id,
        actor,
        before={"status": before},
        after={"status": after},
    )
    await subscriptions.announce(connection, jurisdiction_id, service_request_id, after)
