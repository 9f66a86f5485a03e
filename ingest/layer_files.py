"""Read files of shapes, whatever their format, as batches of shapes in degrees and typed values."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import msgspec
import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from msgspec import Struct
from numpy.typing import NDArray
from pyproj.exceptions import CRSError

from geo.tiles import MAX_LATITUDE
from open311.errors import BadInput

BATCH_ROWS = 10_000

_PARQUET = (".parquet", ".geoparquet")
_TYPES = (
    ("boolean", pa.types.is_boolean),
    ("integer", pa.types.is_integer),
    ("number", pa.types.is_floating),
    ("number", pa.types.is_decimal),
    ("date-time", pa.types.is_timestamp),
    ("date", pa.types.is_date),
    ("string", pa.types.is_string),
    ("string", pa.types.is_large_string),
)
_KINDS = {0: "Point", 1: "LineString", 2: "LineString", 3: "Polygon"}
_KINDS |= {4: "Point", 5: "LineString", 6: "Polygon"}

Shapes = NDArray[np.object_]


class Batch(Struct, frozen=True):
    """Some features: their numbers in the file from 1, shapes in degrees, and values as JSON."""

    numbers: list[int]
    shapes: Shapes
    properties: list[str]
    repaired: int
    """How many shapes were invalid, as a ring that crosses itself is."""
    left_out: int
    """How many are not here: without a shape, or with one that is nowhere on the map."""


class LayerFile(Struct, frozen=True):
    """An open layer: the types of its fields by name, how many rows it has, and its features."""

    fields: Mapping[str, str]
    fields_left_out: list[str]
    size: int
    batches: Iterator[Batch]


class _Table(Struct, frozen=True):
    schema: pa.Schema
    rows: Iterable[pa.RecordBatch]
    geometry: str
    crs: Any
    size: int


@contextmanager
def open_layer(path: Path, layer: str | None = None, crs: str | None = None) -> Iterator[LayerFile]:
    """Open a layer of a file that GDAL reads, or GeoParquet. Raises BadInput.

    `layer` must name it where there are several. `crs` is that of the file's coordinates (as in
    `EPSG:22234`) if the file does not say, or says it wrongly.
    """
    opener = _open_parquet(path) if path.suffix.lower() in _PARQUET else _open_gdal(path, layer)
    try:
        with opener as table:
            yield _layer(path, table, crs)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise BadInput(f"{path}: {error}") from None
    except (pa.ArrowException, CRSError) as error:
        raise BadInput(f"{path}: {str(error).splitlines()[0]}") from None


@contextmanager
def _open_gdal(path: Path, layer: str | None) -> Iterator[_Table]:
    names = [str(name) for name, _type in pyogrio.list_layers(path)]
    if layer is None and len(names) > 1:
        raise BadInput(f"Say which layer of {path}: {', '.join(names)}.")
    about = pyogrio.read_info(path, layer=layer, force_feature_count=True)
    with pyogrio.open_arrow(path, layer=layer, use_pyarrow=True, batch_size=BATCH_ROWS) as opened:
        meta, reader = opened
        geometry = meta["geometry_name"] or "wkb_geometry"
        yield _Table(reader.schema, reader, geometry, meta["crs"], int(about["features"]))


@contextmanager
def _open_parquet(path: Path) -> Iterator[_Table]:
    """The whole of it is in memory at once."""
    try:
        frame = gpd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {error}") from None
    table = pa.table(frame.to_arrow(index=False, geometry_encoding="WKB"))
    rows = table.to_batches(BATCH_ROWS)
    yield _Table(table.schema, rows, frame.geometry.name, frame.crs, len(frame))


def _layer(path: Path, table: _Table, crs: str | None) -> LayerFile:
    if table.geometry not in table.schema.names:
        raise BadInput(f"{path} holds no shapes.")
    crs = crs or table.crs
    if crs is None:
        raise BadInput(f"{path} does not say in which coordinate system it is: name it.")
    values = [field for field in table.schema if field.name != table.geometry]
    fields = {field.name: told for field in values if (told := _type(field.type))}
    read = partial(_read, fields=fields, geometry=table.geometry, crs=crs)
    left_out = [f"{field.name} ({field.type})" for field in values if field.name not in fields]
    return LayerFile(fields, left_out, table.size, _batches(table.rows, read))


def _type(given: pa.DataType) -> str | None:
    return next((name for name, is_one in _TYPES if is_one(given)), None)


def _batches(rows: Iterable[pa.RecordBatch], read: Any) -> Iterator[Batch]:
    done = 0
    for batch in rows:
        yield read(batch, done)
        done += batch.num_rows


def _read(
    batch: pa.RecordBatch, done: int, fields: Mapping[str, str], geometry: str, crs: Any
) -> Batch:
    encoded = batch.column(geometry).to_numpy(zero_copy_only=False)
    # of a curve, which shapely does not know, it makes nothing
    shapes = shapely.force_2d(shapely.from_wkb(encoded, on_invalid="ignore"))
    shapes = np.asarray(gpd.GeoSeries(shapes, crs=crs).to_crs(4326).array)
    invalid = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    shapes[invalid] = shapely.make_valid(shapes[invalid], method="structure", keep_collapsed=False)
    kept = np.flatnonzero(_on_the_map(shapes))
    values = pa.table([_plain(batch, name) for name in fields], list(fields)).take(kept)
    return Batch(
        numbers=(kept + done + 1).tolist(),
        shapes=shapes[kept],
        properties=[msgspec.json.encode(row).decode() for row in values.to_pylist()]
        if fields
        else ["{}"] * len(kept),
        repaired=int(invalid[kept].sum()),
        left_out=len(shapes) - len(kept),
    )


def _plain(batch: pa.RecordBatch, name: str) -> pa.Array:
    column = batch.column(name)
    return column.cast(pa.float64()) if pa.types.is_decimal(column.type) else column


def _on_the_map(shapes: Shapes) -> NDArray[np.bool_]:
    """Whether each is somewhere in the Web Mercator square; bounds of nothing are no numbers."""
    west, south, east, north = shapely.bounds(shapes).T
    inside: NDArray[np.bool_] = (west >= -180) & (east <= 180)
    inside &= (south >= -MAX_LATITUDE) & (north <= MAX_LATITUDE)
    return inside


def kind_of(shapes: Shapes) -> set[str]:
    """The kinds of shapes there are: Point, LineString, Polygon; single and multiple are one."""
    return {
        _KINDS.get(each, "Geometry") for each in np.unique(shapely.get_type_id(shapes)).tolist()
    }
