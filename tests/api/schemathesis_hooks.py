"""What OpenAPI 3.1 has no words for: how the parameters of one call depend on each other.

Schemathesis loads this, and leaves out calls whose parts are right and the whole is not, and those
whose wrong part does not count.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import schemathesis
from schemathesis import GenerationMode

_MOST_DAYS = timedelta(days=90)


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    if case.meta is None or case.meta.generation.mode is GenerationMode.NEGATIVE:
        return not _is_overridden(case.query or {}) and not _is_loose(case.body)
    return _is_consistent(case.query or {})


def _is_overridden(query: dict[str, Any]) -> bool:
    """Whether an id is asked for, which makes the other filters void, right or wrong."""
    return bool(str(query.get("service_request_id", "")).strip())


def _is_loose(body: object) -> bool:
    """Whether a JSON body has types that a form cannot have: all is read as a form's text.

    There null is absent, a list a repeated field, and a number or a truth value what it looks like.
    """
    return isinstance(body, dict) and any(
        not isinstance(value, str) for name, value in body.items() if name not in ("lat", "long")
    )


def _is_consistent(query: dict[str, Any]) -> bool:
    return (
        ("lat" in query) == ("long" in query)
        and _in_order(query, "updated_after", "updated_before")
        and _in_order(query, "start_date", "end_date", within=_MOST_DAYS)
        and _is_box(str(query.get("bbox", "")))
    )


def _in_order(
    query: dict[str, Any], first: str, last: str, within: timedelta | None = None
) -> bool:
    if first not in query or last not in query:
        return True
    start, end = (_instant(str(query[name])) for name in (first, last))
    return start <= end and (within is None or end - start <= within)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.upper()).astimezone(UTC)


def _is_box(text: str) -> bool:
    if not text.strip():
        return True
    west, south, east, north = map(float, text.split(","))
    return -180 <= west <= east <= 180 and -90 <= south <= north <= 90
