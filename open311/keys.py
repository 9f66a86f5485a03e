"""API keys: made, approved, checked and revoked; only their digests are stored."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import events, identifiers, reporters
from open311.db import Database
from open311.errors import Forbidden, NotFound
from open311.reporters import Contact
from open311.settings import Settings

SCOPES = ("requests", "updates", "status")
DEFAULT_SCOPES = ("requests", "updates")
API, WEB = "api", "web"
"""Channels of reports: of other programs, and of our own pages. Messages have their channel's."""

_COLUMNS = "key_id, name, scopes, rate_class, channel, state, created_at"
_CHECK = text(f"""
select {_COLUMNS} from api_key where jurisdiction_id = :jurisdiction_id and digest = :digest
""")  # noqa: S608
_LIST = text(f"""
select {_COLUMNS} from api_key where jurisdiction_id = :jurisdiction_id order by created_at, key_id
""")  # noqa: S608
_INSERT = text("""
insert into api_key (jurisdiction_id, key_id, digest, name, scopes, rate_class, channel, state,
    reporter_id)
values (:jurisdiction_id, :key_id, :digest, :name, :scopes, :rate_class, :channel, :state,
    :reporter_id)
on conflict (jurisdiction_id, digest) do nothing
returning key_id
""")
_SET_STATE = text("""
update api_key k
set state = :state, revoked_at = case when :state = 'revoked' then now() end
from (
    select state from api_key
    where jurisdiction_id = :jurisdiction_id and key_id = :key_id and state <> :state
    for update
) before
where k.jurisdiction_id = :jurisdiction_id and k.key_id = :key_id
returning before.state
""")


class ApiKey(Struct, frozen=True):
    """A key as it is known here; its text is shown once, when it is made."""

    key_id: str
    name: str
    scopes: list[str]
    rate_class: str
    channel: str
    """How what is filed with it was reported."""
    state: str
    created_at: datetime


async def create(
    db: Database,
    settings: Settings,
    jurisdiction_id: str,
    name: str,
    *,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    rate_class: str = "standard",
    channel: str = API,
    state: str = "active",
    contact: Contact | None = None,
) -> str:
    """Make a key and return its text, which is not stored anywhere; `contact` asked for it."""
    key_text = secrets.token_urlsafe(30)
    async with db.begin(jurisdiction_id) as connection:
        reporter_id = await reporters.store(
            connection, settings, jurisdiction_id, contact or Contact()
        )
        row = _row(jurisdiction_id, key_text, name, scopes, rate_class, channel)
        row |= {"state": state, "reporter_id": reporter_id}
        await _insert(connection, row, "operator" if contact is None else "applicant")
    return key_text


async def ensure(
    db: Database,
    jurisdiction_id: str,
    key_text: str,
    name: str,
    scopes: Sequence[str],
    rate_class: str,
    channel: str = API,
) -> None:
    """Make an active key of a given text unless it exists: the demo's, and those of tests."""
    async with db.begin(jurisdiction_id) as connection:
        row = _row(jurisdiction_id, key_text, name, scopes, rate_class, channel)
        await _insert(connection, row | {"state": "active", "reporter_id": None}, "operator")


async def check(
    connection: AsyncConnection, jurisdiction_id: str, key_text: str | None, scope: str
) -> ApiKey:
    """The key that a caller sent. Raises Forbidden when it is missing, not ours, or not enough."""
    if not key_text:
        raise Forbidden("The api_key is missing.")
    names = {"jurisdiction_id": jurisdiction_id, "digest": _digest(key_text)}
    row = (await connection.execute(_CHECK, names)).mappings().one_or_none()
    key = msgspec.convert(dict(row), ApiKey) if row is not None else None
    if key is None or key.state == "revoked":
        raise Forbidden(f"The api_key is not valid for {jurisdiction_id}.")
    if key.state == "pending":
        raise Forbidden("The api_key is not approved yet.")
    if scope not in key.scopes:
        raise Forbidden(f"The api_key does not allow this: it lacks the scope {scope!r}.")
    return key


async def list_all(db: Database, jurisdiction_id: str) -> list[ApiKey]:
    """Every key of a jurisdiction, oldest first."""
    async with db.begin(jurisdiction_id) as connection:
        rows = await connection.execute(_LIST, {"jurisdiction_id": jurisdiction_id})
        return [msgspec.convert(dict(row), ApiKey) for row in rows.mappings()]


async def set_state(
    db: Database, jurisdiction_id: str, key_id: str, state: str, actor: str
) -> None:
    """Approve (`active`) or revoke (`revoked`) a key. Raises NotFound."""
    names = {"jurisdiction_id": jurisdiction_id, "key_id": key_id, "state": state}
    async with db.begin(jurisdiction_id) as connection:
        before = (await connection.execute(_SET_STATE, names)).scalar_one_or_none()
        if before is None:
            raise NotFound(f"There is no key {key_id} in {jurisdiction_id} to make {state}.")
        await events.record(
            connection,
            jurisdiction_id,
            "key.changed",
            key_id,
            actor,
            before={"state": before},
            after={"state": state},
        )


def _row(
    jurisdiction_id: str,
    key_text: str,
    name: str,
    scopes: Sequence[str],
    rate_class: str,
    channel: str,
) -> dict[str, Any]:
    return {
        "jurisdiction_id": jurisdiction_id,
        "key_id": identifiers.short(),
        "digest": _digest(key_text),
        "name": name,
        "scopes": list(scopes),
        "rate_class": rate_class,
        "channel": channel,
    }


async def _insert(connection: AsyncConnection, row: dict[str, Any], actor: str) -> None:
    made = (await connection.execute(_INSERT, row)).scalar_one_or_none()
    if made is not None:
        after = {name: row[name] for name in ("name", "scopes", "rate_class", "channel", "state")}
        jurisdiction_id = row["jurisdiction_id"]
        await events.record(connection, jurisdiction_id, "key.created", made, actor, after=after)


def _digest(key_text: str) -> bytes:
    """Plain SHA-256 is enough: the text is random, so nothing can be guessed from its digest."""
    return hashlib.sha256(key_text.encode()).digest()
