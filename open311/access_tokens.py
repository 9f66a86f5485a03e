"""Access tokens: what a program shows in place of an account's password; only digests are kept."""

import hashlib
import secrets
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import text

from open311 import identifiers, staff
from open311.db import Database
from open311.errors import NotFound

_PREFIX = "o311_"
_INSERT = text("""
insert into access_token (token_id, account_id, digest, name, expires_at)
values (
    :token_id, :account_id, :digest, :name,
    now() + make_interval(days => cast(:days as integer))
)
""")
_LIST = text("""
select token_id, name, created_at, expires_at, last_used_at, revoked_at from access_token
where account_id = :account_id order by created_at, token_id
""")
_REVOKE = text("""
update access_token set revoked_at = now()
where token_id = :token_id and revoked_at is null
returning account_id
""")
_USE = text("""
update access_token t set last_used_at = now()
from account a
where t.digest = :digest and t.revoked_at is null
    and (t.expires_at is null or t.expires_at > now())
    and a.account_id = t.account_id and a.state = 'active'
returning a.account_id, a.name
""")


class AccessToken(Struct, frozen=True):
    """A token as it is known here; its text is shown once, when it is made."""

    token_id: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


def is_one(text: str) -> bool:
    """Whether it looks like a token: a password cannot be one by chance."""
    return text.startswith(_PREFIX)


async def create(db: Database, account: str, name: str, days: int | None, actor: str) -> str:
    """Make a token of an account, for so many days or for ever, and return its text.

    Raises NotFound.
    """
    account_id = (await staff.find(db, account)).account_id
    token = _PREFIX + secrets.token_urlsafe(30)
    row = {"token_id": identifiers.short(), "account_id": account_id, "digest": _digest(token)}
    async with db.shared() as connection:
        await connection.execute(_INSERT, row | {"name": name, "days": days})
    await staff.record(db, account_id, "account.token-created", actor, {"token": row["token_id"]})
    return token


async def list_all(db: Database, account: str) -> list[AccessToken]:
    """Every token of an account, oldest first. Raises NotFound."""
    account_id = (await staff.find(db, account)).account_id
    async with db.shared() as connection:
        rows = await connection.execute(_LIST, {"account_id": account_id})
        return [msgspec.convert(dict(row), AccessToken) for row in rows.mappings()]


async def revoke(db: Database, token_id: str, actor: str) -> None:
    """Stop a token from working. Raises NotFound."""
    async with db.shared() as connection:
        revoked = await connection.execute(_REVOKE, {"token_id": token_id})
        account_id = revoked.scalar_one_or_none()
    if account_id is None:
        raise NotFound(f"There is no token {token_id} that works.")
    await staff.record(db, account_id, "account.token-revoked", actor, {"token": token_id})


async def use(db: Database, token: str) -> tuple[str, str] | None:
    """The id and name of the account that a token is of, if it works; notes that it was used."""
    async with db.shared() as connection:
        row = (await connection.execute(_USE, {"digest": _digest(token)})).one_or_none()
    return None if row is None else (row.account_id, row.name)


def _digest(token: str) -> bytes:
    """Plain SHA-256 is enough: the text is random, so nothing can be guessed from its digest."""
    return hashlib.sha256(token.encode()).digest()
