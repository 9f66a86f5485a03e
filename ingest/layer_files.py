"""Read files of shapes, whatever their format, as batches of shapes in degrees and typed values."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import msgspec
import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from msgspec import UNSET, Struct, UnsetType
from numpy.typing import NDArray
from pyarrow import parquet
from pyproj.exceptions import CRSError

from geo.tiles import MAX_LATITUDE
from ingest.csv_layers import open_csv
from ingest.layer_table import BATCH_ROWS, Table
from ingest.shape_zips import unpacked
from open311.errors import BadInput, TooLarge

_PARQUET = (".parquet", ".geoparquet")
_TYPES = (
    ("boolean", pa.types.is_boolean),
    ("number", pa.types.is_uint64),  # of which some are no bigint
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


class _GeoColumn(Struct, frozen=True):
    encoding: str
    crs: dict[str, Any] | UnsetType | None = UNSET


class _Geo(Struct, frozen=True):
    """What GeoParquet says of its columns; a coordinate system unset is CRS84."""

    primary_column: str
    columns: dict[str, _GeoColumn]


class LayerFile(Struct, frozen=True):
    """An open layer: the types of its fields by name, how many rows it has, and its features."""

    fields: Mapping[str, str]
    fields_left_out: list[str]
    size: int
    batches: Iterator[Batch]


class Source(Struct, frozen=True):
    """A layer of a file.

    `layer` must name it where there are several. `crs` is that of the coordinates (as in
    `EPSG:22234`) if the file does not say, or says it wrongly; `x` and `y` name columns of a CSV.
    """

    path: Path
    layer: str | None = None
    crs: str | None = None
    x: str | None = None
    y: str | None = None


@contextmanager
def open_layer(source: Source, most_bytes: int) -> Iterator[LayerFile]:
    """Open a layer of a file: CSV, GeoParquet, a zipped Shapefile, or what else GDAL reads.

    No archive may hold more than so many bytes. Raises BadInput and TooLarge.
    """
    path = source.path
    try:
        with _open(source, most_bytes) as table:
            yield _layer(path, table, source.crs)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise BadInput(f"{path.name}: {_without(path, str(error))}") from None
    except (pa.ArrowException, CRSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name}: {_without(path, str(error).splitlines()[0])}") from None


def _without(path: Path, told: str) -> str:
    """Libraries name files by their whole path, which is nobody's business."""
    return told.replace(f"{path.parent}/", "")


def _open(source: Source, most_bytes: int) -> AbstractContextManager[Table]:
    suffix = source.path.suffix.lower()
    if suffix in _PARQUET:
        return _open_parquet(source.path, most_bytes)
    if suffix in (".csv", ".tsv"):
        return open_csv(source.path, source.x, source.y)
    if suffix == ".zip":
        return _open_zip(source.path, most_bytes)
    return _open_gdal(source.path, source.layer)


@contextmanager
def _open_zip(path: Path, most_bytes: int) -> Iterator[Table]:
    with unpacked(path, most_bytes) as shapes, _open_gdal(shapes, None) as table:
        yield table


@contextmanager
def _open_gdal(path: Path, layer: str | None) -> Iterator[Table]:
    names = [str(name) for name, _type in pyogrio.list_layers(path)]
    if not names:
        raise BadInput(f"{path.name} holds no layer.")
    if layer is None and len(names) > 1:
        raise BadInput(f"Say which layer of {path.name}: {', '.join(names)}.")
    about = pyogrio.read_info(path, layer=layer, force_feature_count=True)
    with pyogrio.open_arrow(path, layer=layer, use_pyarrow=True, batch_size=BATCH_ROWS) as opened:
        meta, reader = opened
        geometry = meta["geometry_name"] or "wkb_geometry"
        yield Table(reader.schema, reader, geometry, meta["crs"], int(about["features"]))


@contextmanager
def _open_parquet(path: Path, most_bytes: int) -> Iterator[Table]:
    """A few rows at a time: compressed as they are, all may be more than memory holds."""
    with parquet.ParquetFile(path) as file:
        try:
            told = msgspec.json.decode((file.schema_arrow.metadata or {})[b"geo"], type=_Geo)
            column = told.columns[told.primary_column]
        except (KeyError, msgspec.DecodeError):
            raise BadInput(f"{path.name} is not GeoParquet.") from None
        if column.encoding.upper() != "WKB":
            raise BadInput(f"{path.name} has shapes as {column.encoding}, not as WKB.")
        about = file.metadata
        unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        if unpacked > most_bytes:
            raise TooLarge(f"{path.name} holds more than {most_bytes} bytes.")
        crs = "OGC:CRS84" if column.crs is UNSET else column.crs
        rows = file.iter_batches(BATCH_ROWS)
        yield Table(file.schema_arrow, rows, told.primary_column, crs, about.num_rows)


def _layer(path: Path, table: Table, crs: str | None) -> LayerFile:
    if table.geometry not in table.schema.names:
        raise BadInput(f"{path.name} holds no shapes.")
    crs = crs or table.crs
    if crs is None:
        raise BadInput(f"{path.name} does not say in which coordinate system it is: name it.")
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
        properties=[_encoded(row) for row in values.to_pylist()] if fields else ["{}"] * len(kept),
        repaired=int(invalid[kept].sum()),
        left_out=len(shapes) - len(kept),
    )


def _encoded(row: dict[str, Any]) -> str:
    """Values as JSON, without the one character that PostgreSQL keeps in no text."""
    encoded = msgspec.json.encode(row)
    if b"\\u0000" in encoded:
        clean = {k: v.replace("\0", "") if isinstance(v, str) else v for k, v in row.items()}
        encoded = msgspec.json.encode(clean)
    return encoded.decode()


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
