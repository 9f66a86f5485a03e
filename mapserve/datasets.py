"""Datasets that analysts publish: layers with fields of their own, drawn like the others."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import tile_index
from geo.tiles import bounds
from mapserve import mvt
from mapserve.drawing import Drawing, Drawn, Layer, Tiles
from mapserve.features import published
from mapserve.features.source import FieldType

MAX_ZOOM = 16
"""The finest zoom of a dataset's tiles, whose units are 15 cm: beyond, maps draw those larger."""

_BUFFER = 64 / mvt.EXTENT
_SPARE = 0.9
_FIELD_TYPES: dict[FieldType, str] = {
    "integer": "Number",
    "number": "Number",
    "boolean": "Boolean",
    "date-time": "String: date and time, ISO 8601",
    "date": "String: date, ISO 8601",
    "string": "String",
}
_COLUMNS = (
    "dataset, title, description, attribution, geometry_type, fields, features, bounds, min_zoom, "
    "access, updated_at, keywords, licence, style"
)
_LIST = text(f"""
select {_COLUMNS} from dataset where jurisdiction_id = :jurisdiction_id order by dataset
""").columns(fields=JSONB, style=JSONB)  # noqa: S608
_FIND = text(f"""
select {_COLUMNS} from dataset where jurisdiction_id = :jurisdiction_id and dataset = :dataset
""").columns(fields=JSONB, style=JSONB)  # noqa: S608
_BOXES = text("""
select st_xmin(geom), st_ymin(geom), st_xmax(geom), st_ymax(geom), size from feature
where jurisdiction_id = :jurisdiction_id and dataset = :dataset
    and (size = 0 or size >= cast(:unit as real))
""")
_TILE = text(Path(__file__).with_suffix(".sql").read_text())


class Field(Struct, frozen=True):
    """A property of features: integer, number, boolean, date-time, date or string."""

    name: str
    type: FieldType


class Dataset(Struct, frozen=True):
    """A layer of a jurisdiction's own; bounds are west, south, east and north in degrees."""

    dataset: str
    title: str
    description: str
    attribution: str
    geometry_type: str
    fields: list[Field]
    features: int
    bounds: tuple[float, float, float, float]
    min_zoom: int
    access: Literal["public", "staff", "nobody"]
    updated_at: datetime
    keywords: list[str]
    licence: str
    style: list[dict[str, Any]] | None
    """Layers of a MapLibre style, instead of what all datasets get."""


async def list_all(connection: AsyncConnection, jurisdiction_id: str) -> list[Dataset]:
    """The datasets that the connection's role sees, by name: the map role those for everybody."""
    rows = await connection.execute(_LIST, {"jurisdiction_id": jurisdiction_id})
    return [msgspec.convert(dict(row), Dataset) for row in rows.mappings()]


async def find(connection: AsyncConnection, jurisdiction_id: str, name: str) -> Dataset | None:
    """A dataset that the connection's role sees."""
    names = {"jurisdiction_id": jurisdiction_id, "dataset": name}
    row = (await connection.execute(_FIND, names)).mappings().one_or_none()
    return None if row is None else msgspec.convert(dict(row), Dataset)


def layer_of(dataset: Dataset) -> Layer:
    """The dataset as a layer of maps."""
    return Layer(
        dataset.dataset,
        dataset.title,
        dataset.description,
        {field.name: _FIELD_TYPES[field.type] for field in dataset.fields},
        partial(draw, dataset),
        partial(find_tiles, dataset),
        MAX_ZOOM,
        min_zoom=dataset.min_zoom,
        attribution=dataset.attribution,
        licence=dataset.licence,
        keywords=dataset.keywords,
        bounds=dataset.bounds,
        access="staff" if dataset.access == "staff" else "public",
        looks=dataset.style,
        truncates=True,
        source=published.source(
            dataset.dataset,
            dataset.geometry_type,
            {field.name: field.type for field in dataset.fields},
            dataset.bounds,
        ),
    )


async def find_tiles(dataset: Dataset, drawing: Drawing, zoom: int) -> Tiles:
    """The tiles of a zoom that its features may touch."""
    if zoom < dataset.min_zoom:
        return np.empty((0, 2), np.int64)
    names = {"jurisdiction_id": drawing.city.jurisdiction_id, "dataset": dataset.dataset}
    rows = await drawing.connection.execute(_BOXES, names | {"unit": 1 / (mvt.EXTENT << zoom)})
    boxes = np.array([tuple(row) for row in rows], np.float64).reshape(-1, 5)
    is_point = boxes[:, 4] == 0
    return np.concatenate(
        (
            tile_index.touched(boxes[is_point, :4], zoom),
            tile_index.touched(boxes[~is_point, :4], zoom, _BUFFER),
        )
    )


async def draw(dataset: Dataset, drawing: Drawing) -> Drawn:
    """The features that touch a tile, the largest where there are more than it may hold."""
    tile, settings = drawing.tile, drawing.settings
    if tile.zoom < dataset.min_zoom:
        return Drawn(b"")
    names = _names(dataset, drawing)
    most, most_bytes = settings.max_tile_features, settings.max_tile_bytes
    while True:
        row = (await drawing.connection.execute(_TILE, names | {"most": most})).one()
        data = bytes(row.data) if row.drawn else b""
        if len(data) <= most_bytes:
            break
        most = int(min(most, row.total) * _SPARE * most_bytes / len(data))
    left_out = max(0, row.total - most)
    return Drawn(data + mvt.truncation(dataset.dataset, left_out) if left_out else data, left_out)


def _names(dataset: Dataset, drawing: Drawing) -> dict[str, object]:
    tile = drawing.tile
    first, last = tile_index.within(tile.zoom, tile.x, tile.y)
    spans = tile_index.around(tile.zoom, tile.x, tile.y)
    west, south, east, north = bounds(tile.zoom, tile.x, tile.y, _BUFFER)
    unit = 1 / (mvt.EXTENT << tile.zoom)
    return {
        "jurisdiction_id": drawing.city.jurisdiction_id,
        "dataset": dataset.dataset,
        "firsts": [span[0] for span in spans],
        "lasts": [span[1] for span in spans],
        "first": first,
        "last": last,
        **{"west": west, "south": south, "east": east, "north": north},
        **{"zoom": tile.zoom, "x": tile.x, "y": tile.y},
        "unit": unit,
        "tolerance": unit * 360 / 2,
    }
