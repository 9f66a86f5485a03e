"""Public requests counted by hexagon: of whole months from the rollup, of the rest from the rows.

What it answers equals counting the rows one by one, for any selection.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct, structs
from numpy.typing import ArrayLike, NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.cells import MAP_RESOLUTIONS, cell_at
from mapserve import anonymity, days
from mapserve.filters import CLOSED_STATUSES, OPEN_STATUSES, Selection
from mapserve.rollups import ALL_SERVICES
from open311.errors import BadInput, NotFound
from open311.jurisdictions import Jurisdiction

FINEST = 12
"""Beyond MAP_RESOLUTIONS hexagons are counted from the rows, of as many as the setting allows."""

_SECOND = timedelta(seconds=1)
_IN_CELLS = " and cell = any(:cells)"
_ONE_GROUP = """
select cell, requests, open, median_days, p90_days
from hex_rollup
where jurisdiction_id = :jurisdiction_id and resolution = :resolution
    and service_code = :service and month = '-infinity'
"""
_GROUPS = """
select cell, sum(requests) as requests, sum(open) as open, string_agg(days, '') as days
from hex_rollup
where jurisdiction_id = :jurisdiction_id and resolution = :resolution
    and service_code = any(:services) and {months}
"""
_ROWS = """
select r.cells[:place] as cell, days_code(r.requested_datetime, r.closed_datetime) as code,
    count(*) as number
from service_request r
where r.jurisdiction_id = :jurisdiction_id and r.visibility = 'public' and r.quadkey is not null
"""
_POINTS = """
select st_y(r.geom) as lat, st_x(r.geom) as lon,
    days_code(r.requested_datetime, r.closed_datetime) as code
from service_request r
where r.jurisdiction_id = :jurisdiction_id and r.visibility = 'public' and r.quadkey is not null
"""

Integers = NDArray[np.int64]


class Hexes(Struct, frozen=True):
    """Hexagons in columns of one length, by ascending cell: requests, how many of them are open,
    and of the closed ones the median and 90th percentile of days to close (nan of none)."""

    resolution: int
    cells: Integers
    requests: Integers
    open: Integers
    median_days: NDArray[np.float64]
    p90_days: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.cells)

    def take(self, mask: NDArray[np.bool_]) -> "Hexes":
        """Those that a mask chooses."""
        return Hexes(
            self.resolution,
            self.cells[mask],
            self.requests[mask],
            self.open[mask],
            self.median_days[mask],
            self.p90_days[mask],
        )


class _Tally(Struct):
    """Counts to be added up: so many requests of a code in a cell, -1 being open ones."""

    cells: list[Integers] = []
    codes: list[Integers] = []
    numbers: list[Integers] = []

    def add(self, cells: ArrayLike, codes: ArrayLike, numbers: ArrayLike) -> None:
        for column, values in (
            (self.cells, cells),
            (self.codes, codes),
            (self.numbers, numbers),
        ):
            column.append(np.asarray(values, np.int64))


async def aggregate(
    connection: AsyncConnection,
    city: Jurisdiction,
    resolution: int,
    selection: Selection,
    cells: Sequence[int] | None = None,
    most: int = 0,
) -> Hexes:
    """The hexagons of a selection that hold any of its requests, of the given cells or of all.

    The selection's box says which requests count; to say which hexagons, name their cells.
    Finer ones than MAP_RESOLUTIONS are of at most `most` requests. Raises NotFound (resolution)
    and BadInput (too many requests, or filters where a municipality publishes none).
    """
    if not MAP_RESOLUTIONS[0] <= resolution <= FINEST:
        raise NotFound(f"Hexagons are of resolutions {MAP_RESOLUTIONS[0]} to {FINEST}.")
    least = city.settings.hex_minimum
    if least > 1:
        anonymity.check(city, selection, resolution)
        whole = await _standing(connection, city, anonymity.RESOLUTION, selection, None)
        return _within(_published(whole, resolution, least), cells)
    if resolution not in MAP_RESOLUTIONS:
        found = await _from_points(connection, city, resolution, selection, most)
        return _within(found, cells)
    if len(selection.service_codes) <= 1 and not _limits_more(selection):
        return await _standing(connection, city, resolution, selection, cells)
    return await _selected(connection, city, resolution, selection, cells)


def _limits_more(selection: Selection) -> bool:
    return not structs.replace(selection, service_codes=()).is_everything


def _published(whole: Hexes, resolution: int, least: int) -> Hexes:
    counts = anonymity.publish(whole.cells, whole.requests, whole.open, resolution, least)
    untold = np.full(len(counts[0]), np.nan)
    return Hexes(resolution, *counts, untold, untold)


def _within(hexes: Hexes, cells: Sequence[int] | None) -> Hexes:
    return hexes if cells is None else hexes.take(np.isin(hexes.cells, np.asarray(cells, np.int64)))


async def _standing(
    connection: AsyncConnection,
    city: Jurisdiction,
    resolution: int,
    selection: Selection,
    cells: Sequence[int] | None,
) -> Hexes:
    """All requests, or all of one service: one row of the rollup for each hexagon."""
    names = _names(city, resolution, cells)
    names["service"] = next(iter(selection.service_codes), ALL_SERVICES)
    sql = _ONE_GROUP + (_IN_CELLS if cells is not None else "")
    rows = (await connection.execute(text(sql + " order by cell"), names)).all()
    columns: list[Any] = list(zip(*rows, strict=True)) or [()] * 5
    medians, p90s = (
        days.of_codes(np.array([-1 if code is None else code for code in column], np.int64))
        for column in columns[3:]
    )
    found, requests, still_open = (np.array(column, np.int64) for column in columns[:3])
    return Hexes(resolution, found, requests, still_open, medians, p90s)


async def _selected(
    connection: AsyncConnection,
    city: Jurisdiction,
    resolution: int,
    selection: Selection,
    cells: Sequence[int] | None,
) -> Hexes:
    """Whole months from the rollup when it can tell, and what is left from the rows."""
    tally = _Tally([], [], [])
    parts = [selection]
    if _rollup_tells(selection):
        months, parts = _months(selection, ZoneInfo(city.time_zone))
        if months is not None:
            await _add_months(connection, city, resolution, selection, cells, months, tally)
    for part in parts:
        await _add_rows(connection, city, resolution, part, cells, tally)
    return _added_up(resolution, tally)


def _rollup_tells(selection: Selection) -> bool:
    known = ((), OPEN_STATUSES, CLOSED_STATUSES)
    return selection.box is None and selection.condition is None and selection.statuses in known


Months = tuple[date | None, date | None]
"""First and last whole month, both included; None is no bound."""


def _months(selection: Selection, zone: ZoneInfo) -> tuple[Months | None, list[Selection]]:
    """The whole months of a period, and the selections of what remains at its ends."""
    first = selection.start and _month_from(selection.start, zone)
    after = selection.end and _month_at(selection.end + _SECOND, zone)
    if first and after and first >= after:
        return None, [selection]
    rest = []
    if first and selection.start and (begin := _instant(first, zone)) > selection.start:
        rest.append(structs.replace(selection, end=begin - _SECOND))
    if after and selection.end and (end := _instant(after, zone)) <= selection.end:
        rest.append(structs.replace(selection, start=end))
    return (first, after and _previous(after)), rest


def _month_at(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date().replace(day=1)


def _month_from(instant: datetime, zone: ZoneInfo) -> date:
    """The first month that begins at an instant or after it."""
    month = _month_at(instant, zone)
    return month if _instant(month, zone) >= instant else _next(month)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _previous(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def _instant(month: date, zone: ZoneInfo) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=zone).astimezone(UTC)


async def _add_months(
    connection: AsyncConnection,
    city: Jurisdiction,
    resolution: int,
    selection: Selection,
    cells: Sequence[int] | None,
    months: Months,
    tally: _Tally,
) -> None:
    names = _names(city, resolution, cells)
    names["services"] = list(selection.service_codes or [ALL_SERVICES])
    first, last = months
    condition = "month = '-infinity'"
    if first or last:
        condition = "month > '-infinity'"
        condition += " and month >= :first" if first else ""
        condition += " and month <= :last" if last else ""
        names |= {name: month for name, month in (("first", first), ("last", last)) if month}
    sql = _GROUPS.format(months=condition) + (_IN_CELLS if cells is not None else "")
    for row in await connection.execute(text(sql + " group by cell"), names):
        if selection.statuses != CLOSED_STATUSES and row.open:
            tally.add([row.cell], [-1], [row.open])
        if selection.statuses != OPEN_STATUSES and row.days:
            pairs = np.frombuffer(row.days, days.PACKED)
            tally.add(np.full(len(pairs), row.cell), pairs["code"], pairs["number"])


async def _add_rows(
    connection: AsyncConnection,
    city: Jurisdiction,
    resolution: int,
    selection: Selection,
    cells: Sequence[int] | None,
    tally: _Tally,
) -> None:
    condition, values = selection.where()
    names = values | _names(city, resolution, cells)
    names["place"] = names.pop("resolution") - MAP_RESOLUTIONS[0] + 1
    sql = _ROWS + condition
    sql += " and r.cells[:place] = any(:cells)" if cells is not None else ""
    rows = (await connection.execute(text(sql + " group by 1, 2"), names)).all()
    if rows:
        found, codes, numbers = zip(*rows, strict=True)
        tally.add(found, [-1 if code is None else code for code in codes], numbers)


async def _from_points(
    connection: AsyncConnection,
    city: Jurisdiction,
    resolution: int,
    selection: Selection,
    most: int,
) -> Hexes:
    condition, values = selection.where()
    names = values | {"jurisdiction_id": city.jurisdiction_id, "most": most + 1}
    rows = (await connection.execute(text(f"{_POINTS}{condition} limit :most"), names)).all()
    if len(rows) > most:
        raise BadInput(
            f"Hexagons finer than {MAP_RESOLUTIONS[-1]} are of at most {most} requests: "
            "name a smaller bbox, or a filter."
        )
    tally = _Tally([], [], [])
    tally.add(
        [cell_at(row.lat, row.lon, resolution) for row in rows],
        [-1 if row.code is None else row.code for row in rows],
        [1] * len(rows),
    )
    return _added_up(resolution, tally)


def _added_up(resolution: int, tally: _Tally) -> Hexes:
    if not tally.cells:
        tally.add([], [], [])
    found, groups = np.unique(np.concatenate(tally.cells), return_inverse=True)
    codes, numbers = np.concatenate(tally.codes), np.concatenate(tally.numbers)
    opened = codes < 0
    size = len(found)
    requests = np.bincount(groups, numbers, size).astype(np.int64)
    still_open = np.bincount(groups[opened], numbers[opened], size).astype(np.int64)
    closed = ~opened
    median, p90 = days.percentiles(groups[closed], codes[closed], numbers[closed], size)
    return Hexes(resolution, found, requests, still_open, median, p90)


def _names(city: Jurisdiction, resolution: int, cells: Sequence[int] | None) -> dict[str, Any]:
    names: dict[str, Any] = {"jurisdiction_id": city.jurisdiction_id, "resolution": resolution}
    return names if cells is None else names | {"cells": list(cells)}
