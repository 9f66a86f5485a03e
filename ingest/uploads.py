"""Layers that analysts send to the server: files in the media store that a worker imports."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import obstore
from msgspec import Struct
from obstore.store import ObjectStore
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest import datasets
from ingest.datasets import About, Mode, Outcome
from ingest.layer_files import Source
from ingest.layer_relations import copied
from open311.db import Database
from open311.errors import BadInput, Busy, Problem
from open311.settings import Settings

KIND = "layer.import"

_PROGRESS_SECONDS = 1.0
_FIND = text("""
select upload_id, mode, about, source, actor, state from layer_upload
where jurisdiction_id = :jurisdiction_id and upload_id = :upload_id
""").columns(about=JSONB, source=JSONB)
_PROGRESS = text("""
update layer_upload set state = 'running', done = :done, size = :size
where jurisdiction_id = :jurisdiction_id and upload_id = :upload_id
    and state in ('waiting', 'running')
""")
_END = text("""
update layer_upload
set state = :state, problem = :problem, outcome = cast(:outcome as jsonb),
    finished_at = clock_timestamp(),
    done = coalesce(cast(:number as bigint), done), size = coalesce(cast(:number as bigint), size)
where jurisdiction_id = :jurisdiction_id and upload_id = :upload_id
    and state in ('waiting', 'running')
returning upload_id
""")


class Stored(Struct, frozen=True):
    """What a layer is made of: a table of the city's, or a file in the store.

    How a file is read, the end of its name says, and what came with it.
    """

    object_key: str = ""
    suffix: str = ""
    table: str = ""
    layer: str | None = None
    crs: str | None = None
    x: str | None = None
    y: str | None = None


class Upload(Struct, frozen=True):
    """A file that was sent, and what is to become of it."""

    upload_id: str
    mode: Mode
    about: About
    source: Stored
    actor: str
    state: str


class _Over(Exception):
    """Somebody else has finished it in the meantime."""


async def import_upload(
    db: Database,
    settings: Settings,
    store: ObjectStore,
    jurisdiction_id: str,
    payload: dict[str, Any],
) -> None:
    """Task `layer.import`: make a layer of a file that was sent, or say why not.

    Begun twice it is done once: the layer changes in the transaction that says that it is done.
    """
    names = {"jurisdiction_id": jurisdiction_id, "upload_id": payload["upload_id"]}
    upload = await _find(db, names)
    if upload is None or upload.state in ("done", "failed"):
        return
    try:
        await _import(db, settings, store, names, upload)
    except _Over:
        return
    except Busy:
        raise
    except Problem as problem:
        told = {"problem": " ".join(problem.descriptions), "outcome": None}
        async with db.begin(jurisdiction_id) as connection:
            await connection.execute(_END, {**names, "state": "failed", "number": None, **told})
    if upload.source.object_key:
        with suppress(FileNotFoundError):
            await obstore.delete_async(store, upload.source.object_key)


async def _find(db: Database, names: dict[str, str]) -> Upload | None:
    async with db.begin(names["jurisdiction_id"]) as connection:
        row = (await connection.execute(_FIND, names)).mappings().one_or_none()
    return None if row is None else msgspec.convert(dict(row), Upload)


async def _import(
    db: Database, settings: Settings, store: ObjectStore, names: dict[str, str], upload: Upload
) -> None:
    async def finish(connection: AsyncConnection, outcome: Outcome) -> None:
        told = {"problem": None, "outcome": msgspec.json.encode(outcome).decode()}
        ended = {"state": "done", "number": outcome.features + outcome.left_out, **told}
        if (await connection.execute(_END, names | ended)).first() is None:
            raise _Over

    fetching = _fetched(store, upload.source)
    if upload.source.table:
        fetching = _copied(db, settings, names["jurisdiction_id"], upload.source)
    async with _told(db, names) as progress, fetching as source:
        await datasets.import_file(
            db,
            settings,
            names["jurisdiction_id"],
            source,
            upload.about,
            upload.mode,
            upload.actor,
            progress,
            finish,
        )


@asynccontextmanager
async def _fetched(store: ObjectStore, stored: Stored) -> AsyncIterator[Source]:
    """The file on this machine, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="open311-") as folder:
        path = Path(folder, f"upload{stored.suffix}")
        try:
            found = await obstore.get_async(store, stored.object_key)
        except FileNotFoundError:
            raise BadInput("The file is gone. Send it again.") from None
        with path.open("wb") as file:  # noqa: ASYNC230 - blocks of some megabytes
            async for block in found.stream():
                await asyncio.to_thread(file.write, block)
        yield Source(path, stored.layer, stored.crs, stored.x, stored.y)


@asynccontextmanager
async def _copied(
    db: Database, settings: Settings, jurisdiction_id: str, stored: Stored
) -> AsyncIterator[Source]:
    async with copied(db, settings, jurisdiction_id, stored.table) as path:
        yield Source(path, crs=stored.crs)


@asynccontextmanager
async def _told(db: Database, names: dict[str, str]) -> AsyncIterator[datasets.Progress]:
    """Write how far it is, every second, beside the transaction that does it."""
    at = {"done": 0, "size": 0}

    async def tell() -> None:
        while True:
            with suppress(Problem):  # the next one tells more
                async with db.begin(names["jurisdiction_id"]) as connection:
                    await connection.execute(_PROGRESS, names | at)
            await asyncio.sleep(_PROGRESS_SECONDS)

    telling = asyncio.create_task(tell())
    try:
        yield lambda done, size: at.update(done=done, size=size)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
