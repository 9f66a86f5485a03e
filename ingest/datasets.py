"""Layers that analysts bring, as files: each is a dataset, changed whole or not at all."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import shapely
from msgspec import Struct
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import tile_index
from ingest.layer_files import Batch, LayerFile, Source, kind_of, open_layer
from open311 import events
from open311.db import Database
from open311.errors import BadInput, NotFound
from open311.settings import Settings

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,59}")
_PATIENCE = text("""
select set_config('statement_timeout', '10min', true),
    set_config('idle_in_transaction_session_timeout', '10min', true)
""")
_PUT = text("""
insert into dataset (
    jurisdiction_id, dataset, title, description, attribution, licence, keywords, access,
    geometry_type, features, bounds, min_zoom
)
values (
    :jurisdiction_id, :dataset, coalesce(:title, :dataset), coalesce(:description, ''),
    coalesce(:attribution, ''), coalesce(:licence, ''),
    coalesce(cast(:keywords as text[]), '{}'), coalesce(:access, 'public'), '', 0, '{}', 0
)
on conflict (jurisdiction_id, dataset) do update
set title = coalesce(:title, dataset.title),
    description = coalesce(:description, dataset.description),
    attribution = coalesce(:attribution, dataset.attribution),
    licence = coalesce(:licence, dataset.licence),
    keywords = coalesce(cast(:keywords as text[]), dataset.keywords),
    access = coalesce(:access, dataset.access), updated_at = now()
""")
_EMPTY = text("""
delete from feature where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""")
_THERE = text("""
select features, bounds, geometry_type, fields, min_zoom from dataset
where jurisdiction_id = :jurisdiction_id and dataset = :dataset
for update
""").columns(fields=JSONB)
# by itself: in the statement that waits for the lock, it would not see what was waited for
_LAST = text("""
select coalesce(max(feature_id), 0) from feature
where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""")
_INSERT = text(Path(__file__).with_suffix(".sql").read_text())
_DESCRIBE = text("""
update dataset
set geometry_type = :geometry_type, fields = cast(:fields as jsonb), features = :features,
    bounds = :bounds, min_zoom = :min_zoom, updated_at = now()
where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""")
_FINEST = 99

Mode = Literal["replace", "append"]
Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


class About(Struct, frozen=True):
    """What people are told of a dataset, whose name is also that of the layer.

    None leaves it as it is; a new one is for everybody.
    """

    dataset: str
    title: str | None = None
    description: str | None = None
    attribution: str | None = None
    licence: str | None = None
    keywords: Sequence[str] | None = None
    access: Literal["public", "staff", "nobody"] | None = None


class Outcome(Struct):
    """What became of a file."""

    features: int = 0
    repaired: int = 0
    left_out: int = 0
    fields_left_out: list[str] = []


class _Contents(Struct):
    """What a dataset holds, and the number of its last feature."""

    fields: list[dict[str, str]]
    features: int = 0
    last: int = 0
    kinds: set[str] = set()
    bounds: tuple[float, float, float, float] = (np.inf, np.inf, -np.inf, -np.inf)
    min_zoom: int = _FINEST

    def add(self, batch: Batch, boxes: NDArray[np.float64], sizes: NDArray[np.float64]) -> None:
        """Count one more batch; sizes are those of `geo.tile_index.measure`."""
        self.features += len(batch.numbers)
        self.kinds |= kind_of(batch.shapes)
        corners = np.vstack((boxes, [self.bounds]))
        west, south = corners[:, :2].min(axis=0).tolist()
        east, north = corners[:, 2:].max(axis=0).tolist()
        self.bounds = (west, south, east, north)
        first = 0 if "Point" in self.kinds else tile_index.first_zoom(float(sizes.max()))
        self.min_zoom = min(self.min_zoom, first)


Finish = Callable[[AsyncConnection, Outcome], Awaitable[None]]


async def import_file(
    db: Database,
    settings: Settings,
    jurisdiction_id: str,
    source: Source,
    about: About,
    mode: Mode = "replace",
    actor: str = "operator",
    progress: Progress = lambda _done, _size: None,
    finish: Finish | None = None,
) -> Outcome:
    """Make a dataset of a file, put the file in the place of an older one, or append it to that.

    `finish` is called in the transaction that makes it so.

    Everybody sees the older one until the whole of the new one is in. Raises BadInput for a file
    that cannot be read or holds nothing, TooLarge, and NotFound when there is nothing to append to.
    """
    if not _NAME.fullmatch(about.dataset):
        raise BadInput("A name has letters, digits and hyphens, a letter first, 60 at most.")
    names = {"jurisdiction_id": jurisdiction_id, "dataset": about.dataset}
    async with _opened(source, settings) as file, db.begin(jurisdiction_id) as connection:
        await connection.execute(_PATIENCE)
        contents = await _begin(connection, names, about, mode, file)
        _check(file, contents, settings)
        outcome = await _fill(connection, names, file, contents, progress)
        if not outcome.features:
            raise BadInput(f"{source.path.name} holds nothing that is on the map.")
        await connection.execute(_DESCRIBE, names | _description(contents))
        after = {"features": outcome.features, "mode": mode}
        await events.record(
            connection, jurisdiction_id, "dataset.imported", about.dataset, actor, after=after
        )
        if finish is not None:
            await finish(connection, outcome)
        # every process forgets the tiles that it drew; the last statement of a transaction
        await events.announce(connection, jurisdiction_id, None)
    return outcome


@asynccontextmanager
async def _opened(source: Source, settings: Settings) -> AsyncIterator[LayerFile]:
    """The file, opened and closed in threads: to count what is in it may take long."""
    stack = ExitStack()
    opening = open_layer(source, settings.max_layer_bytes)
    file = await asyncio.to_thread(stack.enter_context, opening)
    try:
        yield file
    except BaseException:
        # what libraries raise while it is read, it tells as its own errors
        if not await asyncio.to_thread(stack.__exit__, *sys.exc_info()):
            raise
    else:
        await asyncio.to_thread(stack.close)


async def _begin(
    connection: AsyncConnection,
    names: Mapping[str, str],
    about: About,
    mode: Mode,
    file: LayerFile,
) -> _Contents:
    """Make way for a file; what it is added to."""
    if mode == "replace":
        await connection.execute(_PUT, {**names, **msgspec.structs.asdict(about)})
        await connection.execute(_EMPTY, names)
        return _Contents([{"name": name, "type": told} for name, told in file.fields.items()])
    row = (await connection.execute(_THERE, names)).one_or_none()
    if row is None:
        raise NotFound(f"{names['jurisdiction_id']} has no layer {about.dataset!r} to append to.")
    _check_fields(row.fields, file.fields)
    last = (await connection.execute(_LAST, names)).scalar_one()
    kinds, bounds = {row.geometry_type}, tuple(row.bounds)
    return _Contents(row.fields, row.features, last, kinds, bounds, row.min_zoom)


def _check_fields(there: Sequence[Mapping[str, str]], new: Mapping[str, str]) -> None:
    types = {each["name"]: each["type"] for each in there}
    for name, told in new.items():
        if types.get(name) not in (told, "number" if told == "integer" else told):
            has = f"is {types[name]}" if name in types else "does not exist"
            raise BadInput(f"Field {name[:60]!r} of this file is {told}; in the layer it {has}.")


def _check(file: LayerFile, contents: _Contents, settings: Settings) -> None:
    for number, most, what in (
        (contents.features + file.size, settings.max_dataset_features, "features"),
        (len(file.fields), settings.max_dataset_fields, "fields"),
    ):
        if number > most:
            raise BadInput(f"A layer has at most {most} {what}, and this has {number}.")


async def _fill(
    connection: AsyncConnection,
    names: Mapping[str, str],
    file: LayerFile,
    contents: _Contents,
    progress: Progress,
) -> Outcome:
    outcome, done = Outcome(fields_left_out=file.fields_left_out), 0
    while (batch := await asyncio.to_thread(next, file.batches, None)) is not None:
        done += len(batch.numbers) + batch.left_out
        outcome.left_out += batch.left_out
        if batch.numbers:
            rows = await asyncio.to_thread(_rows, batch, contents)
            await connection.execute(_INSERT, {**names, **rows})
            outcome.features += len(batch.numbers)
            outcome.repaired += batch.repaired
        progress(done, file.size)
    return outcome


def _rows(batch: Batch, contents: _Contents) -> dict[str, Any]:
    boxes = shapely.bounds(batch.shapes)
    places, sizes = tile_index.measure(boxes)
    contents.add(batch, boxes, sizes)
    return {
        "numbers": [contents.last + number for number in batch.numbers],
        "shapes": shapely.to_wkb(batch.shapes).tolist(),
        "properties": batch.properties,
        "places": places.tolist(),
        "sizes": sizes.tolist(),
    }


def _description(contents: _Contents) -> dict[str, object]:
    return {
        "geometry_type": min(contents.kinds) if len(contents.kinds) == 1 else "Geometry",
        "fields": msgspec.json.encode(contents.fields).decode(),
        "features": contents.features,
        "bounds": list(contents.bounds),
        "min_zoom": contents.min_zoom,
    }
