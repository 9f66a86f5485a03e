"""What is known of one hexagon, or of all: the months, and the services asked for most."""

from datetime import date
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.cells import MAP_RESOLUTIONS, resolution_of, text_of
from mapserve import anonymity
from mapserve.days import DAYS
from open311.errors import NotFound
from open311.jurisdictions import Jurisdiction

_MONTHS = text("""
select month, requests, open, median_days, p90_days
from hex_rollup
where jurisdiction_id = :jurisdiction_id and resolution = :resolution and cell = :cell
    and service_code = '' and month > '-infinity'
order by month
""")
_SERVICES = text("""
select h.service_code, coalesce(s.service_name, h.service_code) as service_name,
    h.requests, h.open, h.median_days, h.p90_days
from hex_rollup h
left join service s using (jurisdiction_id, service_code)
where h.jurisdiction_id = :jurisdiction_id and h.resolution = :resolution and h.cell = :cell
    and h.service_code <> '' and h.month = '-infinity'
order by h.requests desc, h.service_code
limit 10
""")
_ALL_MONTHS = text("""
select month, sum(requests) as requests, sum(open) as open
from hex_rollup
where jurisdiction_id = :jurisdiction_id and resolution = :resolution
    and service_code = '' and month > '-infinity'
group by month
order by month
""")


class Counts(Struct, frozen=True, kw_only=True):
    """Requests, and days to close of those that are closed."""

    count: int
    open: int
    closed: int
    median_days: float | None
    p90_days: float | None


class Month(Counts, frozen=True, kw_only=True):
    """The requests of one month (`2020-03`), in the municipality's time."""

    month: str


class Service(Counts, frozen=True, kw_only=True):
    """The requests of one service."""

    service_code: str
    service_name: str


class Cell(Struct, frozen=True):
    """One hexagon: every month that has requests, and its ten commonest services."""

    cell: str
    resolution: int
    months: list[Month]
    services: list[Service]


class Total(Struct, frozen=True):
    """Requests of a time."""

    count: int
    open: int


class MonthTotal(Total, frozen=True):
    """The requests of one month (`2020-03`), in the municipality's time."""

    month: str


class Summary(Total, frozen=True):
    """All requests that maps show, and those of each month that has any."""

    months: list[MonthTotal]


async def of_city(connection: AsyncConnection, city: Jurisdiction) -> Summary:
    """What maps show of a city in all. Raises Forbidden where it is not told."""
    anonymity.require_points(city)
    names = {"jurisdiction_id": city.jurisdiction_id, "resolution": MAP_RESOLUTIONS[0]}
    rows = (await connection.execute(_ALL_MONTHS, names)).all()
    months = [MonthTotal(int(row.requests), int(row.open), _month(row.month)) for row in rows]
    return Summary(sum(each.count for each in months), sum(each.open for each in months), months)


async def of_cell(connection: AsyncConnection, city: Jurisdiction, cell: int) -> Cell:
    """What is known of a hexagon. Raises NotFound (resolution), Forbidden where it is not told."""
    anonymity.require_points(city)
    resolution = resolution_of(cell)
    if resolution not in MAP_RESOLUTIONS:
        raise NotFound(
            f"Hexagons are told of from resolution {MAP_RESOLUTIONS[0]} to {MAP_RESOLUTIONS[-1]}."
        )
    names = {"jurisdiction_id": city.jurisdiction_id, "resolution": resolution, "cell": cell}
    months = (await connection.execute(_MONTHS, names)).all()
    services = (await connection.execute(_SERVICES, names)).all()
    return Cell(
        text_of(cell),
        resolution,
        [Month(month=_month(row.month), **_counts(*row[1:])) for row in months],
        [
            Service(service_code=row[0], service_name=row[1], **_counts(*row[2:]))
            for row in services
        ],
    )


def _month(first: date) -> str:
    return first.isoformat()[:7]


def _counts(requests: int, still_open: int, median: int | None, p90: int | None) -> dict[str, Any]:
    return {
        "count": requests,
        "open": still_open,
        "closed": requests - still_open,
        "median_days": None if median is None else float(DAYS[median]),
        "p90_days": None if p90 is None else float(DAYS[p90]),
    }
