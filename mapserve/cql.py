"""Filters in CQL2, text and JSON (OGC 21-065r2), as SQL in which everything that came is bound.

The library `cql2` reads the language; here its tree becomes a condition on published properties.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import cql2
import shapely
from msgspec import Struct
from shapely.geometry.base import BaseGeometry

from open311 import dates
from open311.errors import BadInput

Kind = Literal["text", "instant", "date", "number", "boolean", "geometry"]
LANGUAGES = {"cql2-text": "text", "cql-text": "text", "cql2-json": "json"}
"""Names of `filter-lang`; `cql-text` is what GDAL knows it by."""

_LONGEST = 4000
_DEEPEST = 32
_NESTING = re.compile(r"[(\[{]|\b(?:not|casei|accenti)\b|[-+*/^]", re.IGNORECASE)
_PLACE = re.compile(r"(?:-->|line) (\d+)(?::| column )(\d+)")
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_CASTS = {
    "text": "text",
    "instant": "timestamptz",
    "date": "date",
    "number": "double precision",
    "boolean": "boolean",
}
_SPATIAL = {
    "s_intersects": "st_intersects({}, {})",
    "s_within": "st_within({}, {})",
    "s_disjoint": "not st_intersects({}, {})",
    "s_contains": "st_contains({}, {})",
    "s_crosses": "st_crosses({}, {})",
    "s_equals": "st_equals({}, {})",
    "s_overlaps": "st_overlaps({}, {})",
    "s_touches": "st_touches({}, {})",
}


class Property(Struct, frozen=True):
    """What a filter may name: its SQL, written by us, and what kind of value it has."""

    sql: str
    kind: Kind


class Condition(Struct, frozen=True):
    """A condition in SQL, the values bound in it, and a text that is the same for equal ones."""

    sql: str
    values: dict[str, Any]
    key: str


def read(text: str, language: str, properties: Mapping[str, Property], zone: ZoneInfo) -> Condition:
    """The condition that a filter means; dates without an offset are the zone's.

    Raises BadInput that says what is wrong and where.
    """
    return condition(parse(text, language), properties, zone, text)


def condition(
    tree: Any,
    properties: Mapping[str, Property],
    zone: ZoneInfo,
    text: str = "",
    shape_of: Callable[[BaseGeometry], BaseGeometry] = lambda shape: shape,
) -> Condition:
    """The condition of a tree in CQL2 JSON; `text` is where a wrong name is looked for.

    Its shapes are in longitude and latitude once `shape_of` has seen them. Raises BadInput.
    """
    walk = _Walk(text, properties, zone, shape_of)
    return Condition(walk.condition(tree, 0), walk.values, json.dumps(tree, sort_keys=True))


def parse(text: str, language: str) -> Any:
    """The tree of a filter, as CQL2 JSON. Raises BadInput that says where it cannot be read."""
    kind = LANGUAGES.get(language.lower())
    if kind is None:
        raise BadInput(f"filter-lang must be one of {', '.join(LANGUAGES)}.")
    # the parser recurses on the machine's stack, which no Python error guards
    if len(text) > _LONGEST or len(_NESTING.findall(text)) > 4 * _DEEPEST:
        raise BadInput(f"filter is longer than {_LONGEST} characters or too deeply nested.")
    try:
        if kind == "json":
            json.loads(text)
            return cql2.parse_json(text).to_json()
        return cql2.parse_text(text).to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError) as error:
        raise BadInput(f"filter cannot be read{_where(str(error))}.") from None


def _where(message: str) -> str:
    found = _PLACE.search(message)
    return f" at line {found[1]}, column {found[2]}" if found else ""


class _Walk:
    """One walk over a tree, collecting the values that it binds."""

    def __init__(
        self,
        text: str,
        properties: Mapping[str, Property],
        zone: ZoneInfo,
        shape_of: Callable[[BaseGeometry], BaseGeometry],
    ) -> None:
        self._text = text
        self._properties = properties
        self._zone = zone
        self._shape_of = shape_of
        self.values: dict[str, Any] = {}

    def condition(self, node: Any, depth: int) -> str:
        if depth > _DEEPEST:
            raise BadInput("filter is too deeply nested.")
        if isinstance(node, bool):
            return "true" if node else "false"
        if not isinstance(node, dict) or "op" not in node:
            raise BadInput("filter must be a condition, not a value.")
        name, arguments = str(node["op"]).lower(), node.get("args", [])
        if name in ("and", "or", "not"):
            return self._logic(name, arguments, depth)
        return self._predicate(name)(name, arguments)

    def _logic(self, name: str, arguments: list[Any], depth: int) -> str:
        parts = [f"({self.condition(each, depth + 1)})" for each in arguments]
        if not parts or (name == "not" and len(parts) != 1):
            raise BadInput(f"{name} in filter has the wrong number of arguments.")
        return f"not {parts[0]}" if name == "not" else f" {name} ".join(parts)

    def _predicate(self, name: str) -> Callable[[str, list[Any]], str]:
        known: dict[str, Callable[[str, list[Any]], str]] = {
            **dict.fromkeys(_COMPARISONS, self._compare),
            **dict.fromkeys(_SPATIAL, self._spatial),
            **dict.fromkeys(("t_after", "t_before", "t_during", "t_equals"), self._temporal),
            "isnull": self._is_null,
            "like": self._like,
            "between": self._between,
            "in": self._in,
        }
        if name not in known:
            raise BadInput(f"filter: {name[:40]} is not supported here.")
        return known[name]

    def _compare(self, name: str, arguments: list[Any]) -> str:
        first, second = self._take(arguments, 2)
        if not self._is_property(first):
            first, second = second, first
            name = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(name, name)
        field, wrap = self._property(first)
        if isinstance(second, dict) and second.get("op") == "casei":
            second = self._take(second.get("args", []), 1)[0]
        value = self._value(second, field.kind)
        return f"{wrap.format(field.sql)} {name} {wrap.format(value)}"

    def _is_null(self, _name: str, arguments: list[Any]) -> str:
        return f"{self._property(self._take(arguments, 1)[0])[0].sql} is null"

    def _like(self, _name: str, arguments: list[Any]) -> str:
        first, pattern = self._take(arguments, 2)
        field, wrap = self._property(first)
        if isinstance(pattern, dict) and pattern.get("op") == "casei":
            pattern = self._take(pattern.get("args", []), 1)[0]
        self._check(field.kind == "text", "like in filter is for texts.")
        return f"{wrap.format(field.sql)} like {wrap.format(self._value(pattern, 'text'))}"

    def _between(self, _name: str, arguments: list[Any]) -> str:
        first, low, high = self._take(arguments, 3)
        field, _ = self._property(first)
        bounds = self._value(low, field.kind), self._value(high, field.kind)
        return f"{field.sql} between {bounds[0]} and {bounds[1]}"

    def _in(self, _name: str, arguments: list[Any]) -> str:
        first, members = self._take(arguments, 2)
        field, wrap = self._property(first)
        self._check(isinstance(members, list) and bool(members), "in of filter needs a list.")
        values = [wrap.format(self._value(each, field.kind)) for each in members]
        return f"{wrap.format(field.sql)} in ({', '.join(values)})"

    def _spatial(self, name: str, arguments: list[Any]) -> str:
        first, second = self._take(arguments, 2)
        if not self._is_property(first):
            first, second = second, first
        field, _ = self._property(first)
        self._check(field.kind == "geometry", f"{name} in filter is for the geometry.")
        shape = f"st_geomfromwkb({self._bind(self._shape(second))}, 4326)"
        return _SPATIAL[name].format(field.sql, shape)

    def _temporal(self, name: str, arguments: list[Any]) -> str:
        first, second = self._take(arguments, 2)
        field, _ = self._property(first)
        is_time = field.kind in ("instant", "date")
        self._check(is_time, f"{name} in filter is for points in time.")
        if name == "t_during":
            ends = second.get("interval") if isinstance(second, dict) else None
            self._check(isinstance(ends, list) and len(ends) == 2, "t_during needs an interval.")
            low, high = (None if each == ".." else each for each in ends or [])
            bounds = [f"{field.sql} > {self._value(low, field.kind)}"] if low else []
            bounds += [f"{field.sql} < {self._value(high, field.kind)}"] if high else []
            return " and ".join(bounds) or "true"
        sign = {"t_after": ">", "t_before": "<", "t_equals": "="}[name]
        return f"{field.sql} {sign} {self._value(second, field.kind)}"

    def _shape(self, node: Any) -> bytes:
        try:
            is_box = isinstance(node, dict) and "bbox" in node
            geometry: BaseGeometry = (
                shapely.box(*node["bbox"]) if is_box else shapely.from_geojson(json.dumps(node))
            )
            geometry = self._shape_of(geometry)
            self._check(geometry.is_valid and not geometry.is_empty, "")
        except (ValueError, TypeError, shapely.errors.ShapelyError, BadInput):
            raise BadInput("filter: a geometry in it is not valid.") from None
        return bytes(shapely.to_wkb(geometry))

    def _is_property(self, node: Any) -> bool:
        if isinstance(node, dict) and node.get("op") == "casei":
            node = (node.get("args") or [None])[0]
        return isinstance(node, dict) and "property" in node

    def _property(self, node: Any) -> tuple[Property, str]:
        """The property, and what both sides are wrapped in: `casei` compares without case."""
        wrap = "{}"
        if isinstance(node, dict) and node.get("op") == "casei":
            node, wrap = self._take(node.get("args", []), 1)[0], "lower({})"
        if not isinstance(node, dict) or "property" not in node:
            raise BadInput("filter compares properties with values.")
        name = str(node["property"])
        if name not in self._properties:
            at = self._text.find(name) + 1
            known = ", ".join(self._properties)
            raise BadInput(
                f"filter: there is no property {name[:60]!r} (column {at}); there are {known}."
            )
        return self._properties[name], wrap

    def _value(self, node: Any, kind: Kind) -> str:
        return f"cast({self._bind(self._read(node, kind))} as {_CASTS.get(kind, 'text')})"

    def _read(self, node: Any, kind: Kind) -> Any:
        if kind == "instant":
            return self._instant(node)
        if kind == "date":
            # a moment in time counts as the day that it is on where the municipality is
            return self._instant(node).astimezone(self._zone).date()
        if kind == "boolean":
            self._check(isinstance(node, bool), f"filter: {str(node)[:40]!r} is not true or false.")
            return node
        if kind == "number":
            is_number = isinstance(node, int | float) and not isinstance(node, bool)
            self._check(is_number, f"filter: {str(node)[:40]!r} is no number.")
            return float(node)
        self._check(kind == "text" and isinstance(node, str), "filter: a text is needed.")
        self._check("\0" not in node, "filter: a text with a NUL in it.")
        return node

    def _instant(self, node: Any) -> datetime:
        if isinstance(node, dict):
            node = node.get("timestamp", node.get("date"))
        self._check(isinstance(node, str), "filter: a date or timestamp is needed.")
        # GDAL writes a day as 2026-01-31T
        return dates.parse_instant(str(node).removesuffix("T"), self._zone, "a date in filter")

    def _bind(self, value: Any) -> str:
        name = f"cql_{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def _take(self, arguments: Any, number: int) -> list[Any]:
        is_list = isinstance(arguments, list) and len(arguments) == number
        self._check(is_list, f"filter: {number} arguments are needed.")
        return list(arguments)

    def _check(self, holds: bool, told: str) -> None:
        if not holds:
            raise BadInput(told)
