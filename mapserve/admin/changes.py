"""Changes of published layers that leave their features as they are, and their end."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import events
from open311.db import Database
from open311.errors import NotFound

Words = Annotated[str, Meta(max_length=2000)]
Access = Literal["public", "staff", "nobody"]

_CHANGE = """
update dataset set {assignments}, updated_at = now()
where jurisdiction_id = :jurisdiction_id and dataset = :dataset
"""
_SQL = {"keywords": "cast(:keywords as text[])", "style": "cast(:style as jsonb)"}
_REMOVE = text("""
delete from dataset where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""")
_PATIENCE = text("select set_config('statement_timeout', '10min', true)")


class Changes(Struct, frozen=True, forbid_unknown_fields=True):
    """What is told of a layer, and whom it is for; what is not named stays as it is."""

    title: Annotated[str, Meta(min_length=1, max_length=200)] | UnsetType = UNSET
    description: Words | UnsetType = UNSET
    attribution: Words | UnsetType = UNSET
    licence: Words | UnsetType = UNSET
    keywords: Annotated[list[Words], Meta(max_length=50)] | UnsetType = UNSET
    access: Access | UnsetType = UNSET
    """Whom it is for: everybody, the staff, or nobody until it is published again."""
    style: dict[str, Any] | list[Any] | UnsetType | None = UNSET
    """A MapLibre style or its layers, to be checked; None for what all datasets get."""


async def change(
    db: Database, jurisdiction_id: str, dataset: str, changes: Changes, actor: str
) -> None:
    """Change what is told of a layer. Raises NotFound."""
    values = {
        name: value
        for name in Changes.__struct_fields__
        if (value := getattr(changes, name)) is not UNSET
    }
    if not values:
        return
    names = {"jurisdiction_id": jurisdiction_id, "dataset": dataset}
    assignments = ", ".join(f"{name} = {_SQL.get(name, f':{name}')}" for name in values)
    bound = values | ({"style": _json(values["style"])} if "style" in values else {})
    async with db.begin(jurisdiction_id) as connection:
        changing = text(_CHANGE.format(assignments=assignments))
        _require((await connection.execute(changing, names | bound)).rowcount, names)
        told = {name: value for name, value in values.items() if name != "style"}
        await _record(connection, names, "dataset.changed", actor, told)


def _json(style: object) -> str | None:
    return None if style is None else msgspec.json.encode(style).decode()


async def remove(db: Database, jurisdiction_id: str, dataset: str, actor: str) -> None:
    """Delete a layer with its features. Raises NotFound."""
    names = {"jurisdiction_id": jurisdiction_id, "dataset": dataset}
    async with db.begin(jurisdiction_id) as connection:
        await connection.execute(_PATIENCE)
        _require((await connection.execute(_REMOVE, names)).rowcount, names)
        await _record(connection, names, "dataset.removed", actor)


def _require(rows: int, names: Mapping[str, str]) -> None:
    if not rows:
        name = names["dataset"][:60]
        raise NotFound(f"{names['jurisdiction_id']} has published no layer {name!r}.")


async def _record(
    connection: AsyncConnection,
    names: Mapping[str, str],
    kind: str,
    actor: str,
    after: Mapping[str, object] | None = None,
) -> None:
    """Log it, and have every process forget the tiles that it drew; the last of a transaction."""
    jurisdiction_id = names["jurisdiction_id"]
    await events.record(connection, jurisdiction_id, kind, names["dataset"], actor, after=after)
    await events.announce(connection, jurisdiction_id, None)
