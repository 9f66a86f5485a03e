"""Layers that analysts bring, as files: each is a dataset, replaced whole or not at all."""

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np
import shapely
from msgspec import Struct
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import tile_index
from ingest.layer_files import Batch, LayerFile, kind_of, open_layer
from open311 import events
from open311.db import Database
from open311.errors import BadInput, NotFound
from open311.settings import Settings

_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")
_PATIENCE = text("""
select set_config('statement_timeout', '10min', true),
    set_config('idle_in_transaction_session_timeout', '10min', true)
""")
_PUT = text("""
insert into dataset (
    jurisdiction_id, dataset, title, description, attribution, geometry_type, features, bounds,
    min_zoom, published
)
values (
    :jurisdiction_id, :dataset, :title, :description, :attribution, '', 0, '{}', 0, :published
)
on conflict (jurisdiction_id, dataset) do update
set title = excluded.title, description = excluded.description,
    attribution = excluded.attribution, published = dataset.published or excluded.published,
    updated_at = now()
""")
_EMPTY = text("""
delete from feature where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""")
_INSERT = text(Path(__file__).with_suffix(".sql").read_text())
_DESCRIBE = text("""
update dataset
set geometry_type = :geometry_type, fields = cast(:fields as jsonb), features = :features,
    bounds = :bounds, min_zoom = :min_zoom
where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""")
_PUBLISH = text("""
update dataset set published = :published, updated_at = now()
where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""")
_REMOVE = text("""
delete from dataset where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""")

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


class Source(Struct, frozen=True):
    """A layer of a file; `crs` is that of its coordinates if it does not say, or wrongly."""

    path: Path
    layer: str | None = None
    crs: str | None = None


class About(Struct, frozen=True):
    """What people are told of a dataset; the name is also that of the layer in maps."""

    dataset: str
    title: str
    description: str = ""
    attribution: str = ""


class Outcome(Struct):
    """What became of a file."""

    features: int = 0
    repaired: int = 0
    left_out: int = 0
    fields_left_out: list[str] = []
    kinds: set[str] = set()
    bounds: tuple[float, float, float, float] = (np.inf, np.inf, -np.inf, -np.inf)
    largest: float = 0
    """The size of the largest shape, as `geo.tile_index.measure` has it."""

    def add(self, batch: Batch, boxes: NDArray[np.float64], sizes: NDArray[np.float64]) -> None:
        """Count one more batch."""
        self.features += len(batch.numbers)
        self.repaired += batch.repaired
        self.left_out += batch.left_out
        self.kinds |= kind_of(batch.shapes)
        corners = np.vstack((boxes, [self.bounds]))
        west, south = corners[:, :2].min(axis=0).tolist()
        east, north = corners[:, 2:].max(axis=0).tolist()
        self.bounds = (west, south, east, north)
        self.largest = max(self.largest, *sizes.tolist(), 0)


async def import_file(
    db: Database,
    settings: Settings,
    jurisdiction_id: str,
    source: Source,
    about: About,
    publish: bool = False,
    actor: str = "operator",
    progress: Progress = lambda _done, _size: None,
) -> Outcome:
    """Make a dataset of a file, or put the file in the place of an older one of that name.

    Everybody sees the older one until the whole of the new one is in. One that is published stays
    so; another becomes so when `publish` says it. Raises BadInput for a file that cannot be read,
    is too large or holds nothing.
    """
    if not _NAME.fullmatch(about.dataset):
        raise BadInput("A name has small letters, digits and hyphens, a letter first, 60 at most.")
    names = {"jurisdiction_id": jurisdiction_id, "dataset": about.dataset}
    with open_layer(source.path, source.layer, source.crs) as file:
        _check(file, settings)
        async with db.begin(jurisdiction_id) as connection:
            await connection.execute(_PATIENCE)
            told = msgspec.structs.asdict(about)
            await connection.execute(_PUT, names | told | {"published": publish})
            await connection.execute(_EMPTY, names)
            outcome = await _fill(connection, names, file, progress)
            if not outcome.features:
                raise BadInput(f"{source.path} holds nothing that is on the map.")
            await connection.execute(_DESCRIBE, names | _description(file, outcome))
            after = {"features": outcome.features}
            await _record(connection, names, "dataset.imported", actor, after)
    return outcome


def _check(file: LayerFile, settings: Settings) -> None:
    for number, most, what in (
        (file.size, settings.max_dataset_features, "features"),
        (len(file.fields), settings.max_dataset_fields, "fields"),
    ):
        if number > most:
            raise BadInput(f"A dataset has at most {most} {what}, and this has {number}.")


async def _fill(
    connection: AsyncConnection, names: Mapping[str, str], file: LayerFile, progress: Progress
) -> Outcome:
    outcome, done = Outcome(fields_left_out=file.fields_left_out), 0
    while (batch := await asyncio.to_thread(next, file.batches, None)) is not None:
        done += len(batch.numbers) + batch.left_out
        if batch.numbers:
            boxes = shapely.bounds(batch.shapes)
            places, sizes = tile_index.measure(boxes)
            rows = {
                "numbers": batch.numbers,
                "shapes": shapely.to_wkb(batch.shapes).tolist(),
                "properties": batch.properties,
                "places": places.tolist(),
                "sizes": sizes.tolist(),
            }
            await connection.execute(_INSERT, {**names, **rows})
            outcome.add(batch, boxes, sizes)
        else:
            outcome.left_out += batch.left_out
        progress(done, file.size)
    return outcome


def _description(file: LayerFile, outcome: Outcome) -> dict[str, object]:
    fields = [{"name": name, "type": told} for name, told in file.fields.items()]
    return {
        "geometry_type": min(outcome.kinds) if len(outcome.kinds) == 1 else "Geometry",
        "fields": msgspec.json.encode(fields).decode(),
        "features": outcome.features,
        "bounds": list(outcome.bounds),
        "min_zoom": 0 if "Point" in outcome.kinds else tile_index.first_zoom(outcome.largest),
    }


async def publish(
    db: Database,
    jurisdiction_id: str,
    dataset: str,
    published: bool = True,
    actor: str = "operator",
) -> None:
    """Show a dataset to everybody, or no longer. Raises NotFound."""
    names = {"jurisdiction_id": jurisdiction_id, "dataset": dataset}
    async with db.begin(jurisdiction_id) as connection:
        done = await connection.execute(_PUBLISH, names | {"published": published})
        _require(done.rowcount, names)
        await _record(
            connection, names, "dataset.published" if published else "dataset.withdrawn", actor
        )


async def remove(db: Database, jurisdiction_id: str, dataset: str, actor: str = "operator") -> None:
    """Delete a dataset with its features. Raises NotFound."""
    names = {"jurisdiction_id": jurisdiction_id, "dataset": dataset}
    async with db.begin(jurisdiction_id) as connection:
        await connection.execute(_PATIENCE)
        _require((await connection.execute(_REMOVE, names)).rowcount, names)
        await _record(connection, names, "dataset.removed", actor)


def _require(rows: int, names: Mapping[str, str]) -> None:
    if not rows:
        raise NotFound(f"{names['jurisdiction_id']} has no dataset {names['dataset']!r}.")


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
