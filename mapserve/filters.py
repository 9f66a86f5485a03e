"""Which requests a map shows: the filters that tiles, hexagons and features have in common."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from geo.tiles import cover
from mapserve import cql
from mapserve.cql import Condition, Property
from open311.errors import BadInput
from open311.extents import Box, read_box, read_span
from open311.forms import Fields
from open311.workflow import CLOSED, Status

PARAMETERS = frozenset(
    {"service_code", "status", "start_date", "end_date", "bbox", "filter", "filter-lang"}
)
OPEN_STATUSES = tuple(sorted(set(Status) - CLOSED))
CLOSED_STATUSES = tuple(sorted(CLOSED))
REQUEST_PROPERTIES = {
    "service_request_id": Property("r.service_request_id", "text"),
    "service_code": Property("r.service_code", "text"),
    "status": Property("case when r.closed_datetime is null then 'open' else 'closed' end", "text"),
    "detailed_status": Property("r.status", "text"),
    "requested_datetime": Property("r.requested_datetime", "instant"),
    "updated_datetime": Property("r.updated_datetime", "instant"),
    "expected_datetime": Property("r.expected_datetime", "instant"),
    "closed_datetime": Property("r.closed_datetime", "instant"),
    "description": Property("r.description", "text"),
    "agency_responsible": Property("r.agency_responsible", "text"),
    "address": Property("r.address", "text"),
    "zipcode": Property("r.zipcode", "text"),
    "ward": Property("r.ward", "text"),
    "geometry": Property("r.geom", "geometry"),
    "geom": Property("r.geom", "geometry"),
}
"""What a CQL2 filter of requests may name; `r` is the table of requests."""


class Selection(Struct, frozen=True):
    """Which requests; what is left empty does not limit. Both ends of the period are included."""

    service_codes: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    """Detailed ones, sorted."""
    start: datetime | None = None
    end: datetime | None = None
    box: Box | None = None
    condition: Condition | None = None

    @property
    def key(self) -> str:
        """The same for selections that mean the same: for caches."""
        return msgspec.json.encode(
            (
                self.service_codes,
                self.statuses,
                self.start,
                self.end,
                self.box,
                self.condition and self.condition.key,
            )
        ).decode()

    @property
    def is_everything(self) -> bool:
        """Whether nothing limits it."""
        return self == Selection()

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition on table `r` of requests, beginning with `and`, and the values it binds."""
        parts: list[str] = []
        values: dict[str, Any] = {}
        for name, sql in (
            ("service_codes", "r.service_code = any(:service_codes)"),
            ("statuses", "r.status = any(:statuses)"),
            ("start", "r.requested_datetime >= :start"),
            ("end", "r.requested_datetime <= :end"),
        ):
            if value := getattr(self, name):
                parts.append(sql)
                values[name] = list(value) if isinstance(value, tuple) else value
        if self.box is not None:
            parts.append(_within(self.box, values))
        if self.condition is not None:
            parts.append(f"({self.condition.sql})")
            values |= self.condition.values
        return "".join(f" and {part}" for part in parts), values


def _within(box: Box, values: dict[str, Any]) -> str:
    """By ranges of the index, and then exactly."""
    ranges = cover(box.west, box.south, box.east, box.north)
    alternatives = []
    for number, (first, last) in enumerate(ranges):
        values |= {f"first_{number}": first, f"last_{number}": last}
        alternatives.append(f"r.quadkey >= :first_{number} and r.quadkey < :last_{number}")
    values |= {"west": box.west, "south": box.south, "east": box.east, "north": box.north}
    return (
        f"({' or '.join(alternatives)}) and st_x(r.geom) between :west and :east"
        " and st_y(r.geom) between :south and :north"
    )


def read(fields: Fields, zone: ZoneInfo) -> Selection:
    """The selection of a query; dates without an offset are the zone's. Raises BadInput."""
    start, end = read_span(fields, zone, "start_date", "end_date")
    text = fields.text("filter")
    language = fields.text("filter-lang") or "cql2-text"
    return Selection(
        service_codes=tuple(sorted(fields.many("service_code"))),
        statuses=_read_statuses(fields),
        start=start,
        end=end,
        box=read_box(fields),
        condition=cql.read(text, language, REQUEST_PROPERTIES, zone) if text else None,
    )


def _read_statuses(fields: Fields) -> tuple[str, ...]:
    wanted: set[str] = set()
    for text in fields.many("status"):
        if text == "open":
            wanted.update(OPEN_STATUSES)
        elif text == "closed":
            wanted.update(CLOSED_STATUSES)
        elif text in set(Status):
            wanted.add(text)
        else:
            known = ", ".join(("open", "closed", *Status))
            raise BadInput(f"status must be one of {known}; {text[:40]!r} is not.")
    return () if wanted == set(Status) else tuple(sorted(wanted))
