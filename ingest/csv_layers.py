"""Read CSV with coordinates in columns, or shapes as text (WKT), whoever's spreadsheet wrote it."""

import codecs
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from msgspec import Struct
from numpy.typing import NDArray
from pyarrow import csv

from ingest.layer_table import Table
from open311.errors import BadInput

GEOMETRY = "geometry"
_X = ("lon", "long", "lng", "longitude", "x", "lon_x", "longitude_x", "easting")
_Y = ("lat", "latitude", "y", "lat_y", "latitude_y", "northing")
_WKT = ("wkt", "geom", "geometry", "the_geom", "shape")
_DELIMITERS = ",;\t|"
_BLOCK_BYTES = 1 << 20
_TYPES = (
    # numbers with a zero before are codes, as of the post
    (pa.int64(), r"^-?(0|[1-9]\d{0,17})$"),
    (pa.float64(), r"^-?(0|[1-9]\d*)?([.,]\d+)?([eE][-+]?\d{1,3})?$"),
    (pa.bool_(), r"^(?i:true|false)$"),
    (pa.date32(), r"^\d{4}-[01]\d-[0-3]\d$"),
    (pa.timestamp("us", "UTC"), r"^\d{4}-[01]\d-[0-3]\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z?$"),
)


class Shape(Struct, frozen=True):
    """The columns that shapes are in: of x and y, or of one that says them as text."""

    x: str
    y: str = ""


class _Dialect(Struct, frozen=True):
    encoding: str
    delimiter: str
    names: list[str]


@contextmanager
def open_csv(path: Path, x: str | None = None, y: str | None = None) -> Iterator[Table]:
    """Open a CSV; columns named for coordinates are found unless `x` and `y` name them.

    Types are those that all values of a column have. Raises BadInput.
    """
    dialect = _dialect(path)
    shape = _shape(dialect.names, x, y)
    kinds, size = _kinds(path, dialect)
    for name in (shape.x, shape.y):
        kinds.pop(name, None)
    schema = pa.schema([*kinds.items(), (GEOMETRY, pa.binary())])
    rows = (_batch(each, schema, shape) for each in _read(path, dialect))
    yield Table(schema, rows, GEOMETRY, "EPSG:4326", size)


def _dialect(path: Path) -> _Dialect:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        header = file.readline(100_000)
    delimiter = max(_DELIMITERS, key=header.count)
    names = _header(path, encoding, delimiter)
    if len(set(names)) < len(names) or "" in names:
        raise BadInput("The first line of a CSV must name each column, each differently.")
    return _Dialect(encoding, delimiter, names)


def _encoding(path: Path) -> str:
    """UTF-8 if all of it is; what it is otherwise, older spreadsheets do not say."""
    with path.open("rb") as file:
        start = file.read(4)
        if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            decoder.decode(start)
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"


def _header(path: Path, encoding: str, delimiter: str) -> list[str]:
    with _opened(path, encoding, delimiter, None) as reader:
        return [name.strip() for name in reader.schema.names]


def _opened(
    path: Path, encoding: str, delimiter: str, names: Sequence[str] | None
) -> csv.CSVStreamingReader:
    """A reader of text: what the values are is for us to say."""
    return csv.open_csv(
        path,
        csv.ReadOptions(
            encoding=encoding,
            column_names=names,
            skip_rows=0 if names is None else 1,
            block_size=_BLOCK_BYTES,
        ),
        csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names or (), pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=["", "NULL", "null", "NaN", "nan", "#N/A"],
        ),
    )


def _read(path: Path, dialect: _Dialect) -> Iterator[pa.RecordBatch]:
    with _opened(path, dialect.encoding, dialect.delimiter, dialect.names) as reader:
        yield from reader


def _shape(names: Sequence[str], x: str | None, y: str | None) -> Shape:
    if x or y:
        wrong = [each or "nothing" for each in (x, y) if each not in names]
        if wrong:
            raise BadInput(f"There is no column {wrong[0]!r}; there are {', '.join(names)}.")
        return Shape(str(x), str(y))
    by_name = {name.lower(): name for name in reversed(names)}
    found_x, found_y, text = (
        next((by_name[each] for each in known if each in by_name), None) for known in (_X, _Y, _WKT)
    )
    if found_x and found_y:
        return Shape(found_x, found_y)
    if text:
        return Shape(text)
    raise BadInput(
        "No column is named for coordinates (as lon and lat are) or shapes (as wkt is): say which."
    )


def _kinds(path: Path, dialect: _Dialect) -> tuple[dict[str, pa.DataType], int]:
    """The type of each column that fits all its values, and the number of rows."""
    size = 0
    fitting = {name: list(_TYPES) for name in dialect.names}
    filled: set[str] = set()
    for batch in _read(path, dialect):
        size += batch.num_rows
        for name, left in fitting.items():
            values = batch.column(name).drop_null()
            if len(values):
                filled.add(name)
                left[:] = [each for each in left if _all_match(values, each[1])]
    return {
        name: left[0][0] if left and name in filled else pa.string()
        for name, left in fitting.items()
    }, size


def _all_match(values: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, pattern)).as_py())


def _batch(batch: pa.RecordBatch, schema: pa.Schema, shape: Shape) -> pa.RecordBatch:
    columns = [_typed(batch.column(name), schema.field(name).type) for name in schema.names[:-1]]
    shapes = _shapes(batch, shape)
    columns.append(pa.array(shapely.to_wkb(shapes).tolist(), pa.binary()))
    return pa.record_batch(columns, schema=schema)


def _typed(values: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind):
        values = pc.replace_substring(values, ",", ".")
    if pa.types.is_timestamp(kind):
        values = pc.replace_substring_regex(values, r"Z$", "")
        return values.cast(pa.timestamp("us")).cast(kind)
    return values.cast(kind)


def _shapes(batch: pa.RecordBatch, shape: Shape) -> NDArray[np.object_]:
    """Shapes; none where a row does not say, or says what nobody can read."""
    if not shape.y:
        texts = batch.column(shape.x).to_numpy(zero_copy_only=False)
        return np.asarray(shapely.from_wkt(texts, on_invalid="ignore"))
    x, y = (_numbers(batch.column(name)) for name in (shape.x, shape.y))
    points = np.asarray(shapely.points(x, y), dtype=object)
    points[~(np.isfinite(x) & np.isfinite(y))] = None
    return points


def _numbers(values: pa.Array) -> NDArray[np.float64]:
    """Coordinates, with points or commas before their decimals; what is none is not a number."""
    texts = pc.replace_substring(pc.utf8_trim_whitespace(values), ",", ".")
    plain = pc.match_substring_regex(texts, r"^[-+]?\d+(\.\d+)?([eE][-+]?\d{1,2})?$")
    numbers = pc.if_else(pc.fill_null(plain, False), texts, None).cast(pa.float64())
    return np.asarray(pc.fill_null(numbers, np.nan))
