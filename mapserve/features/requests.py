"""Service requests as features: those that everybody may see, with a place or without."""

from typing import Any

from geo.tiles import cover
from mapserve.features import hexagons
from mapserve.features.source import Bind, Column, Reading, Relation, Source
from mapserve.filters import Selection
from open311.extents import Box

TABLES = "service_request r"
_SERVICE_NAME = """(select s.service_name from service s
    where s.jurisdiction_id = r.jurisdiction_id and s.service_code = r.service_code)"""
"""No join: so a filter of it holds wherever requests are `r`, as when hexagons are counted."""

IDENTIFIER = Column(
    "service_request_id", "string", "r.service_request_id", "Its number, as people are told it"
)
COLUMNS = (
    IDENTIFIER,
    Column(
        "status",
        "string",
        "case when r.closed_datetime is null then 'open' else 'closed' end",
        "open or closed",
    ),
    Column(
        "detailed_status",
        "string",
        "r.status",
        "received, acknowledged, assigned, in_progress, reopened; fixed, rejected, duplicate or "
        "no_action",
    ),
    Column("status_notes", "string", "r.status_notes", "Why it has its status"),
    Column("service_code", "string", "r.service_code", "The service asked for, by its code"),
    Column("service_name", "string", _SERVICE_NAME, "The service asked for, by its name"),
    Column("description", "string", "r.description", "What was reported"),
    Column("agency_responsible", "string", "r.agency_responsible", "Who sees to it"),
    Column("requested_datetime", "date-time", "r.requested_datetime", "When it was reported"),
    Column("updated_datetime", "date-time", "r.updated_datetime", "When it last changed"),
    Column("expected_datetime", "date-time", "r.expected_datetime", "When it should be done"),
    Column("closed_datetime", "date-time", "r.closed_datetime", "When it was closed"),
    Column("address", "string", "r.address", "The address, as it was given"),
    Column("zipcode", "string", "r.zipcode", "The postal code"),
    Column("ward", "string", "r.ward", "The ward it lies in, by its code"),
)


def near(box: Box, bind: Bind) -> str:
    """By ranges of quadkeys: row-level security keeps a spatial index from being used."""
    ranges = cover(box.west, box.south, box.east, box.north)
    spans = [f"r.quadkey >= {bind(first)} and r.quadkey < {bind(last)}" for first, last in ranges]
    return f"({' or '.join(spans)})"


async def _relate(reading: Reading, selection: Selection) -> Relation:
    condition, values = selection.where()
    names: dict[str, Any] = {"jurisdiction_id": reading.city.jurisdiction_id, **values}
    where = "r.jurisdiction_id = :jurisdiction_id and r.visibility = 'public'" + condition
    return Relation(TABLES, where, names)


SOURCE = Source(
    columns=COLUMNS,
    geometry_type="Point",
    relate=_relate,
    identifier=IDENTIFIER,
    shape="r.geom",
    near=near,
    instant="requested_datetime",
    of_requests=True,
    tells_requests=True,
    bounds=hexagons.bounds,
)
