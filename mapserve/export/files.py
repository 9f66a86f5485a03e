"""Formats that need a file first: GeoPackage, FlatGeobuf, Shapefile, GeoParquet and Excel."""

import asyncio
import csv
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely
import xlsxwriter

from mapserve.export.names import distinct, header
from mapserve.export.paths import scratch
from mapserve.export.texts import cell
from mapserve.export.writing import Writing, in_a_thread
from mapserve.features.crs import to_crs
from mapserve.features.kinds import as_declared, declared
from mapserve.features.reading import Features
from open311.errors import BadInput

_CHUNK = 1 << 18
_GEOMETRY = "geometry"
_MOST_SHEET_ROWS = 1_048_576
_MOST_EXACT = 2**53
_DBF_NAME = 10
_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "date-time": pa.timestamp("ms", tz="UTC"),
}

Write = Callable[[Writing, Iterator[Features], Path], Path]
"""Writes features into a folder, in a thread, and tells which file it made."""


async def write_file(write: Write, writing: Writing) -> AsyncIterator[bytes]:
    """A file, once it is written; it is gone when it was sent, or nobody waits any more."""
    with scratch() as folder:
        batches = in_a_thread(writing.batches)
        path = await asyncio.to_thread(write, writing, batches, folder)
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk


def _schema(writing: Writing, most_bytes: int | None = None) -> pa.Schema:
    """The feature's id, its fields, and its shape, in this order."""
    key, *names, geometry = header(writing.columns, [_GEOMETRY], most_bytes)
    types = [_TYPES[column.type] for column in writing.columns]
    fields = [pa.field(name, kind) for name, kind in zip(names, types, strict=True)]
    shape = pa.field(geometry, pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"})
    return pa.schema([pa.field(key, pa.string()), *fields, shape])


def _batch(features: Features, schema: pa.Schema, writing: Writing) -> pa.RecordBatch:
    shapes = to_crs(as_declared(features.shapes, writing.geometry_type), writing.crs, in_xy=True)
    encoded = [None if shape is None else shape for shape in shapely.to_wkb(shapes)]
    columns = [features.ids, *features.values.values(), encoded]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _reader(
    writing: Writing, batches: Iterator[Features], most_bytes: int | None = None
) -> pa.RecordBatchReader:
    schema = _schema(writing, most_bytes)
    made = (_batch(features, schema, writing) for features in batches)
    return pa.RecordBatchReader.from_batches(schema, made)


def _write_gdal(
    writing: Writing, reader: pa.RecordBatchReader, path: Path, driver: str, **options: Any
) -> Path:
    kind = declared(writing.geometry_type)
    pyogrio.write_arrow(
        reader,
        path,
        layer=writing.layer,
        driver=driver,
        geometry_name=reader.schema.names[-1],
        geometry_type="Unknown" if kind == "Geometry" else kind,
        crs=_wkt(writing),
        **options,
    )
    return path


def _wkt(writing: Writing) -> str:
    code = 4326 if writing.crs.authority == "OGC" else int(writing.crs.code)
    return str(pyproj.CRS.from_epsg(code).to_wkt())


def write_gpkg(writing: Writing, batches: Iterator[Features], folder: Path) -> Path:
    """GeoPackage, with its index."""
    path = folder / f"{writing.layer}.gpkg"
    reader = _reader(writing, batches)
    # its own number of a row is a column too
    (number,) = distinct(["fid"], reader.schema.names)
    geometry = reader.schema.names[-1]
    return _write_gdal(writing, reader, path, "GPKG", FID=number, GEOMETRY_NAME=geometry)


def write_fgb(writing: Writing, batches: Iterator[Features], folder: Path) -> Path:
    """FlatGeobuf, without an index: that would need all features in memory."""
    path = folder / f"{writing.layer}.fgb"
    reader = _reader(writing, batches)
    return _write_gdal(writing, reader, path, "FlatGeobuf", SPATIAL_INDEX="NO")


def write_shapefile(writing: Writing, batches: Iterator[Features], folder: Path) -> Path:
    """A Shapefile in a ZIP; its names have ten letters at most, and `fields.csv` tells which."""
    if declared(writing.geometry_type) == "Geometry":
        raise BadInput("A Shapefile holds shapes of one kind, and this layer has several.")
    reader = _texts_for_times(_reader(writing, batches, _DBF_NAME))
    inner = folder / "files"
    inner.mkdir()
    _write_gdal(writing, reader, inner / f"{writing.layer}.shp", "ESRI Shapefile", ENCODING="UTF-8")
    _tell_names(writing, reader.schema.names[1:-1], inner / "fields.csv")
    path = folder / f"{writing.layer}.shp.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for each in sorted(inner.iterdir()):
            packed.write(each, each.name)
    return path


def _tell_names(writing: Writing, short: list[str], path: Path) -> None:
    names = [cell(column.name) for column in writing.columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["short", "name"])
        rows.writerows(zip(map(cell, short), names, strict=True))


def _texts_for_times(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """A Shapefile knows days, but no time of the day."""
    fields = [
        pa.field(field.name, pa.string()) if pa.types.is_timestamp(field.type) else field
        for field in reader.schema
    ]
    schema = pa.schema(fields)

    def told() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            columns = [
                pa.array([cell(each) or None for each in column.to_pylist()], pa.string())
                if pa.types.is_timestamp(column.type)
                else column
                for column in batch.columns
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, told())


def write_parquet(writing: Writing, batches: Iterator[Features], folder: Path) -> Path:
    """GeoParquet 1.1 (github.com/opengeospatial/geoparquet), compressed with zstd."""
    path = folder / f"{writing.layer}.parquet"
    kind = declared(writing.geometry_type)
    column = {
        "encoding": "WKB",
        "geometry_types": [] if kind == "Geometry" else [kind],
        "crs": json.loads(pyproj.CRS(_wkt(writing)).to_json()),
    }
    plain = _schema(writing)
    geometry = plain.names[-1]
    geo = {"version": "1.1.0", "primary_column": geometry, "columns": {geometry: column}}
    schema = plain.with_metadata({"geo": json.dumps(geo)})
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for features in batches:
            file.write_batch(_batch(features, plain, writing).cast(schema))
    return path


def write_xlsx(writing: Writing, batches: Iterator[Features], folder: Path) -> Path:
    """A workbook for Excel; nothing in it is a formula. Raises BadInput for too many rows."""
    path = folder / f"{writing.layer}.xlsx"
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
        "remove_timezone": True,
        "tmpdir": str(folder),
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet(writing.layer[:31])
        is_point = declared(writing.geometry_type) == "Point"
        places = ["longitude", "latitude"] if is_point else ["wkt"]
        sheet.write_row(0, 0, header(writing.columns, places))
        row = 1
        for features in batches:
            if row + len(features) > _MOST_SHEET_ROWS:
                raise BadInput(f"A sheet holds {_MOST_SHEET_ROWS} rows: limit it, or take CSV.")
            for values in _sheet_rows(features, is_point=is_point):
                for place, value in enumerate(values):
                    if value is not None:
                        sheet.write(row, place, _plain(value))
                row += 1
    return path


def _sheet_rows(features: Features, *, is_point: bool) -> Iterator[tuple[Any, ...]]:
    shapes = features.shapes
    told: list[Any]
    if is_point:
        told = [[None if x != x else x for x in each] for each in
                (shapely.get_x(shapes).tolist(), shapely.get_y(shapes).tolist())]  # fmt: skip
    else:
        # a cell holds no longer text
        told = [[None if text is None else text[:32_767] for text in shapely.to_wkt(shapes)]]
    yield from zip(features.ids, *features.values.values(), *told, strict=True)


def _plain(value: Any) -> Any:
    # a number there is a double, which holds no more digits
    if isinstance(value, int) and abs(value) > _MOST_EXACT:
        return str(value)
    # a spreadsheet knows no day before 1900
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.year >= 1900 else cell(value)
    if hasattr(value, "year") and value.year < 1900:
        return value.isoformat()
    return value
