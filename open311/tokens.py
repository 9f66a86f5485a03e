"""Tokens of batch services: given when a request is filed, exchanged for its id once issued."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import events, identifiers, tasks, wire
from open311.db import Database
from open311.errors import NotFound

_GIVE = text("""
insert into token (jurisdiction_id, token, service_request_id)
values (:jurisdiction_id, :token, :service_request_id)
""")
_FIND = text("""
select token, case when issued_datetime is not null then service_request_id end as issued
from token where jurisdiction_id = :jurisdiction_id and token = :token
""")
_ISSUE = text("""
update token set issued_datetime = now()
where jurisdiction_id = :jurisdiction_id and token = :token and issued_datetime is null
returning service_request_id
""")
_SHOW = text("""
update service_request r
set visibility = case when s.sensitive then 'sensitive' else 'public' end
from service s
where r.jurisdiction_id = :jurisdiction_id and r.service_request_id = :service_request_id
    and r.visibility = 'pending'
    and s.jurisdiction_id = r.jurisdiction_id and s.service_code = r.service_code
returning r.visibility
""")


async def give(connection: AsyncConnection, jurisdiction_id: str, service_request_id: str) -> str:
    """Make a token for a request, and the task that will issue its id."""
    token = identifiers.long()
    names = {"jurisdiction_id": jurisdiction_id, "token": token}
    await connection.execute(_GIVE, names | {"service_request_id": service_request_id})
    await tasks.add(connection, jurisdiction_id, "token.issue", token, {"token": token})
    return token


async def find(connection: AsyncConnection, jurisdiction_id: str, token: str) -> wire.Token:
    """A token and, once issued, its id. Raises NotFound for a token that was never given."""
    names = {"jurisdiction_id": jurisdiction_id, "token": token.upper()}
    row = (await connection.execute(_FIND, names)).one_or_none()
    if row is None:
        raise NotFound(f"token {token[:80]!r} does not exist in {jurisdiction_id}.")
    return wire.Token(row.issued, row.token)


async def issue(db: Database, jurisdiction_id: str, payload: dict[str, Any]) -> None:
    """Task `token.issue`: bind the id to its token and show the request. Done twice it is once."""
    names = {"jurisdiction_id": jurisdiction_id, "token": payload["token"]}
    async with db.begin(jurisdiction_id) as connection:
        request_id = (await connection.execute(_ISSUE, names)).scalar_one_or_none()
        if request_id is None:
            return
        shown = {"jurisdiction_id": jurisdiction_id, "service_request_id": request_id}
        visibility = (await connection.execute(_SHOW, shown)).scalar_one_or_none()
        await events.record(
            connection,
            jurisdiction_id,
            "request.issued",
            request_id,
            "worker",
            after={"visibility": visibility},
        )
