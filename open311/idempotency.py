"""Retries that are safe: the same Idempotency-Key and body answer as the first call did."""

import hashlib
from typing import TypeVar

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from open311.errors import BadInput, Conflict, NotFound
from open311.forms import Fields
from open311.settings import Settings

T = TypeVar("T")
_LONGEST = 255
_NAMING = {"api_key", "jurisdiction_id"}
# Two calls with one key at the same time: the second waits, then finds the first one's answer.
_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
_FORGET = text("""
delete from idempotency
where jurisdiction_id = :jurisdiction_id and key_id = :key_id
    and idempotency_key = :idempotency_key and created_at < now() - make_interval(hours => :hours)
""")
_FIND = text("""
select digest, answer from idempotency
where jurisdiction_id = :jurisdiction_id and key_id = :key_id
    and idempotency_key = :idempotency_key
""").columns(answer=JSONB)
_KEEP = text("""
insert into idempotency (jurisdiction_id, key_id, idempotency_key, digest, answer)
values (:jurisdiction_id, :key_id, :idempotency_key, :digest, cast(:answer as jsonb))
""")


def digest(fields: Fields) -> bytes:
    """A hash that is the same for the same report, however key and jurisdiction were named."""
    files = [hashlib.sha256(upload.content).digest() for upload in fields.files]
    values = {name: fields.values[name] for name in fields.values.keys() - _NAMING}
    parts = (sorted(values.items()), sorted(fields.attributes.items()), files)
    return hashlib.sha256(msgspec.json.encode(parts)).digest()


async def lock(connection: AsyncConnection, *names: str) -> None:
    """Wait for whoever does the same under these names, until the transaction ends."""
    await connection.execute(_LOCK, {"name": "|".join(names)})


async def recall(
    connection: AsyncConnection,
    settings: Settings,
    names: dict[str, str],
    seen: bytes,
    kind: type[T],
) -> T | None:
    """The answer that was given to this key before, or None; until the transaction ends it is ours.

    `names` holds jurisdiction_id, key_id and idempotency_key, `seen` is the digest. Raises
    Conflict when the key came with another body, and BadInput for one that is too long.
    """
    if len(names["idempotency_key"]) > _LONGEST:
        raise BadInput(f"Idempotency-Key is longer than {_LONGEST} characters.")
    await lock(connection, *names.values())
    await connection.execute(_FORGET, names | {"hours": settings.idempotency_hours})
    row = (await connection.execute(_FIND, names)).one_or_none()
    if row is None:
        return None
    if row.digest != seen:
        raise Conflict("This Idempotency-Key was used for another request.")
    return msgspec.convert(row.answer, kind)


async def find(connection: AsyncConnection, names: dict[str, str], kind: type[T]) -> T:
    """The answer that was given to a key, whatever the body was. Raises NotFound."""
    row = (await connection.execute(_FIND, names)).one_or_none()
    if row is None:
        raise NotFound("This receipt does not exist, or not any more.")
    return msgspec.convert(row.answer, kind)


async def keep(
    connection: AsyncConnection, names: dict[str, str], seen: bytes, answer: object
) -> None:
    """Remember an answer, in the transaction that made it true."""
    answered = msgspec.json.encode(answer).decode()
    await connection.execute(_KEEP, names | {"digest": seen, "answer": answered})
