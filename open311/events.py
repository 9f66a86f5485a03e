"""The event log: every change, in the transaction that made it; audit trail and outbox at once."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_RECORD = text("""
insert into event (jurisdiction_id, kind, subject, actor, before, after)
values (
    :jurisdiction_id, :kind, :subject, :actor, cast(:before as jsonb), cast(:after as jsonb)
)
""")


async def record(
    connection: AsyncConnection,
    jurisdiction_id: str,
    kind: str,
    subject: str,
    actor: str,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Write one event: what (`kind`, as in `request.moved`), to which id, by whom.

    Never personal data: the log is kept when a person asks to be forgotten.
    """
    names = {"jurisdiction_id": jurisdiction_id, "kind": kind, "subject": subject, "actor": actor}
    await connection.execute(_RECORD, names | {"before": _json(before), "after": _json(after)})


def _json(value: Mapping[str, object] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
