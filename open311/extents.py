"""Spans of time and boxes of space, as every query of requests and of their maps names them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from open311 import dates
from open311.errors import BadInput
from open311.forms import Fields, parse_number

Span = tuple[datetime | None, datetime | None]
"""From and to, both included; None is no bound."""


class Box(Struct, frozen=True):
    """A rectangle in degrees."""

    west: float
    south: float
    east: float
    north: float


def read_span(fields: Fields, zone: ZoneInfo, first: str, last: str) -> Span:
    """Two instants, each None when absent. Raises BadInput when the first is after the last."""
    start, end = (
        dates.parse_instant(text, zone, name) if (text := fields.text(name)) else None
        for name in (first, last)
    )
    if start and end and start > end:
        raise BadInput(f"{first} is after {last}.")
    return start, end


def read_box(fields: Fields) -> Box | None:
    """`bbox`: west, south, east, north in degrees. Raises BadInput."""
    text = fields.text("bbox")
    if text is None:
        return None
    try:
        west, south, east, north = (parse_number(part) for part in text.split(","))
    except ValueError:
        raise BadInput("bbox must be west,south,east,north in degrees.") from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise BadInput("bbox must be west,south,east,north in degrees, west before east.")
    return Box(west, south, east, north)
