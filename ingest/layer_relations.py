"""Tables and views of a city's own schema, read whole into a file that is imported like any other.

Not served as they stand: layers have row-level security, tiles and an index of places; a view of
somebody else's has none of them, and may change its columns at any time.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import msgspec
import pyarrow as pa
import pyproj
from msgspec import Struct
from pyarrow import parquet
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.layer_table import BATCH_ROWS
from open311.db import Database
from open311.errors import BadInput
from open311.settings import Settings

_GEOMETRY = "geometry"
_PATIENCE = text("select set_config('statement_timeout', '10min', true)")
_COLUMNS = text("""
select a.attname as name, t.typname as type
from pg_attribute a
join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'v', 'm', 'f', 'p')
join pg_namespace n on n.oid = c.relnamespace
join pg_type t on t.oid = a.atttypid
where n.nspname = :schema and c.relname = :relation and a.attnum > 0 and not a.attisdropped
order by a.attnum
""")
_TYPES: Mapping[str, tuple[pa.DataType, str]] = {
    **dict.fromkeys(("int2", "int4", "int8"), (pa.int64(), "bigint")),
    **dict.fromkeys(("float4", "float8", "numeric"), (pa.float64(), "double precision")),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "uuid"), (pa.string(), "text")),
    "bool": (pa.bool_(), "boolean"),
    "date": (pa.date32(), "date"),
    "timestamptz": (pa.timestamp("us", "UTC"), "timestamptz"),
    "timestamp": (pa.timestamp("us"), "timestamp"),
}
"""What a column is read as, and cast to; others are left out."""


class _Relation(Struct, frozen=True):
    source: str
    """Schema and name, quoted."""
    shape: str
    columns: Sequence[tuple[str, str]]


def schema_of(settings: Settings, jurisdiction_id: str) -> str:
    """The schema whose tables a city may publish. Raises BadInput when it has none."""
    for pair in settings.layer_schemas:
        city, _, schema = pair.partition("=")
        if city.strip() == jurisdiction_id:
            return schema.strip()
    raise BadInput(f"{jurisdiction_id} has no schema whose tables it may publish (LAYER_SCHEMAS).")


@asynccontextmanager
async def copied(
    db: Database, settings: Settings, jurisdiction_id: str, relation: str
) -> AsyncIterator[Path]:
    """A table or view of the city's schema as GeoParquet, for as long as the block runs.

    Raises BadInput when there is none, or the server may not read it.
    """
    schema = schema_of(settings, jurisdiction_id)
    with TemporaryDirectory(prefix="open311-") as folder:
        path = Path(folder, "relation.parquet")
        try:
            async with db.begin(jurisdiction_id) as connection:
                await connection.execute(_PATIENCE)
                found = await _find(connection, schema, relation)
                await _copy(connection, found, path)
        except ProgrammingError as error:
            if not isinstance(
                error.orig and error.orig.__cause__, asyncpg.InsufficientPrivilegeError
            ):
                raise
            raise BadInput(
                f"The server may not read {schema}.{relation}: grant usage on the schema and "
                f"select on its tables to its role {db.engine.url.username}."
            ) from None
        yield path


async def _find(connection: AsyncConnection, schema: str, relation: str) -> _Relation:
    names = {"schema": schema, "relation": relation}
    if "\0" in relation:
        raise BadInput("A name has no NUL in it.")
    columns = [tuple(row) for row in await connection.execute(_COLUMNS, names)]
    if not columns:
        raise BadInput(f"There is no table or view {relation[:60]!r} in {schema}.")
    shapes = [name for name, kind in columns if kind == "geometry"]
    if len(shapes) != 1:
        told = f"columns {', '.join(shapes)}" if shapes else "no column"
        raise BadInput(f"{schema}.{relation} must have one column of shapes; it has {told}.")
    known = [(name, kind) for name, kind in columns if kind in _TYPES and name != _GEOMETRY]
    return _Relation(f"{_quoted(schema)}.{_quoted(relation)}", shapes[0], known)


def _quoted(name: str) -> str:
    """An identifier: the catalogue knows it, or an operator's setting does."""
    doubled = name.replace('"', '""').replace(":", "\\:")
    return f'"{doubled}"'


async def _copy(connection: AsyncConnection, relation: _Relation, path: Path) -> None:
    told = [f"cast({_quoted(name)} as {_TYPES[kind][1]})" for name, kind in relation.columns]
    shape = _quoted(relation.shape)
    what = ", ".join([*told, f"st_asbinary(st_force2d({shape}))"])
    sql = f"select {what} from {relation.source}"  # noqa: S608
    schema = await _schema(connection, relation)
    rows = await connection.stream(text(sql), execution_options={"yield_per": BATCH_ROWS})
    with parquet.ParquetWriter(path, schema) as writer:
        # without a number here, all rows come as one
        async for part in rows.partitions(BATCH_ROWS):
            await asyncio.to_thread(writer.write_table, _table(part, schema))


async def _schema(connection: AsyncConnection, relation: _Relation) -> pa.Schema:
    sql = f"select st_srid({_quoted(relation.shape)}) from {relation.source} limit 1"  # noqa: S608
    srid = (await connection.execute(text(sql))).scalar_one_or_none()
    fields = [pa.field(name, _TYPES[kind][0]) for name, kind in relation.columns]
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": [], "crs": None}
    if srid:
        column["crs"] = pyproj.CRS.from_user_input(srid).to_json_dict()
    about = {"version": "1.0.0", "primary_column": _GEOMETRY, "columns": {_GEOMETRY: column}}
    made = pa.schema([*fields, pa.field(_GEOMETRY, pa.binary())])
    return made.with_metadata({"geo": msgspec.json.encode(about)})


def _table(rows: Sequence[Any], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(each, field.type) for each, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
