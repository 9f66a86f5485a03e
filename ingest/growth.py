"""Grow a jurisdiction's real requests to any number, alike in space and time: for benchmarks."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text

from ingest.history import Counts, Progress, in_parallel, record, store
from ingest.history_files import BATCH_ROWS
from ingest.history_rows import FIELDS, located
from open311.db import Database
from open311.errors import BadInput

_REAL = text(Path(__file__).with_name("growth.sql").read_text())
_NUMBER = text("""
select count(*), count(*) filter (where channel = 'growth')
from service_request
where jurisdiction_id = :jurisdiction_id
""")
CHANNEL = "growth"
"""What the channel of every made request is; their ids begin with DEMO."""

_METRES = 15.0
_MINUTES = 45.0
_DEGREE = 111_320.0  # metres of a degree of latitude


async def grow(
    db: Database,
    jurisdiction_id: str,
    number: int,
    years: int = 10,
    progress: Progress = lambda _done, _size: None,
) -> Counts:
    """Add requests until the jurisdiction has `number`, spread over the years before the real ones.

    Each is a real one moved by some metres and by whole weeks, so that streets, seasons, weekdays
    and hours keep their pattern. The same call makes the same requests, so it can be repeated.
    Raises BadInput when there is nothing real to draw from.
    """
    real = await _real(db, jurisdiction_id)
    async with db.begin(jurisdiction_id) as connection:
        found = await connection.execute(_NUMBER, {"jurisdiction_id": jurisdiction_id})
        total, present = found.one()
    counts = Counts()
    wanted = number - (total - present)
    # from the first again, because an interruption can leave gaps: what is there is passed over
    batches = _batches(real, wanted if present < wanted else 0, years)

    async def take() -> pd.DataFrame | None:
        return await asyncio.to_thread(next, batches, None)

    async def put(rows: pd.DataFrame) -> None:
        inserted = await store(db, jurisdiction_id, rows)
        counts.add(inserted, len(rows) - inserted)
        progress(counts.inserted + counts.known, wanted)

    await in_parallel(take, put)
    await record(db, jurisdiction_id, "growth", "operator", counts)
    return counts


async def _real(db: Database, jurisdiction_id: str) -> pd.DataFrame:
    async with db.begin(jurisdiction_id) as connection:
        await connection.execute(text("set local statement_timeout = '10min'"))
        found = await connection.execute(_REAL, {"jurisdiction_id": jurisdiction_id})
        real = pd.DataFrame(found.all(), columns=list(found.keys()))
    if real.empty:
        raise BadInput(f"{jurisdiction_id} has no requests with a place to draw from.")
    for field in ("requested_datetime", "closed_datetime"):
        real[field] = pd.to_datetime(real[field], utc=True)
    return real


def _batches(real: pd.DataFrame, number: int, years: int) -> Iterator[pd.DataFrame]:
    for first in range(0, number, BATCH_ROWS):
        yield made(real, first, min(number, first + BATCH_ROWS), years)


def made(real: pd.DataFrame, first: int, last: int, years: int) -> pd.DataFrame:
    """The made requests number first to last (excluded), ready to store."""
    random = np.random.default_rng([311, first])
    rows = real.iloc[random.integers(len(real), size=last - first)].reset_index(drop=True)
    moved = _weeks(random, len(rows), years) + pd.to_timedelta(
        random.normal(0, _MINUTES, len(rows)).round(), unit="min"
    )
    for field in ("requested_datetime", "closed_datetime"):
        rows[field] -= moved
    rows["updated_datetime"] = rows["closed_datetime"].fillna(rows["requested_datetime"])
    rows["lat"] += random.normal(0, _METRES / _DEGREE, len(rows))
    east = _METRES / (_DEGREE * np.cos(np.radians(rows["lat"])))
    rows["long"] += random.normal(0, 1, len(rows)) * east
    rows["service_request_id"] = [f"DEMO-{number:09}" for number in range(first, last)]
    rows["channel"] = CHANNEL
    return located(rows.reindex(columns=list(FIELDS)))


def _weeks(random: np.random.Generator, number: int, years: int) -> pd.TimedeltaIndex:
    """Whole weeks nearest to whole years: the season stays, and so does the weekday."""
    back: NDArray[np.int64] = random.integers(1, years + 1, size=number)
    return pd.to_timedelta(np.round(back * 365.2425 / 7) * 7, unit="D")
