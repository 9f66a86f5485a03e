"""What maps must say: a count of the rows one by one, in another way than the server's."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import h3

Row = Any


def days_of(row: Row) -> float | None:
    """Two significant digits, halves up, as Python's decimals have it."""
    if row.closed_datetime is None:
        return None
    seconds = max(0, int((row.closed_datetime - row.requested_datetime).total_seconds()))
    exact = Decimal(seconds) / 86400
    for step, below in (("0.1", "9.95"), ("1", "99.5"), ("10", "995")):
        if exact < Decimal(below):
            unit = Decimal(step)
            return float((exact / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit)
    return min(9900.0, float((exact / 100).quantize(Decimal(1), ROUND_HALF_UP) * 100))


def counted(rows: Iterable[Row], resolution: int) -> dict[str, tuple[Any, ...]]:
    cells = defaultdict(list)
    for row in rows:
        cells[h3.latlng_to_cell(row.lat, row.lon, resolution)].append(row)
    return {cell: of_one(members) for cell, members in cells.items()}


def of_one(members: list[Row]) -> tuple[Any, ...]:
    closed = sorted(days for row in members if (days := days_of(row)) is not None)
    percentiles = (closed[math.ceil(p * len(closed)) - 1] if closed else None for p in (0.5, 0.9))
    return len(members), len(members) - len(closed), len(closed), *percentiles


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


SELECTIONS: dict[str, Callable[[Row], bool]] = {
    "": lambda _row: True,
    "service_code=No Power": lambda row: row.service_code == "No Power",
    "service_code=No Power,Plumbing": lambda row: row.service_code in ("No Power", "Plumbing"),
    "status=open": lambda row: row.closed_datetime is None,
    "status=closed": lambda row: row.closed_datetime is not None,
    "status=fixed": lambda row: row.status == "fixed",
    "start_date=2020-03-01&end_date=2020-04-30T23:59:59": lambda row: (
        instant("2020-03-01T00:00:00+02:00")
        <= row.requested_datetime
        <= instant("2020-04-30T23:59:59+02:00")
    ),
    "start_date=2020-02-11T10:30:00Z&end_date=2020-09-17T01:02:03Z&status=closed": lambda row: (
        row.closed_datetime is not None
        and instant("2020-02-11T10:30:00Z")
        <= row.requested_datetime
        <= instant("2020-09-17T01:02:03Z")
    ),
    "start_date=2020-07-15": lambda row: (
        row.requested_datetime >= instant("2020-07-15T00:00:00+02:00")
    ),
    "end_date=2020-07-15": lambda row: (
        row.requested_datetime <= instant("2020-07-15T00:00:00+02:00")
    ),
    "filter=service_code LIKE 'Sewer%25' AND status = 'closed'": lambda row: (
        row.service_code.startswith("Sewer") and row.closed_datetime is not None
    ),
}
