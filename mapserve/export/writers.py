"""Files of GeoPackage, FlatGeobuf, Shapefile, GeoParquet and Excel, from features in batches."""

import csv
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely
import xlsxwriter

from mapserve.export.cells import cell
from mapserve.export.heading import Batch, Heading
from mapserve.export.names import distinct, header
from mapserve.features.crs import to_crs
from mapserve.features.kinds import as_declared, declared
from open311.errors import BadInput

_GEOMETRY = "geometry"
_MOST_SHEET_ROWS = 1_048_576
_MOST_EXACT = 2**53
_DBF_NAME = 10
_INDEX_BYTES = 50_000_000
_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "date-time": pa.timestamp("ms", tz="UTC"),
}


def _schema(heading: Heading, most_bytes: int | None = None) -> pa.Schema:
    """The feature's id, its fields, and its shape, in this order."""
    key, *names, geometry = header(heading.fields, [_GEOMETRY], most_bytes)
    types = [_TYPES[each] for each in heading.fields.values()]
    fields = [pa.field(name, kind) for name, kind in zip(names, types, strict=True)]
    shape = pa.field(geometry, pa.binary(), metadata={"ARROW:extension:name": "geoarrow.wkb"})
    return pa.schema([pa.field(key, pa.string()), *fields, shape])


def _arrow(batch: Batch, schema: pa.Schema, heading: Heading) -> pa.RecordBatch:
    shapes = to_crs(as_declared(batch.shapes, heading.geometry_type), heading.crs, in_xy=True)
    encoded = [None if shape is None else shape for shape in shapely.to_wkb(shapes)]
    columns = [batch.ids, *batch.values.values(), encoded]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _reader(
    heading: Heading, batches: Iterator[Batch], most_bytes: int | None = None
) -> pa.RecordBatchReader:
    schema = _schema(heading, most_bytes)
    made = (_arrow(batch, schema, heading) for batch in batches)
    return pa.RecordBatchReader.from_batches(schema, made)


def _write_gdal(
    heading: Heading, reader: pa.RecordBatchReader, path: Path, driver: str, **options: Any
) -> Path:
    kind = declared(heading.geometry_type)
    pyogrio.write_arrow(
        reader,
        path,
        layer=heading.layer,
        driver=driver,
        geometry_name=reader.schema.names[-1],
        geometry_type="Unknown" if kind == "Geometry" else kind,
        crs=_wkt(heading),
        **options,
    )
    return path


def _wkt(heading: Heading) -> str:
    code = 4326 if heading.crs.authority == "OGC" else int(heading.crs.code)
    return str(pyproj.CRS.from_epsg(code).to_wkt())


def write_gpkg(heading: Heading, batches: Iterator[Batch], folder: Path) -> Path:
    """GeoPackage, with its index."""
    path = folder / f"{heading.layer}.gpkg"
    reader = _reader(heading, batches)
    # for its index GDAL takes a tenth of the machine's, if it is not told
    pyogrio.set_gdal_config_options({"OGR_GPKG_MAX_RAM_USAGE_RTREE": str(_INDEX_BYTES)})
    # its own number of a row is a column too
    (number,) = distinct(["fid"], reader.schema.names)
    geometry = reader.schema.names[-1]
    return _write_gdal(heading, reader, path, "GPKG", FID=number, GEOMETRY_NAME=geometry)


def write_fgb(heading: Heading, batches: Iterator[Batch], folder: Path) -> Path:
    """FlatGeobuf, without an index: that would need all features in memory."""
    path = folder / f"{heading.layer}.fgb"
    reader = _reader(heading, batches)
    return _write_gdal(heading, reader, path, "FlatGeobuf", SPATIAL_INDEX="NO")


def write_shapefile(heading: Heading, batches: Iterator[Batch], folder: Path) -> Path:
    """A Shapefile in a ZIP; its names have ten letters at most, and `fields.csv` tells which."""
    if declared(heading.geometry_type) == "Geometry":
        raise BadInput("A Shapefile holds shapes of one kind, and this layer has several.")
    reader = _texts_for_times(_reader(heading, batches, _DBF_NAME))
    inner = folder / "files"
    inner.mkdir()
    _write_gdal(heading, reader, inner / f"{heading.layer}.shp", "ESRI Shapefile", ENCODING="UTF-8")
    _tell_names(heading, reader.schema.names[1:-1], inner / "fields.csv")
    path = folder / f"{heading.layer}.shp.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for each in sorted(inner.iterdir()):
            packed.write(each, each.name)
    return path


def _tell_names(heading: Heading, short: list[str], path: Path) -> None:
    names = map(cell, heading.fields)
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


def write_parquet(heading: Heading, batches: Iterator[Batch], folder: Path) -> Path:
    """GeoParquet 1.1 (github.com/opengeospatial/geoparquet), compressed with zstd."""
    path = folder / f"{heading.layer}.parquet"
    kind = declared(heading.geometry_type)
    column = {
        "encoding": "WKB",
        "geometry_types": [] if kind == "Geometry" else [kind],
        "crs": json.loads(pyproj.CRS(_wkt(heading)).to_json()),
    }
    plain = _schema(heading)
    geometry = plain.names[-1]
    geo = {"version": "1.1.0", "primary_column": geometry, "columns": {geometry: column}}
    schema = plain.with_metadata({"geo": json.dumps(geo)})
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for batch in batches:
            file.write_batch(_arrow(batch, plain, heading).cast(schema))
    return path


def write_xlsx(heading: Heading, batches: Iterator[Batch], folder: Path) -> Path:
    """A workbook for Excel; nothing in it is a formula. Raises BadInput for too many rows."""
    path = folder / f"{heading.layer}.xlsx"
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
        "remove_timezone": True,
        "tmpdir": str(folder),
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet(heading.layer[:31])
        is_point = declared(heading.geometry_type) == "Point"
        places = ["longitude", "latitude"] if is_point else ["wkt"]
        sheet.write_row(0, 0, header(heading.fields, places))
        row = 1
        for batch in batches:
            if row + len(batch.ids) > _MOST_SHEET_ROWS:
                raise BadInput(f"A sheet holds {_MOST_SHEET_ROWS} rows: limit it, or take CSV.")
            for values in _sheet_rows(batch, is_point=is_point):
                for place, value in enumerate(values):
                    if value is not None:
                        sheet.write(row, place, _plain(value))
                row += 1
    return path


def _sheet_rows(batch: Batch, *, is_point: bool) -> Iterator[tuple[Any, ...]]:
    shapes = batch.shapes
    told: list[Any]
    if is_point:
        told = [[None if x != x else x for x in each] for each in
                (shapely.get_x(shapes).tolist(), shapely.get_y(shapes).tolist())]  # fmt: skip
    else:
        # a cell holds no longer text
        told = [[None if text is None else text[:32_767] for text in shapely.to_wkt(shapes)]]
    yield from zip(batch.ids, *batch.values.values(), *told, strict=True)


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


Write = Callable[[Heading, Iterator[Batch], Path], Path]
"""Writes features into a folder, and tells which file it made. Raises BadInput."""

WRITERS: dict[str, Write] = {
    "gpkg": write_gpkg,
    "fgb": write_fgb,
    "shp.zip": write_shapefile,
    "parquet": write_parquet,
    "xlsx": write_xlsx,
}
