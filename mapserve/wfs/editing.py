"""Changes of published datasets, feature by feature, in the transaction of the caller."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import shapely
from msgspec import Struct
from shapely.geometry.base import BaseGeometry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import tile_index
from geo.tiles import MAX_LATITUDE
from mapserve import datasets
from mapserve.drawing import Layer
from mapserve.features.reading import Query, related
from mapserve.features.source import Reading
from open311 import events
from open311.errors import BadInput
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

_LOCK = text("""
select dataset from dataset
where jurisdiction_id = :jurisdiction_id and dataset = any(cast(:names as text[]))
order by dataset
for update
""")
_SHAPE = "st_setsrid(st_geomfromwkb(cast(:new_shape as bytea)), 4326)"
_INSERT = text(f"""
insert into feature (jurisdiction_id, dataset, feature_id, geom, properties, place, size)
select :jurisdiction_id, :dataset, coalesce(max(feature_id), 0) + 1, {_SHAPE},
    cast(:new_properties as jsonb), cast(:new_place as bigint), cast(:new_size as real)
from feature
where jurisdiction_id = :jurisdiction_id and dataset = :dataset
returning feature_id
""")  # noqa: S608
_MOVED = f"""
, geom = {_SHAPE}, place = cast(:new_place as bigint), size = cast(:new_size as real)
"""
_WHOLE = "cast(:new_properties as jsonb)"
_SOME = f"jsonb_strip_nulls(f.properties || {_WHOLE})"
_MEASURE = text("""
select count(*) as features, st_xmin(st_extent(geom)) as west, st_ymin(st_extent(geom)) as south,
    st_xmax(st_extent(geom)) as east, st_ymax(st_extent(geom)) as north,
    min(size) as smallest, max(size) as largest
from feature where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""")
_DESCRIBE = text("""
update dataset
set features = :features, bounds = coalesce(cast(:bounds as double precision[]), bounds),
    min_zoom = coalesce(cast(:min_zoom as smallint), min_zoom), updated_at = now()
where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""")


class Edits(Struct, frozen=True):
    """A city's datasets that are being changed, by name; nobody else changes them meanwhile."""

    connection: AsyncConnection
    city: Jurisdiction
    settings: Settings
    layers: Mapping[str, Layer]


class New(Struct, frozen=True):
    """What features are to have: values by property, and a shape in degrees, if it is told."""

    values: Mapping[str, Any]
    shape: BaseGeometry | None = None


async def begin(
    connection: AsyncConnection, city: Jurisdiction, settings: Settings, names: set[str]
) -> Edits:
    """Hold some datasets, in one order whoever asks. Raises BadInput for another layer."""
    bound = {"jurisdiction_id": city.jurisdiction_id, "names": sorted(names)}
    held = set((await connection.execute(_LOCK, bound)).scalars())
    if names - held:
        raise BadInput(f"The layer {min(names - held)!r} cannot be changed: it is not published.")
    layers = {}
    for name in sorted(names):
        found = await datasets.find(connection, city.jurisdiction_id, name)
        if found is not None:
            layers[name] = datasets.layer_of(found)
    return Edits(connection, city, settings, layers)


async def insert(edits: Edits, layer: Layer, new: New) -> str:
    """Add a feature; its id. Raises BadInput without a shape that fits the layer."""
    if new.shape is None:
        raise BadInput(f"A feature of {layer.name} needs a shape.")
    names = {"jurisdiction_id": edits.city.jurisdiction_id, "dataset": layer.name}
    values = names | _placed(new.shape, layer) | _properties(new, whole=True)
    return str((await edits.connection.execute(_INSERT, values)).scalar_one())


async def update(
    edits: Edits, layer: Layer, query: Query, new: New, *, whole: bool = False
) -> list[str]:
    """Change the features of a query, or with `whole` put one in their place; their ids.

    Raises BadInput for a shape that does not fit the layer.
    """
    relation, where, values = await related(_reading(edits, layer), query)
    moved = _placed(new.shape, layer) if new.shape is not None else {}
    properties, shape = _WHOLE if whole else _SOME, _MOVED if moved else ""
    sql = f"""
    update {relation.tables} set properties = {properties}{shape} where {where}
    returning f.feature_id
    """  # noqa: S608
    bound = values | moved | _properties(new, whole=whole)
    return [str(each) for each in (await edits.connection.execute(text(sql), bound)).scalars()]


async def delete(edits: Edits, layer: Layer, query: Query) -> int:
    """Delete the features of a query; how many there were."""
    relation, where, values = await related(_reading(edits, layer), query)
    sql = f"delete from {relation.tables} where {where}"  # noqa: S608
    return (await edits.connection.execute(text(sql), values)).rowcount


async def finish(edits: Edits, actor: str, told: Mapping[str, object]) -> None:
    """Count again what the datasets hold, log it, and have every process draw them anew.

    As the last of a transaction. Raises BadInput when there are too many features now.
    """
    jurisdiction_id = edits.city.jurisdiction_id
    for name in edits.layers:
        names = {"jurisdiction_id": jurisdiction_id, "dataset": name}
        measured = await _measured(edits, names)
        await edits.connection.execute(_DESCRIBE, names | measured)
        after = {**told, "features": measured["features"]}
        await events.record(
            edits.connection, jurisdiction_id, "dataset.edited", name, actor, after=after
        )
    await events.announce(edits.connection, jurisdiction_id, None)


async def _measured(edits: Edits, names: Mapping[str, str]) -> dict[str, object]:
    row = (await edits.connection.execute(_MEASURE, names)).one()
    if row.features > edits.settings.max_dataset_features:
        raise BadInput(f"A layer has at most {edits.settings.max_dataset_features} features.")
    if not row.features:
        # it is where it was
        return {"features": 0, "bounds": None, "min_zoom": None}
    bounds = [row.west, row.south, row.east, row.north]
    first = 0 if not row.smallest else tile_index.first_zoom(row.largest)
    return {"features": row.features, "bounds": bounds, "min_zoom": first}


def _reading(edits: Edits, layer: Layer) -> Reading:
    return Reading(edits.connection, edits.city, edits.settings, layer.source)


def _properties(new: New, *, whole: bool) -> dict[str, str]:
    values = {name: each for name, each in new.values.items() if each is not None or not whole}
    return {"new_properties": msgspec.json.encode(values).decode()}


def _placed(shape: BaseGeometry, layer: Layer) -> dict[str, object]:
    """A shape as the table has it, with its key. Raises BadInput."""
    kind = layer.source.geometry_type
    if kind != "Geometry" and shape.geom_type.removeprefix("Multi") != kind.removeprefix("Multi"):
        raise BadInput(
            f"{layer.name} has shapes of the kind {kind}, and this is {shape.geom_type}."
        )
    if not shapely.is_valid(shape):
        # as files of layers are repaired
        shape = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    boxes = np.array([shapely.bounds(shape)], np.float64)
    west, south, east, north = boxes[0].tolist()
    if not (-180 <= west <= east <= 180 and -MAX_LATITUDE <= south <= north <= MAX_LATITUDE):
        raise BadInput("The shape is nowhere on the map.")
    places, sizes = tile_index.measure(boxes)
    return {
        "new_shape": shapely.to_wkb(shape),
        "new_place": int(places[0]),
        "new_size": float(sizes[0]),
    }
