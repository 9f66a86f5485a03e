"""Accounts of the staff: made, listed and disabled; roles granted and taken away."""

import re
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import events, identifiers, passwords
from open311.db import Database
from open311.errors import BadInput, Conflict, NotFound

# no colon: HTTP Basic ends a name there
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
_COLUMNS = "account_id, name, state, password_hash is not null as has_password, created_at"
_FIND = text(f"select {_COLUMNS} from account where name = :name")  # noqa: S608
_LIST = text(f"select {_COLUMNS} from account order by name")  # noqa: S608
_ROLES = text("select jurisdiction_id, role from account_roles(:account_id) order by 1, 2")
_INSERT = text("""
insert into account (account_id, name, password_hash) values (:account_id, :name, :password_hash)
""")
_SET_PASSWORD = text("""
update account set password_hash = :password_hash where account_id = :account_id
""")
_SET_STATE = text("update account set state = :state where account_id = :account_id")
_GRANT = text("""
insert into membership (jurisdiction_id, account_id, role)
values (:jurisdiction_id, :account_id, :role)
on conflict do nothing
""")
_REVOKE = text("""
delete from membership
where jurisdiction_id = :jurisdiction_id and account_id = :account_id and role = :role
""")


class Member(Struct, frozen=True):
    """An account as those who administer it see it."""

    account_id: str
    name: str
    state: str
    has_password: bool
    created_at: datetime


async def create(db: Database, name: str, password: str | None) -> Member:
    """Make an account, without a password if only programs will use it, by tokens.

    Raises BadInput and Conflict.
    """
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise BadInput("A name has letters, digits and . _ @ + -, a letter or digit first.")
    names = {"account_id": identifiers.short(), "name": name}
    row = {**names, "password_hash": await _hashed(password)}
    try:
        async with db.shared() as connection:
            await connection.execute(_INSERT, row)
    except IntegrityError:
        raise Conflict(f"There is an account {name} already.") from None
    return await find(db, name)


async def find(db: Database, name: str) -> Member:
    """An account by its name. Raises NotFound."""
    async with db.shared() as connection:
        found = await connection.execute(_FIND, {"name": name.strip().lower()})
        row = found.one_or_none()
    if row is None:
        raise NotFound(f"There is no account {name[:100]!r}.")
    return Member(*row)


async def list_all(db: Database) -> list[Member]:
    """Every account of the installation, by name."""
    async with db.shared() as connection:
        return [Member(*row) for row in await connection.execute(_LIST)]


async def roles(db: Database, account_id: str) -> list[tuple[str, str]]:
    """The jurisdictions in which an account has roles, with each role, in order."""
    async with db.shared() as connection:
        rows = await connection.execute(_ROLES, {"account_id": account_id})
        return [(row.jurisdiction_id, row.role) for row in rows]


async def set_password(db: Database, name: str, password: str, actor: str) -> None:
    """Give an account another password. Raises NotFound and BadInput."""
    account_id = (await find(db, name)).account_id
    values = {"account_id": account_id, "password_hash": await _hashed(password)}
    async with db.shared() as connection:
        await connection.execute(_SET_PASSWORD, values)
    await record(db, account_id, "account.password-changed", actor)


async def set_state(db: Database, name: str, state: str, actor: str) -> None:
    """Let an account in (`active`) or no longer (`disabled`), nor its tokens. Raises NotFound."""
    account_id = (await find(db, name)).account_id
    async with db.shared() as connection:
        await connection.execute(_SET_STATE, {"account_id": account_id, "state": state})
    await record(db, account_id, f"account.{state}", actor)


async def grant(db: Database, jurisdiction_id: str, name: str, role: str, actor: str) -> None:
    """Give an account a role in a jurisdiction. Raises NotFound."""
    account_id = (await find(db, name)).account_id
    names = {"jurisdiction_id": jurisdiction_id, "account_id": account_id, "role": role}
    async with db.begin(jurisdiction_id) as connection:
        if (await connection.execute(_GRANT, names)).rowcount:
            await _record(connection, names, "account.granted", actor, {"role": role})


async def revoke(db: Database, jurisdiction_id: str, name: str, role: str, actor: str) -> None:
    """Take a role away. Raises NotFound, also when the account does not have it."""
    account_id = (await find(db, name)).account_id
    names = {"jurisdiction_id": jurisdiction_id, "account_id": account_id, "role": role}
    async with db.begin(jurisdiction_id) as connection:
        if not (await connection.execute(_REVOKE, names)).rowcount:
            raise NotFound(f"{name} does not have the role {role} in {jurisdiction_id}.")
        await _record(connection, names, "account.revoked", actor, {"role": role})


async def record(
    db: Database,
    account_id: str,
    kind: str,
    actor: str,
    after: Mapping[str, object] | None = None,
) -> None:
    """Write what happened to an account into the log of each jurisdiction that it has roles in."""
    for jurisdiction_id in sorted({each for each, _role in await roles(db, account_id)}):
        names = {"jurisdiction_id": jurisdiction_id, "account_id": account_id}
        async with db.begin(jurisdiction_id) as connection:
            await _record(connection, names, kind, actor, after)


async def _record(
    connection: AsyncConnection,
    names: Mapping[str, str],
    kind: str,
    actor: str,
    after: Mapping[str, object] | None,
) -> None:
    jurisdiction_id, account_id = names["jurisdiction_id"], names["account_id"]
    await events.record(connection, jurisdiction_id, kind, account_id, actor, after=after)


async def _hashed(password: str | None) -> str | None:
    if password is None:
        return None
    passwords.check(password)
    return await passwords.hashed(password)
