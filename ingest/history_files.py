"""Read files of past requests, whatever their format, as batches of columns of text."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from msgspec import Struct

from open311.errors import BadInput

BATCH_ROWS = 20_000


class Fault(Struct, frozen=True):
    """A row that is not taken: its line (or number, in files without lines), its id, and why."""

    line: int
    service_request_id: str
    reason: str


class Batch(Struct, frozen=True):
    """Some rows as columns of text; the index is the line that each begins on."""

    rows: pd.DataFrame
    faults: list[Fault]
    done: int
    """How much of the file's `size` is read."""


class HistoryFile(Struct, frozen=True):
    """An open file: what its columns are called, how long it is, and its rows."""

    columns: Sequence[str]
    size: int
    batches: Iterator[Batch]


@contextmanager
def open_file(path: Path) -> Iterator[HistoryFile]:
    """Open a file by its name: CSV (gzipped or not), Parquet, or GeoJSON. Raises BadInput.

    The points of GeoJSON are its columns `long` and `lat`.
    """
    if not path.is_file():
        raise BadInput(f"{path} does not exist.")
    name = path.name.lower()
    openers = {
        (".csv", ".csv.gz"): _open_csv,
        (".parquet",): _open_parquet,
        (".geojson", ".geojson.gz"): _open_geojson,
    }
    for endings, opener in openers.items():
        if name.endswith(endings):
            with opener(path) as file:
                yield file
            return
    raise BadInput(f"{path} is neither .csv, .csv.gz, .parquet, .geojson nor .geojson.gz.")


@contextmanager
def _open_csv(path: Path) -> Iterator[HistoryFile]:
    with path.open("rb") as raw, ExitStack() as stack:
        packed = path.suffix.lower() == ".gz"
        plain = stack.enter_context(gzip.GzipFile(fileobj=raw)) if packed else raw
        text = stack.enter_context(io.TextIOWrapper(plain, "utf-8-sig", newline=""))
        records = _records(path, text)
        header = next(records, None)
        if header is None:
            raise BadInput(f"{path} is empty.")
        columns = [name.strip() for name in header[1]]
        batches = iter(lambda: _next_batch(records, columns, raw), None)
        yield HistoryFile(columns, path.stat().st_size, batches)


def _records(path: Path, text: io.TextIOWrapper) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it begins on: a quoted value may span several."""
    reader = csv.reader(text, strict=True)
    line = 1
    try:
        for record in reader:
            yield line, record
            line = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}:{line}: {error}.") from None


def _next_batch(
    records: Iterator[tuple[int, list[str]]], columns: list[str], raw: io.BufferedReader
) -> Batch | None:
    lines: list[int] = []
    kept: list[list[str]] = []
    faults: list[Fault] = []
    for line, record in records:
        if len(record) == len(columns):
            lines.append(line)
            kept.append(record)
        elif record:
            reason = f"{len(record)} values, but {len(columns)} columns"
            faults.append(Fault(line, "", reason))
        if len(kept) == BATCH_ROWS:
            break
    if not kept and not faults:
        return None
    rows = pd.DataFrame(kept, columns=columns, index=lines, dtype="str")
    return Batch(rows, faults, raw.tell())


@contextmanager
def _open_parquet(path: Path) -> Iterator[HistoryFile]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: {error}") from None

    def batches() -> Iterator[Batch]:
        done = 0
        for batch in file.iter_batches(BATCH_ROWS):
            yield Batch(_as_text(batch, done + 1), [], done + batch.num_rows)
            done += batch.num_rows

    with file:
        yield HistoryFile(file.schema_arrow.names, file.metadata.num_rows, batches())


@contextmanager
def _open_geojson(path: Path) -> Iterator[HistoryFile]:
    name = f"/vsigzip/{path}" if path.suffix.lower() == ".gz" else str(path)
    try:
        about = pyogrio.read_info(name, force_feature_count=True)
    except pyogrio.errors.DataSourceError as error:
        raise BadInput(f"{path}: {error}") from None
    if about["geometry_type"] != "Point":
        raise BadInput(f"{path} holds {about['geometry_type']} features; requests are points.")
    columns = [*about["fields"], "long", "lat"]

    def batches() -> Iterator[Batch]:
        done = 0
        opened = pyogrio.open_arrow(name, batch_size=BATCH_ROWS, use_pyarrow=True)
        with opened as (meta, reader):
            point = meta["geometry_name"] or "wkb_geometry"
            for batch in reader:
                yield Batch(_with_points(batch, point, done + 1), [], done + batch.num_rows)
                done += batch.num_rows

    yield HistoryFile(columns, about["features"], batches())


def _with_points(batch: pa.RecordBatch, point: str, first: int) -> pd.DataFrame:
    points = shapely.from_wkb(batch.column(point).to_numpy(zero_copy_only=False))
    rows = _as_text(batch.drop_columns([point]), first)
    for name, values in (("long", shapely.get_x(points)), ("lat", shapely.get_y(points))):
        rows[name] = pd.Series(values, index=rows.index).map(str, na_action="ignore").astype("str")
    return rows


def _as_text(batch: pa.RecordBatch, first: int) -> pd.DataFrame:
    """Every simple column as text; nested ones have no counterpart in a request."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if not pa.types.is_nested(column.type) and not pa.types.is_binary(column.type):
            columns[name] = column.cast(pa.string()).to_pandas()
    rows = pd.DataFrame(columns, dtype="str")
    rows.index = pd.RangeIndex(first, first + len(rows))
    return rows
