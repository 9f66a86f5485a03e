"""Bring past requests from files into a jurisdiction: by COPY, in chunks that go in whole."""

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg
import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from ingest.history_files import Batch, Fault, HistoryFile, open_file
from ingest.history_rows import FIELDS, Rules, check
from open311.db import Database, owner_url
from open311.errors import BadInput, NotFound
from open311.settings import Settings

_STAGING = text(Path(__file__).with_name("history_staging.sql").read_text())
_INSERT = text(Path(__file__).with_name("history.sql").read_text())
_TIME_ZONE = text("select time_zone from jurisdiction where jurisdiction_id = :jurisdiction_id")
_SERVICES = text("""
select service_code, service_name from service
where jurisdiction_id = :jurisdiction_id
order by active, service_code
""")
_CREATE_SERVICE = text("""
insert into service (jurisdiction_id, service_code, service_name, "group", position)
select :jurisdiction_id, :service_code, :service_code, '', coalesce(max(position), 0) + 1
from service
where jurisdiction_id = :jurisdiction_id
""")
_MOVE_CHANGESET = text("""
update jurisdiction
set changeset = greatest(date_trunc('second', now()), changeset + interval '1 second')
where jurisdiction_id = :jurisdiction_id
""")
_RECORD = text("""
insert into event (jurisdiction_id, kind, subject, actor, after)
values (:jurisdiction_id, :kind, :subject, :actor, cast(:after as jsonb))
""")
_LONGEST_CODE = 100

WRITERS = 3
"""Chunks under way at a time: while the rows of one are checked, two keep the database busy.

On two cores: one 18,000, two 28,000, three 35,000 rows a second.
"""

Taken = TypeVar("Taken")
Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


class Source(Struct, frozen=True):
    """A file of history, and how to read it."""

    path: Path
    columns: Mapping[str, str] = {}
    """The file's column for each field; a field that is not here has the column of its name."""
    time_zone: str | None = None
    """Of the dates that do not name their offset; by default the jurisdiction's."""
    date_format: str | None = None
    """As of strptime; by default ISO 8601."""
    create_services: bool = False


class Counts(Struct):
    """What became of the rows: each is inserted, known already, or refused."""

    inserted: int = 0
    known: int = 0
    refused: int = 0

    def add(self, inserted: int, known: int, refused: int = 0) -> None:
        """Count one more chunk."""
        self.inserted += inserted
        self.known += known
        self.refused += refused


async def import_file(
    db: Database,
    jurisdiction_id: str,
    source: Source,
    report: Path,
    actor: str = "operator",
    progress: Progress = lambda _done, _size: None,
) -> Counts:
    """Take in a file's good rows; list the others, with line and reason, in the report (CSV).

    Each chunk of rows is one transaction, and a row that is there already is left alone: after an
    interruption the same call goes on. Raises BadInput for a file that cannot be read at all or is
    the report too, and NotFound for an unknown jurisdiction.
    """
    if await asyncio.to_thread(_is_same, report, source.path):
        raise BadInput(f"{report} is the file to import: the report must be another.")
    rules = await _rules(db, jurisdiction_id, source)
    counts = Counts()
    with open_file(source.path) as file:
        columns = _columns(file, source)
        await asyncio.to_thread(report.unlink, missing_ok=True)

        async def take() -> tuple[Batch, pd.DataFrame] | None:
            batch = await asyncio.to_thread(next, file.batches, None)
            if batch is None:
                return None
            texts = _renamed(batch.rows, columns)
            if source.create_services:
                await _create_services(db, jurisdiction_id, texts, rules, actor)
            return batch, texts

        async def put(taken: tuple[Batch, pd.DataFrame]) -> None:
            batch, texts = taken
            rows, refused = await asyncio.to_thread(check, texts, rules)
            inserted = await store(db, jurisdiction_id, rows)
            faults = [*batch.faults, *refused]
            _list_faults(report, faults)
            counts.add(inserted, len(rows) - inserted, len(faults))
            progress(batch.done, file.size)

        try:
            await in_parallel(take, put)
        finally:
            await record(db, jurisdiction_id, source.path.name, actor, counts)
    return counts


async def in_parallel(
    take: Callable[[], Awaitable[Taken | None]], put: Callable[[Taken], Awaitable[None]]
) -> None:
    """Take things one by one until there are none, and put WRITERS of them at a time.

    After a failure nothing more is taken, what is under way is finished, and the failure raised.
    """
    one = asyncio.Lock()
    failures: list[Exception] = []

    async def work() -> None:
        while True:
            try:
                async with one:
                    thing = None if failures else await take()
                if thing is None:
                    return
                await put(thing)
            except Exception as failure:
                failures.append(failure)

    await asyncio.gather(*(work() for _ in range(WRITERS)))
    if failures:
        raise failures[0]


async def store(db: Database, jurisdiction_id: str, rows: pd.DataFrame) -> int:
    """Insert checked rows (the columns STORED) in one transaction; how many were new."""
    if rows.empty:
        return 0
    content = await asyncio.to_thread(_as_csv, rows)
    async with db.begin(jurisdiction_id) as connection:
        # a chunk takes seconds, longer than any single request to the server may
        await connection.execute(text("set local statement_timeout = '10min'"))
        await connection.execute(_STAGING)
        pooled = await connection.get_raw_connection()
        driver: asyncpg.Connection = pooled.driver_connection
        await driver.copy_to_table("history_row", source=io.BytesIO(content), format="csv")
        done = await connection.execute(_INSERT, {"jurisdiction_id": jurisdiction_id})
        return done.rowcount


async def record(
    db: Database, jurisdiction_id: str, subject: str, actor: str, counts: Counts
) -> None:
    """Log a run as one event: rows of history are too many for one each."""
    event = {"kind": "requests.imported", "subject": subject, "actor": actor}
    after = msgspec.json.encode(counts).decode()
    async with db.begin(jurisdiction_id) as connection:
        await connection.execute(
            _RECORD, {"jurisdiction_id": jurisdiction_id, "after": after, **event}
        )


async def analyze(settings: Settings, table: str = "service_request") -> None:
    """Tell the planner of a table's new rows at once, as the owner: others may not."""
    engine = create_async_engine(owner_url(settings), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"analyze {table}"))
    await engine.dispose()


async def _rules(db: Database, jurisdiction_id: str, source: Source) -> Rules:
    async with db.begin(jurisdiction_id) as connection:
        found = await connection.execute(_TIME_ZONE, {"jurisdiction_id": jurisdiction_id})
        zone = found.scalar_one_or_none()
        services = await _services(connection, jurisdiction_id)
    if zone is None:
        raise NotFound(f"jurisdiction_id {jurisdiction_id!r} does not exist here.")
    try:
        return Rules(ZoneInfo(source.time_zone or zone), source.date_format, services)
    except (ZoneInfoNotFoundError, ValueError):
        raise BadInput(f"{source.time_zone} is no time zone of the tz database.") from None


async def _services(connection: AsyncConnection, jurisdiction_id: str) -> dict[str, str]:
    found = (await connection.execute(_SERVICES, {"jurisdiction_id": jurisdiction_id})).all()
    names = {row.service_name: row.service_code for row in found}
    return names | {row.service_code: row.service_code for row in found}


def _columns(file: HistoryFile, source: Source) -> dict[str, str]:
    """The file's column of each field that it has. Raises BadInput."""
    here = ", ".join(file.columns)
    for field, column in source.columns.items():
        if field not in FIELDS:
            raise BadInput(f"There is no field {field}; the fields are {', '.join(FIELDS)}.")
        if column not in file.columns:
            raise BadInput(f"{source.path} has no column {column}; its columns are {here}.")
    named = {field: source.columns.get(field, field) for field in FIELDS}
    columns = {field: column for field, column in named.items() if column in file.columns}
    for needed in ("service_code", "requested_datetime"):
        if needed not in columns:
            raise BadInput(f"Say which column is the {needed}; {source.path} has {here}.")
    return columns


def _is_same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _renamed(rows: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({field: rows[column] for field, column in columns.items()})


async def _create_services(
    db: Database, jurisdiction_id: str, texts: pd.DataFrame, rules: Rules, actor: str
) -> None:
    """Make a service of each code that the jurisdiction does not have, and let the rules know."""
    codes = {code.strip() for code in texts["service_code"].dropna().unique()}
    new = sorted(c for c in codes - rules.services.keys() if c and _usable(c))
    if not new:
        return
    names = {"jurisdiction_id": jurisdiction_id}
    async with db.begin(jurisdiction_id) as connection:
        for code in new:
            await connection.execute(_CREATE_SERVICE, names | {"service_code": code})
            event = {"kind": "service.added", "subject": code, "actor": actor, "after": None}
            await connection.execute(_RECORD, names | event)
        await connection.execute(_MOVE_CHANGESET, names)
    rules.services.update({code: code for code in new})


def _usable(code: str) -> bool:
    # a comma would end the code in the lists that filters take
    return len(code) <= _LONGEST_CODE and code.isprintable() and "," not in code


def _as_csv(rows: pd.DataFrame) -> bytes:
    """CSV as COPY reads it: a null is nothing, an empty text is quoted."""
    sink = io.BytesIO()
    table = pa.Table.from_pandas(rows, preserve_index=False)
    pyarrow.csv.write_csv(table, sink, pyarrow.csv.WriteOptions(include_header=False))
    return sink.getvalue()


def _list_faults(report: Path, faults: list[Fault]) -> None:
    """Add refused rows to the report; without any there is no file."""
    if not faults:
        return
    new = not report.exists()
    with report.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(Fault.__struct_fields__)
        faults.sort(key=lambda fault: fault.line)
        writer.writerows(msgspec.structs.astuple(fault) for fault in faults)
