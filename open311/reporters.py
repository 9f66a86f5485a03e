"""Who reported: the only place of personal data, encrypted, erasable, found by keyed hashes."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import events, identifiers, secrets
from open311.db import Database
from open311.errors import BadInput
from open311.settings import Settings

_LONGEST = 254
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INSERT = text("""
insert into reporter (
    jurisdiction_id, reporter_id, sealed, email_hash, phone_hash, device_hash, account_hash
)
values (
    :jurisdiction_id, :reporter_id, :sealed, :email_hash, :phone_hash, :device_hash, :account_hash
)
""")
_OPEN = text("""
select sealed from reporter
where jurisdiction_id = :jurisdiction_id and reporter_id = :reporter_id
""")
_FIND = text("""
select reporter_id from reporter
where jurisdiction_id = :jurisdiction_id
    and (email_hash = :email_hash or phone_hash = :phone_hash)
order by created_at, reporter_id
""")
_ERASE = text("""
update reporter
set sealed = null, email_hash = null, phone_hash = null, device_hash = null, account_hash = null,
    erased_at = now()
where jurisdiction_id = :jurisdiction_id and reporter_id = :reporter_id and erased_at is null
returning reporter_id
""")


class Contact(Struct, frozen=True, omit_defaults=True):
    """What a reporter told of themselves, in the standard's own words."""

    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    device_id: str | None = None
    account_id: str | None = None


_NAMES = tuple(field.name for field in msgspec.structs.fields(Contact))


def read_contact(values: Mapping[str, list[str]]) -> Contact:
    """Take a contact out of a form's values, the last of each; blank is not given.

    Raises BadInput by name.
    """
    last = {name: values[name][-1].strip() for name in _NAMES if name in values}
    given = {name: value for name, value in last.items() if value}
    wrong = [
        f"{name} is longer than {_LONGEST} characters or has control characters in it."
        for name, value in given.items()
        if len(value) > _LONGEST or _CONTROL.search(value)
    ]
    if "@" not in given.get("email", "@"):
        wrong.append("email must have an @ in it.")
    if wrong:
        raise BadInput(*wrong)
    return Contact(**given)


async def store(
    connection: AsyncConnection, settings: Settings, jurisdiction_id: str, contact: Contact
) -> str | None:
    """Keep a contact, encrypted, in the caller's transaction; None for an empty one."""
    if contact == Contact():
        return None
    reporter_id = identifiers.long()
    sealed = secrets.cipher(settings.secret_keys).encrypt(msgspec.json.encode(contact))
    row = {"jurisdiction_id": jurisdiction_id, "reporter_id": reporter_id, "sealed": sealed}
    await connection.execute(_INSERT, row | _hashes(settings, jurisdiction_id, contact))
    return reporter_id


async def unseal(
    connection: AsyncConnection, settings: Settings, jurisdiction_id: str, reporter_id: str
) -> Contact | None:
    """Decrypt a contact, for whoever may ask; None when there is none, or it was erased."""
    names = {"jurisdiction_id": jurisdiction_id, "reporter_id": reporter_id}
    return read_sealed(settings, (await connection.execute(_OPEN, names)).scalar_one_or_none())


def read_sealed(settings: Settings, sealed: bytes | None) -> Contact | None:
    """Decrypt what the table holds of somebody, for a statement that has joined it."""
    if sealed is None:
        return None
    opened = secrets.cipher(settings.secret_keys).decrypt(sealed)
    return msgspec.json.decode(opened, type=Contact)


async def find_by(
    connection: AsyncConnection, settings: Settings, jurisdiction_id: str, contact: Contact
) -> list[str]:
    """The reporters with this email or this phone, oldest first: for erasure on request."""
    names = {"jurisdiction_id": jurisdiction_id} | _hashes(settings, jurisdiction_id, contact)
    return list((await connection.execute(_FIND, names)).scalars())


async def erase(db: Database, jurisdiction_id: str, reporter_id: str, actor: str) -> bool:
    """Forget a person for good; what they reported stays. False when there was nothing left."""
    names = {"jurisdiction_id": jurisdiction_id, "reporter_id": reporter_id}
    async with db.begin(jurisdiction_id) as connection:
        if (await connection.execute(_ERASE, names)).first() is None:
            return False
        await events.record(connection, jurisdiction_id, "reporter.erased", reporter_id, actor)
    return True


def _hashes(settings: Settings, jurisdiction_id: str, contact: Contact) -> dict[str, Any]:
    """Keyed hashes to look people up by; the oldest secret makes them, so they outlive rotation."""
    phone = re.sub(r"[^\d+]", "", contact.phone or "") or None
    found_by = {
        "email": contact.email,
        "phone": phone,
        "device": contact.device_id,
        "account": contact.account_id,
    }
    key = settings.secret_keys[-1]
    return {
        f"{kind}_hash": secrets.lookup_hash(key, jurisdiction_id, kind, value) if value else None
        for kind, value in found_by.items()
    }
