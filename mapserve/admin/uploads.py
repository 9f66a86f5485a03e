"""Files of layers on their way: kept in the media store, imported by a worker, told of here."""

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import obstore
from litestar import Request
from msgspec import Struct
from obstore.exceptions import BaseError
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from mapserve.admin import bodies
from open311 import identifiers, tasks
from open311.context import Context
from open311.errors import BadInput, Busy, NotFound
from open311.forms import Fields

Mode = Literal["replace", "append"]
KIND = "layer.import"
"""Of the task that imports one."""

_READING = ("table", "layer", "crs", "x", "y")
_LONGEST = 2000
_TOLD = ("title", "description", "attribution", "licence", "access")
_INSERT = text("""
insert into layer_upload (jurisdiction_id, upload_id, dataset, mode, about, source, actor)
values (
    :jurisdiction_id, :upload_id, :dataset, :mode, cast(:about as jsonb), cast(:source as jsonb),
    :actor
)
""")
# what is given up as a task is not going to end by itself
_SELECT = """
select u.upload_id, u.dataset, u.mode, u.created_at, u.finished_at, u.done, u.size, u.outcome,
    case when t.state = 'dead' then 'failed' else u.state end as state,
    case when t.state = 'dead' then 'The server failed; it was logged.' else u.problem end
        as problem
from layer_upload u
left join task t on t.jurisdiction_id = u.jurisdiction_id and t.kind = 'layer.import'
    and t.dedupe_key = u.upload_id
where u.jurisdiction_id = :jurisdiction_id
"""
_FIND = text(_SELECT + " and u.upload_id = :upload_id").columns(outcome=JSONB)
_LIST = text(_SELECT + " order by u.created_at desc, u.upload_id limit 100").columns(outcome=JSONB)


class Upload(Struct, frozen=True):
    """A file that was sent: `size` is how many features it has, `done` how many are read."""

    upload_id: str
    dataset: str
    mode: Mode
    state: Literal["waiting", "running", "done", "failed"]
    created_at: datetime
    finished_at: datetime | None
    done: int
    size: int | None
    problem: str | None
    """Why it failed, in a sentence."""
    outcome: dict[str, Any] | None
    """Once it is done: features, those repaired, those left out, and fields left out."""


async def keep(
    request: Request[Any, Any, Any],
    context: Context,
    jurisdiction_id: str,
    name: str,
    query: Fields,
    mode: Mode,
    actor: str,
) -> Upload:
    """Keep the file of a call, and have a worker make a layer of it.

    What is to be known of it comes as fields of a form or parameters. Raises BadInput, TooLarge and
    Busy.
    """
    upload_id = identifiers.long()
    said = {name: values[-1] for name, values in query.values.items()}
    place: dict[str, str] = {}
    if "table" not in said:
        said, place = await _receive(request, context, f"{jurisdiction_id}/{upload_id}", said)
    _check(said)
    row = {
        **{"jurisdiction_id": jurisdiction_id, "upload_id": upload_id},
        **{"dataset": name, "mode": mode, "actor": actor},
        **{"about": _json(_about(name, said)), "source": _json(_source(said) | place)},
    }
    async with context.db.begin(jurisdiction_id) as connection:
        await connection.execute(_INSERT, row)
        await tasks.add(connection, jurisdiction_id, KIND, upload_id, {"upload_id": upload_id})
    context.bell.ring()
    return await find(context, jurisdiction_id, upload_id)


async def _receive(
    request: Request[Any, Any, Any], context: Context, stem: str, said: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Keep a body in the store: what a form adds to what is said, and where the file lies."""
    with tempfile.TemporaryDirectory(prefix="open311-") as folder:
        path = Path(folder, "body")
        form = await bodies.receive(request, path, context.settings.max_layer_bytes)
        known = {**said, **form}
        _check(known)
        if "table" in known:
            raise BadInput("A layer is made of a table or a file.")
        suffix = bodies.suffix_of(path)
        object_key = f"uploads/{stem}{suffix}"
        await _store(context, object_key, path)
    return known, {"object_key": object_key, "suffix": suffix}


def _check(said: Mapping[str, str]) -> None:
    known = (*_READING, *_TOLD, "keywords")
    for name, value in said.items():
        if name not in known:
            raise BadInput(f"There is no parameter {name[:60]!r}; there are {', '.join(known)}.")
        if len(value) > _LONGEST:
            raise BadInput(f"{name} has at most {_LONGEST} characters.")
    if said.get("access", "public") not in ("public", "staff", "nobody"):
        raise BadInput("access is public, staff or nobody.")


def _about(name: str, said: Mapping[str, str]) -> dict[str, Any]:
    about: dict[str, Any] = {each: said[each] for each in _TOLD if each in said}
    if "keywords" in said:
        about["keywords"] = [part.strip() for part in said["keywords"].split(",") if part.strip()]
    return {"dataset": name, **about}


def _source(said: Mapping[str, str]) -> dict[str, str]:
    return {each: said[each] for each in _READING if each in said}


async def _store(context: Context, object_key: str, path: Path) -> None:
    try:
        await obstore.put_async(context.store, object_key, path)
    except (BaseError, OSError) as error:
        raise Busy("Files cannot be kept right now. Try again in a moment.") from error


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def find(context: Context, jurisdiction_id: str, upload_id: str) -> Upload:
    """A file that was sent. Raises NotFound."""
    named = upload_id.upper().replace("\0", "")
    names = {"jurisdiction_id": jurisdiction_id, "upload_id": named}
    async with context.db.begin(jurisdiction_id) as connection:
        row = (await connection.execute(_FIND, names)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no upload {upload_id[:60]!r}.")
    return msgspec.convert(dict(row), Upload)


async def list_all(context: Context, jurisdiction_id: str) -> list[Upload]:
    """The last hundred, the newest first."""
    async with context.db.begin(jurisdiction_id) as connection:
        rows = await connection.execute(_LIST, {"jurisdiction_id": jurisdiction_id})
        return [msgspec.convert(dict(row), Upload) for row in rows.mappings()]
