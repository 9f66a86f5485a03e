"""What a call of OGC API Features asks for: its parameters as a query, or a clear refusal."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct
from shapely.geometry.base import BaseGeometry

from mapserve import cql, filters
from mapserve.cql import Condition
from mapserve.features.boxes import box_from
from mapserve.features.crs import CRS84, Crs, find_crs, from_crs
from mapserve.features.reading import Query, Sort
from mapserve.features.source import Column, Source
from open311 import dates
from open311.errors import BadInput
from open311.extents import Box
from open311.forms import Fields, parse_number
from open311.settings import Settings

FILTERS = ("bbox", "bbox-crs", "datetime", "filter", "filter-lang", "filter-crs")
OF_REQUESTS = ("service_code", "status", "start_date", "end_date")
PAGING = ("limit", "after", "sortby", "properties", "skipGeometry", "crs", "resultType")
RESERVED = frozenset({*FILTERS, *PAGING, "f"})

_OPEN = ("", "..")
_FIRST_YEAR, _LAST_YEAR = "0000-", "9999-"
_MOST_DIGITS = 9


class Asked(Struct, frozen=True):
    """A query, and how its answer is to look."""

    query: Query
    crs: Crs
    hits_only: bool


def check_names(fields: Fields, known: Collection[str]) -> None:
    """Refuse parameters that nobody here knows, as OGC API wants it. Raises BadInput."""
    for name in fields.values:
        if name not in known:
            raise BadInput(f"There is no parameter {name[:60]!r}; there are {', '.join(known)}.")


def known_names(source: Source) -> list[str]:
    """The parameters that limit, sort and page the features of a layer."""
    own = OF_REQUESTS if source.of_requests else ()
    names = (*FILTERS, *own, *PAGING, "f", *(column.name for column in source.columns))
    return list(dict.fromkeys(names))


def read(fields: Fields, source: Source, zone: ZoneInfo, settings: Settings) -> Asked:
    """What is asked of a layer; dates without an offset are the zone's. Raises BadInput."""
    check_names(fields, known_names(source))
    limited = limits(fields, source, zone)
    result = fields.text("resultType") or "results"
    if result not in ("results", "hits"):
        raise BadInput("resultType must be results or hits.")
    query = Query(
        selection=limited.selection,
        boxes=limited.boxes,
        condition=limited.condition,
        properties=tuple(fields.many("properties")) or None,
        sort=_read_sort(fields, source),
        limit=_read_limit(fields, settings),
        after=fields.text("after"),
        with_shapes=not _is_true(fields, "skipGeometry"),
    )
    crs = fields.text("crs")
    return Asked(query, find_crs(crs) if crs else CRS84, result == "hits")


def limits(fields: Fields, source: Source, zone: ZoneInfo) -> Query:
    """What limits features, whatever service is asked: place, time, properties, filter."""
    of_requests = {name: fields.values[name] for name in OF_REQUESTS if name in fields.values}
    return Query(
        selection=filters.read(Fields(of_requests), zone)
        if source.of_requests
        else filters.Selection(),
        boxes=_read_boxes(fields),
        condition=_read_condition(fields, source, zone),
    )


def _read_boxes(fields: Fields) -> tuple[Box, ...]:
    """`bbox` of four numbers or six; one whose west is the greater crosses the antimeridian.

    The axes of South Africa's systems point west and south: there the lower left corner has the
    greater numbers.
    """
    text = fields.text("bbox")
    crs = find_crs(fields.text("bbox-crs") or CRS84.uri)
    if text is None:
        return ()
    try:
        numbers = [parse_number(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4:
        raise BadInput("bbox must be four numbers, or six with heights: least first.")
    first, second, first_end, second_end = numbers
    lats = (first, first_end) if crs.is_reversed else (second, second_end)
    if crs.is_geographic and lats[0] > lats[1]:
        raise BadInput("bbox must have the south before the north.")
    if crs.is_geographic and not crs.is_reversed and first > first_end:
        west = box_from((first, second, 180, second_end), crs)
        return west, box_from((-180, second, first_end, second_end), crs)
    return (box_from((first, second, first_end, second_end), crs),)


def _read_condition(fields: Fields, source: Source, zone: ZoneInfo) -> Condition | None:
    """`filter`, `datetime` and the values of properties, all in one."""
    text, trees = fields.text("filter"), []
    if text:
        trees.append(cql.parse(text, fields.text("filter-lang") or "cql2-text"))
    trees += _read_time(fields, source, zone)
    taken = RESERVED.union(OF_REQUESTS if source.of_requests else ())
    for column in source.columns:
        if column.name in fields.values and column.name not in taken:
            trees += [_equals(column, value) for value in fields.values[column.name]]
    if not trees:
        return None
    crs = find_crs(fields.text("filter-crs") or CRS84.uri)

    def to_degrees(shape: BaseGeometry) -> BaseGeometry:
        placed: BaseGeometry = from_crs(np.array([shape], dtype=object), crs)[0]
        return placed

    tree = trees[0] if len(trees) == 1 else {"op": "and", "args": trees}
    return cql.condition(tree, source.properties, zone, text or "", to_degrees)


def _equals(column: Column, text: str) -> dict[str, Any]:
    value: Any = text
    if column.type in ("integer", "number"):
        try:
            value = parse_number(text)
        except ValueError:
            raise BadInput(f"{column.name} is a number; {text[:40]!r} is none.") from None
    elif column.type == "boolean":
        if text.lower() not in ("true", "false"):
            raise BadInput(f"{column.name} is true or false; {text[:40]!r} is neither.")
        value = text.lower() == "true"
    elif column.type in ("date", "date-time"):
        value = {"timestamp": text}
    return {"op": "=", "args": [{"property": column.name}, value]}


def _read_time(fields: Fields, source: Source, zone: ZoneInfo) -> list[dict[str, Any]]:
    """`datetime`: a moment, or a span whose ends may be open. What has no time is always meant."""
    text = fields.text("datetime")
    if text is None:
        return []
    ends = text.split("/")
    if len(ends) > 2 or (len(ends) == 2 and all(end in _OPEN for end in ends) and ends[0] != ".."):
        raise BadInput("datetime must be a date-time or a span like 2026-01-01T00:00:00Z/..")
    start, end = (_moment(each, zone) for each in (ends[0], ends[-1]))
    if start and end and start > end:
        raise BadInput("datetime ends before it begins.")
    if source.instant is None:
        return []
    if len(ends) == 1 and len(text) == len("2026-01-01"):
        # a whole day, as people mean it
        start, end = _moment(f"{text}T00:00:00", zone), _moment(f"{text}T23:59:59.999999", zone)
    bounds = ((">=", start), ("<=", end))
    return [
        {"op": sign, "args": [{"property": source.instant}, {"timestamp": bound.isoformat()}]}
        for sign, bound in bounds
        if bound
    ]


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    # the first and last year are how clients write that an end is open
    if text in _OPEN or text.startswith((_FIRST_YEAR, _LAST_YEAR)):
        return None
    return dates.parse_instant(text, zone, "datetime")


def _read_sort(fields: Fields, source: Source) -> tuple[Sort, ...]:
    """`sortby=status,-requested_datetime`; a plus that was not escaped arrives as a blank."""
    sorts = []
    for text in fields.many("sortby"):
        name = text.lstrip("+- ")
        if source.column(name) is None:
            known = ", ".join(column.name for column in source.columns)
            raise BadInput(f"There is no property {name[:60]!r} to sort by; there are {known}.")
        sorts.append((name, text.startswith("-")))
    return tuple(sorts)


def _read_limit(fields: Fields, settings: Settings) -> int:
    text = fields.text("limit") or str(settings.page_features)
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text)):
        raise BadInput(f"limit must be a number from 1 to {settings.max_page_features}.")
    # more than the most is no error: the standard wants a page of what there may be
    return min(int(text), settings.max_page_features)


def _is_true(fields: Fields, name: str) -> bool:
    text = (fields.text(name) or "false").lower()
    if text not in ("true", "false"):
        raise BadInput(f"{name} must be true or false.")
    return text == "true"
