"""What OpenAPI 3.1 has no words for: how the parameters of one call depend on each other.

Schemathesis loads this, and leaves out calls whose parts are right and the whole is not, and those
whose wrong part does not count.
"""

from datetime import datetime, timedelta
from typing import Any

import schemathesis
from schemathesis import GenerationMode

_MOST_DAYS = timedelta(days=90)


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    # blank is absent, as the description says by allowEmptyValue
    given = {name: text for name, text in (case.query or {}).items() if str(text).strip()}
    if case.meta is None or case.meta.generation.mode is GenerationMode.NEGATIVE:
        # an id makes the other filters void, right or wrong
        return "service_request_id" not in given and not _is_loose(case.body)
    return (
        ("lat" in given) == ("long" in given)
        and _in_order(given, "updated_after", "updated_before")
        and _in_order(given, "start_date", "end_date", within=_MOST_DAYS)
        and _is_box(given)
    )


def _is_loose(body: object) -> bool:
    """Whether a JSON body has types that a form cannot have: all is read as a form's text.

    There null is absent, a list a repeated field, and a number or a truth value what it looks like.
    """
    return isinstance(body, dict) and any(
        not isinstance(value, str) for name, value in body.items() if name not in ("lat", "long")
    )


def _in_order(
    given: dict[str, Any], first: str, last: str, within: timedelta | None = None
) -> bool:
    """Whether two instants, where given, make a span that is not too long, and within the times."""
    instants = {name: _instant(given[name]) for name in (first, last) if name in given}
    if not all(1 < instant.year < 9999 for instant in instants.values()):
        return False
    if len(instants) < 2:
        return True
    span = instants[last] - instants[first]
    return timedelta(0) <= span and (within is None or span <= within)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.upper())


def _is_box(given: dict[str, Any]) -> bool:
    if "bbox" not in given:
        return True
    west, south, east, north = map(float, given["bbox"].split(","))
    return -180 <= west <= east <= 180 and -90 <= south <= north <= 90
