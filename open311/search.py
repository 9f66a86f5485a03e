"""Find requests: what the filters of GET requests mean, and the SQL they become."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import tiles
from open311 import dates
from open311.errors import BadInput, NotFound
from open311.extents import Box, Span, read_box, read_span
from open311.forms import Fields, parse_number
from open311.new_request import read_point
from open311.settings import Settings
from open311.tables import service, service_request
from open311.wire import PublicStatus

R = service_request.c
# Of latitude, and a little less than at the equator, where it is least (110,574 on WGS 84): the box
# of a circle must not be smaller than the circle.
_METRES_PER_DEGREE = 110_500.0
_MAX_RADIUS = 50_000.0
_DEFAULT_RADIUS = 500.0
_MOST_NEARBY = 50
_LONGEST_COUNT = 9
PARAMETERS = frozenset(
    {
        "jurisdiction_id",
        "service_request_id",
        "service_code",
        "status",
        "start_date",
        "end_date",
        "updated_after",
        "updated_before",
        "bbox",
        "lat",
        "long",
        "radius",
        "page_size",
        "extensions",
    }
)
"""Every filter; `page` is apart."""

# In the order of wire.Request, which is made of them without looking at any: a thousand rows
# are one answer.
COLUMNS = (
    R.service_request_id,
    case((R.closed_datetime.is_(None), literal_column("'open'")), else_=literal_column("'closed'")),
    R.status_notes,
    service.c.service_name,
    R.service_code,
    R.description,
    R.agency_responsible,
    service.c.service_notice,
    R.requested_datetime,
    R.updated_datetime,
    R.expected_datetime,
    R.address,
    R.address_id,
    R.zipcode,
    func.st_y(R.geom).label("lat"),
    func.st_x(R.geom).label("long"),
    R.media_urls[1].label("media_url"),
)
EXTENDED_COLUMNS = (
    R.status,
    R.closed_datetime,
    R.channel,
    R.ward,
    R.parent_service_request_id,
    R.attributes,
    R.media_urls,
)
JOINED = service_request.join(
    service,
    and_(service.c.jurisdiction_id == R.jurisdiction_id, service.c.service_code == R.service_code),
)
# Made once: apps ask for single requests all the time, and making it takes longer than the query.
_ONE_CONDITIONS = (
    R.jurisdiction_id == bindparam("jurisdiction_id"),
    R.visibility == "public",
    R.service_request_id == bindparam("service_request_id"),
)
_ONE: Select[Any] = select(*COLUMNS).select_from(JOINED).where(*_ONE_CONDITIONS)
_ONE_EXTENDED: Select[Any] = (
    select(*COLUMNS, *EXTENDED_COLUMNS).select_from(JOINED).where(*_ONE_CONDITIONS)
)


def _geography(long: Any, lat: Any) -> ColumnElement[Any]:
    """A point of degrees, or of what is bound to be."""
    return func.geography(func.st_setsrid(func.st_makepoint(long, lat), 4326))


_CENTRE = _geography(bindparam("long", type_=Double()), bindparam("lat", type_=Double()))
_DISTANCE = func.st_distance(func.geography(R.geom), _CENTRE).label("distance")
_COVER = (
    func.unnest(
        bindparam("firsts", type_=ARRAY(BigInteger)), bindparam("lasts", type_=ARRAY(BigInteger))
    )
    .table_valued("first", "last")
    .render_derived(name="cover")
)
_NEARBY: Select[Any] = (
    select(*COLUMNS, _DISTANCE)
    .select_from(JOINED.join(_COVER, and_(R.quadkey >= _COVER.c.first, R.quadkey < _COVER.c.last)))
    .where(
        R.jurisdiction_id == bindparam("jurisdiction_id"),
        R.visibility == "public",
        R.service_code == bindparam("service_code"),
        R.closed_datetime.is_(None),
        R.requested_datetime >= bindparam("since"),
        func.st_dwithin(func.geography(R.geom), _CENTRE, bindparam("radius", type_=Double())),
    )
    .order_by(_DISTANCE, R.service_request_id)
    .limit(_MOST_NEARBY)
)


class Circle(Struct, frozen=True):
    """A place (degrees) and a distance from it in metres."""

    lat: float
    long: float
    radius: float

    @property
    def box(self) -> Box:
        """The rectangle around it, for the index."""
        high = self.radius / _METRES_PER_DEGREE
        widest = max(0.01, math.cos(math.radians(min(89.0, abs(self.lat) + high))))
        wide = min(180.0, high / widest)
        return Box(self.long - wide, self.lat - high, self.long + wide, self.lat + high)


class Page(Struct, frozen=True):
    """Which part of the result: pages count from 1."""

    number: int
    size: int


class Filters(Struct, frozen=True):
    """What to look for; conditions of different fields all hold, values of one are alternatives."""

    page: Page
    ids: list[str] = []
    service_codes: list[str] = []
    status: PublicStatus | None = None
    requested: Span = (None, None)
    updated: Span = (None, None)
    box: Box | None = None
    circle: Circle | None = None
    extensions: bool = False


class Found(Struct, frozen=True):
    """One page of rows, and how many there are in all."""

    rows: Sequence[Row[Any]]
    total: int


def read_filters(fields: Fields, zone: ZoneInfo, settings: Settings) -> Filters:
    """The filters of a query. Raises BadInput with the reason for whatever is unclear."""
    page = read_page(fields, settings)
    extensions = read_extensions(fields)
    ids = [each.upper() for each in fields.many("service_request_id")]
    if ids:
        # a list of ids overrides every other argument, and FixMyStreet asks for all that it has
        return Filters(Page(1, len(ids)), ids=ids, extensions=extensions)
    return Filters(
        page,
        service_codes=fields.many("service_code"),
        status=_read_status(fields),
        requested=_read_requested(fields, zone, settings),
        updated=read_span(fields, zone, "updated_after", "updated_before"),
        box=read_box(fields),
        circle=read_circle(fields, _DEFAULT_RADIUS),
        extensions=extensions,
    )


def read_extensions(fields: Fields) -> bool:
    """Whether the client asks for the extended block."""
    return (fields.text("extensions") or "").lower() in ("true", "1")


def read_page(fields: Fields, settings: Settings) -> Page:
    """`page` and `page_size`. Raises BadInput."""
    most = settings.max_page_size
    number = _read_count(fields, "page", 1, 1_000_000)
    return Page(max(1, number), max(1, _read_count(fields, "page_size", most, most)))


def _read_count(fields: Fields, name: str, default: int, most: int) -> int:
    text = fields.text(name)
    if text is None:
        return default
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_COUNT or int(text) > most:
        raise BadInput(f"{name} must be a whole number of at most {most}.")
    return int(text)


def _read_status(fields: Fields) -> PublicStatus | None:
    wanted = set()
    for text in fields.many("status"):
        try:
            wanted.add(PublicStatus(text))
        except ValueError:
            raise BadInput(f"status must be open or closed; {text[:40]!r} is neither.") from None
    return wanted.pop() if len(wanted) == 1 else None


def _read_requested(fields: Fields, zone: ZoneInfo, settings: Settings) -> Span:
    """The span of requested_datetime: never wider than the setting, the latest by default.

    A question for what changed (`updated_after`) is bounded by that instead.
    """
    start, end = read_span(fields, zone, "start_date", "end_date")
    widest = timedelta(days=settings.max_range_days)
    if start and end:
        if end - start > widest:
            raise BadInput(
                f"start_date and end_date may span {settings.max_range_days} days at most."
            )
        return start, end
    if start:
        return start, _shift(start, widest)
    if end:
        return _shift(end, -widest), end
    if fields.text("updated_after"):
        return None, None
    return dates.now() - widest, None


def _shift(instant: datetime, span: timedelta) -> datetime | None:
    try:
        return instant + span
    except OverflowError:
        return None


def read_circle(fields: Fields, default_radius: float) -> Circle | None:
    """The circle of lat, long and radius (metres), or None without a point."""
    lat, long = read_point(fields)
    text = fields.text("radius")
    try:
        radius = parse_number(text) if text else default_radius
    except ValueError:
        radius = -1.0
    if not 0 < radius <= _MAX_RADIUS:
        raise BadInput(f"radius must be a number of metres, at most {_MAX_RADIUS:g}.")
    return None if lat is None or long is None else Circle(lat, long, radius)


async def find(connection: AsyncConnection, jurisdiction_id: str, filters: Filters) -> Found:
    """One page of public requests, newest first. Raises NotFound if no service_code exists."""
    await _check_codes(connection, jurisdiction_id, filters.service_codes)
    rows = await find_newest(connection, jurisdiction_id, filters)
    page = filters.page
    total = (page.number - 1) * page.size + len(rows)
    if len(rows) == page.size or (not rows and page.number > 1):
        conditions = _conditions(jurisdiction_id, filters)
        counted = select(func.count()).select_from(service_request).where(*conditions)
        total = (await connection.execute(counted)).scalar_one()
    return Found(rows, total)


async def find_newest(
    connection: AsyncConnection, jurisdiction_id: str, filters: Filters
) -> Sequence[Row[Any]]:
    """One page of public requests, newest first, however many there are in all."""
    columns = COLUMNS + (EXTENDED_COLUMNS if filters.extensions else ())
    page = filters.page
    newest = (
        select(*columns)
        .select_from(JOINED)
        .where(*_conditions(jurisdiction_id, filters))
        .order_by(R.requested_datetime.desc(), R.service_request_id)
        .limit(page.size)
        .offset((page.number - 1) * page.size)
    )
    return (await connection.execute(newest)).all()


async def find_one(
    connection: AsyncConnection, jurisdiction_id: str, service_request_id: str, extensions: bool
) -> Row[Any]:
    """One public request. Raises NotFound for any other, so that its existence does not show."""
    names = {"jurisdiction_id": jurisdiction_id, "service_request_id": service_request_id.upper()}
    found = await connection.execute(_ONE_EXTENDED if extensions else _ONE, names)
    row: Row[Any] | None = found.one_or_none()
    if row is None:
        raise NotFound(
            f"service_request_id {service_request_id[:80]!r} does not exist in {jurisdiction_id}."
        )
    return row


async def find_nearby(
    connection: AsyncConnection,
    jurisdiction_id: str,
    circle: Circle,
    service_code: str,
    since: datetime,
) -> Sequence[Row[Any]]:
    """Open public requests of a service in a circle, nearest first, with their `distance` (m)."""
    names = {"jurisdiction_id": jurisdiction_id, "service_code": service_code, "since": since}
    names |= {"lat": circle.lat, "long": circle.long, "radius": circle.radius}
    names["firsts"], names["lasts"] = (
        list(ends) for ends in zip(*_ranges(circle.box), strict=True)
    )
    found: Sequence[Row[Any]] = (await connection.execute(_NEARBY, names)).all()
    return found


async def _check_codes(
    connection: AsyncConnection, jurisdiction_id: str, service_codes: list[str]
) -> None:
    if not service_codes:
        return
    known = select(func.count()).where(
        service.c.jurisdiction_id == jurisdiction_id, service.c.service_code.in_(service_codes)
    )
    if (await connection.execute(known)).scalar_one() == 0:
        codes = ", ".join(service_codes)
        raise NotFound(f"service_code {codes[:200]!r} does not exist in {jurisdiction_id}.")


def _conditions(jurisdiction_id: str, filters: Filters) -> list[ColumnElement[bool]]:
    conditions = [R.jurisdiction_id == jurisdiction_id, R.visibility == "public"]
    if filters.ids:
        return [*conditions, R.service_request_id.in_(filters.ids)]
    if filters.service_codes:
        conditions.append(R.service_code.in_(filters.service_codes))
    if filters.status is not None:
        open_ = filters.status is PublicStatus.OPEN
        conditions.append(R.closed_datetime.is_(None) if open_ else R.closed_datetime.is_not(None))
    conditions += span_conditions(R.requested_datetime, filters.requested)
    conditions += span_conditions(R.updated_datetime, filters.updated)
    if filters.box:
        conditions += _in_box(filters.box)
    if filters.circle:
        conditions += _in_box(filters.circle.box)
        near = func.st_dwithin(
            func.geography(R.geom),
            _geography(filters.circle.long, filters.circle.lat),
            filters.circle.radius,
        )
        conditions.append(near)
    return conditions


def span_conditions(column: ColumnElement[Any], span: Span) -> list[ColumnElement[bool]]:
    """The SQL of a span."""
    start, end = span
    after = [] if start is None else [column >= start]
    return after if end is None else [*after, column <= end]


def _ranges(box: Box) -> list[tuple[int, int]]:
    """The quadkeys of a box, from the first to before the last; a circle's may leave the world."""
    return tiles.cover(max(-180.0, box.west), box.south, min(180.0, box.east), box.north)


def _in_box(box: Box) -> list[ColumnElement[bool]]:
    """Ranges of the quadkey for the index, and the box itself to be exact."""
    envelope = func.st_makeenvelope(box.west, box.south, box.east, box.north, 4326)
    return [
        or_(*(and_(R.quadkey >= first, R.quadkey < last) for first, last in _ranges(box))),
        func.st_intersects(R.geom, envelope),
    ]
