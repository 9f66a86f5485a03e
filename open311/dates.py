"""Dates as GeoReport v2 writes them, and as its clients really send them."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from open311.errors import BadInput

# An unescaped "+" of an offset arrives as a blank.
_LOST_PLUS = re.compile(r"(\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) (\d{2}:?\d{2})$")
_SHAPE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?$", re.IGNORECASE)


def now() -> datetime:
    """This moment in UTC, in whole seconds: no client ever sees fractions."""
    return datetime.now(UTC).replace(microsecond=0)


def format_instant(instant: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`: UTC, whole seconds, the form that every client reads."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return f"{instant.isoformat(timespec='seconds')[:19]}Z"


def parse_instant(text: str, zone: ZoneInfo, name: str) -> datetime:
    """Read a date or a date-time of ISO 8601; without an offset it is the zone's own time.

    A date alone is its first second. Raises BadInput that names the parameter.
    """
    text = _LOST_PLUS.sub(r"\1+\2", text.strip())
    try:
        if not _SHAPE.match(text):
            raise ValueError
        instant = datetime.fromisoformat(text.upper())
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=zone)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{name} must be a date like 2026-03-10T08:00:00Z; {text[:40]!r} is not."
        ) from None
