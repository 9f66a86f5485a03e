"""Values and filters of SLD (OGC 02-070, 05-077r4; filters 02-059, 04-095) as MapLibre expressions.

What the declared subset of that language cannot say is refused with its place.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from mapserve.features.source import FieldType
from mapserve.sld.elements import child, children, every, kind, place, text, wrong
from mapserve.sld.scales import ZOOM_ZERO
from open311 import dates
from open311.errors import BadInput
from open311.forms import parse_number

Expression = Any

_COLOURLESS = "rgba(0,0,0,0)"
_NOTHING: dict[str, Any] = {"number": 0, "colour": _COLOURLESS, "string": ""}
"""What is taken where none of the values fits, for each thing that is wanted."""
_SUMS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/"}
_BROKEN_LINE = re.compile(r"\s*\n\s*")


class Reader(Struct, frozen=True):
    """How the names of a document are understood, and what it says that is drawn otherwise."""

    columns: Mapping[str, tuple[str, FieldType]]
    """Properties by each name that they may go by: their own name, and their type."""
    zone: ZoneInfo
    """Of moments without an offset."""
    notes: list[str]
    zoom_zero: float = ZOOM_ZERO
    """The scale that zoom 0 has."""

    def note(self, told: str, element: Any) -> None:
        """Remember what is drawn in another way than it was asked for."""
        sentence = f"{told} ({place(element)})."
        if sentence not in self.notes:
            self.notes.append(sentence)


def parameter(reader: Reader, element: Any, wanted: str = "string") -> Expression:
    """What a parameter says: its text, an expression, or several of both, joined."""
    parts: list[Any] = [_trimmed(element.text)]
    for each in element:
        if isinstance(each.tag, str):
            parts.append(value(reader, each, wanted))
        parts.append(_trimmed(each.tail))
    parts = [part for part in parts if part != ""]
    if len(parts) < 2:
        return parts[0] if parts else ""
    return ["concat", *parts]


def _trimmed(given: str | None) -> str:
    """Text without the broken lines around it; one space may be all that there is."""
    joined = _BROKEN_LINE.sub("\n", given or "").strip("\n")
    return joined.replace("\n", " ")


def number(reader: Reader, element: Any) -> Expression:
    """A parameter that is a number, or an expression of one. Raises BadInput."""
    found = parameter(reader, element, "number")
    if isinstance(found, str):
        return _number(found, element)
    if type_of(reader, found) == "string":
        return ["to-number", found, 0]
    return found


def _number(given: str, element: Any) -> float:
    try:
        found = parse_number(given.strip())
    except ValueError:
        raise wrong(f"{given.strip()[:40]!r} is no number", element) from None
    return int(found) if found == int(found) else found


def type_of(reader: Reader, expression: Expression) -> FieldType | None:
    """The type of an expression's values, where it is known."""
    if isinstance(expression, list) and expression:
        if expression[0] == "get":
            return next((t for name, t in reader.columns.values() if name == expression[1]), None)
        return _TYPES.get(expression[0])
    return None


_TYPES: dict[Any, FieldType] = {
    **dict.fromkeys(("+", "-", "*", "/", "min", "max", "length", "to-number"), "number"),
    **dict.fromkeys(("concat", "upcase", "downcase", "to-string", "geometry-type"), "string"),
    **dict.fromkeys(("in", "!"), "boolean"),
}


def typed(reader: Reader, given: str, told: FieldType | None, element: Any) -> Any:
    """A literal as properties of a type have it in tiles and pictures; of none, as it looks."""
    if told in ("integer", "number"):
        return _number(given, element)
    if told == "boolean":
        return given.strip().lower() in ("true", "1")
    try:
        if told == "date":
            return date.fromisoformat(given.strip()[:10]).isoformat()
        if told == "date-time":
            return dates.format_instant(dates.parse_instant(given, reader.zone, kind(element)))
        if told is None:
            return _number(given, element)
    except (BadInput, ValueError):
        if told is not None:
            raise wrong(f"{given.strip()[:40]!r} is no date", element) from None
    return given


def is_property(expression: Expression) -> bool:
    return isinstance(expression, list) and expression[0] == "get"


def value(reader: Reader, element: Any, wanted: str = "string") -> Expression:
    """An expression, of which a number, colour or string is wanted. Raises BadInput."""
    name = kind(element)
    if name == "Literal":
        return _number(text(element), element) if wanted == "number" else written(element)
    if name in ("PropertyName", "ValueReference"):
        return _get(reader, element)
    if name in _SUMS:
        found = _values(reader, exactly(element, 2), "number")
        return [_SUMS[name], *found]
    if name == "Function":
        return _function(reader, element, wanted)
    if name in _CHOICES:
        return _CHOICES[name](reader, element, wanted)
    raise wrong("This is no expression that is understood here", element)


def written(element: Any) -> str:
    """The text of a literal as it stands: a space may be all of it."""
    return "".join(element.itertext())


def exactly(element: Any, number: int) -> list[Any]:
    found = children(element)
    if len(found) != number:
        raise wrong(f"{number} elements are needed within", element)
    return found


def _values(reader: Reader, elements: Sequence[Any], wanted: str) -> list[Expression]:
    return [value(reader, each, wanted) for each in elements]


def _get(reader: Reader, element: Any) -> Expression:
    path = text(element).rpartition("/")[2]
    found = reader.columns.get(path) or reader.columns.get(path.rpartition(":")[2])
    if found is None:
        known = ", ".join(dict.fromkeys(name for name, _ in reader.columns.values()))
        raise wrong(f"There is no property {path[:60]!r}; there are {known[:500]}", element)
    return ["get", found[0]]


def _function(reader: Reader, element: Any, wanted: str) -> Expression:
    name, arguments = element.get("name", ""), children(element)
    found = FUNCTIONS.get(name.lower().rstrip("0123456789"))
    if found is None:
        known = ", ".join(FUNCTIONS)
        raise wrong(f"There is no function {name[:40]!r} here; there are {known}", element)
    least, make = found
    if len(arguments) < least:
        raise wrong(f"The function {name} has at least {least} arguments", element)
    return make(reader, arguments, wanted)


def _categorize_call(reader: Reader, arguments: Sequence[Any], wanted: str) -> Expression:
    looked_up, *rest = arguments
    belonging = "succeeding"
    if len(rest) % 2 == 0:
        belonging = text(rest[-1]).lower()
        rest = rest[:-1]
    return _categorize(reader, looked_up, rest[::2], rest[1::2], belonging, wanted)


def _categorize_element(reader: Reader, element: Any, wanted: str) -> Expression:
    belonging = element.get("thresholdsBelongTo") or element.get("threshholdsBelongTo")
    return _categorize(
        reader,
        _looked_up(element),
        every(element, "Value"),
        every(element, "Threshold"),
        (belonging or "succeeding").lower(),
        wanted,
    )


def _looked_up(element: Any) -> Any:
    found = child(element, "LookupValue")
    if found is None:
        raise wrong("A LookupValue is needed within", element)
    return found


def _operand(reader: Reader, element: Any, wanted: str) -> Expression:
    """An expression of its own, or one that an element of SE holds."""
    if kind(element) in ("Literal", "Function", "PropertyName", "ValueReference", *_SUMS):
        return value(reader, element, wanted)
    return number(reader, element) if wanted == "number" else parameter(reader, element, wanted)


def _numbers(reader: Reader, elements: Sequence[Any]) -> list[float]:
    """Numbers in rising order, as steps have them. Raises BadInput."""
    found: list[float] = []
    for each in elements:
        one = _operand(reader, each, "number")
        if not isinstance(one, int | float) or (found and one <= found[-1]):
            raise wrong("Numbers that rise are needed", each)
        found.append(one)
    return found


def _categorize(
    reader: Reader,
    looked_up: Any,
    values: Sequence[Any],
    thresholds: Sequence[Any],
    belonging: str,
    wanted: str,
) -> Expression:
    found = _operand(reader, looked_up, "number")
    results = [_operand(reader, each, wanted) for each in values]
    starts = _numbers(reader, thresholds)
    if not starts or len(results) != len(starts) + 1:
        raise wrong("A value before, between and behind each threshold is needed", looked_up)
    if belonging == "preceding":
        pairs = zip(starts, results, strict=False)
        cases = [part for start, each in pairs for part in (["<=", found, start], each)]
        return ["case", *cases, results[-1]]
    if belonging != "succeeding":
        raise wrong("A threshold is of the succeeding or the preceding values", looked_up)
    stops = [part for pair in zip(starts, results[1:], strict=True) for part in pair]
    return ["step", found, results[0], *stops]


def _interpolate_call(reader: Reader, arguments: Sequence[Any], wanted: str) -> Expression:
    looked_up, *rest = arguments
    while rest and kind(rest[-1]) == "Literal" and text(rest[-1]).lower() in _METHODS:
        _check_linear(text(rest[-1]), rest[-1])
        rest = rest[:-1]
    return _interpolate(reader, looked_up, rest[::2], rest[1::2], wanted)


_METHODS = ("numeric", "color", "linear", "cosine", "cubic")


def _check_linear(mode: str, element: Any) -> None:
    if mode.lower() in ("cosine", "cubic"):
        raise wrong("Values are interpolated in a straight line only", element)


def _interpolate_element(reader: Reader, element: Any, wanted: str) -> Expression:
    _check_linear(element.get("mode", "linear"), element)
    points = [exactly(each, 2) for each in every(element, "InterpolationPoint")]
    starts, values = ([each[side] for each in points] for side in (0, 1))
    return _interpolate(reader, _looked_up(element), starts, values, wanted)


def _interpolate(
    reader: Reader, looked_up: Any, starts: Sequence[Any], values: Sequence[Any], wanted: str
) -> Expression:
    if len(starts) < 2 or len(starts) != len(values):
        raise wrong("Two points or more are needed, each a number with its value", looked_up)
    found = _operand(reader, looked_up, "number")
    results = [_operand(reader, each, wanted) for each in values]
    stops = [part for pair in zip(_numbers(reader, starts), results, strict=True) for part in pair]
    return ["interpolate", ["linear"], found, *stops]


def _recode_call(reader: Reader, arguments: Sequence[Any], wanted: str) -> Expression:
    looked_up, *rest = arguments
    return _recode(reader, looked_up, rest[::2], rest[1::2], _NOTHING[wanted], wanted)


def _recode_element(reader: Reader, element: Any, wanted: str) -> Expression:
    items = [exactly(each, 2) for each in every(element, "MapItem")]
    starts, values = ([each[side] for each in items] for side in (0, 1))
    fallback = element.get("fallbackValue")
    if fallback is None:
        otherwise = _NOTHING[wanted]
    else:
        otherwise = _number(fallback, element) if wanted == "number" else fallback
    return _recode(reader, _looked_up(element), starts, values, otherwise, wanted)


def _recode(
    reader: Reader,
    looked_up: Any,
    keys: Sequence[Any],
    values: Sequence[Any],
    otherwise: Any,
    wanted: str,
) -> Expression:
    if not keys or len(keys) != len(values):
        raise wrong("Values in pairs are needed", looked_up)
    found = _operand(reader, looked_up, "string")
    told = type_of(reader, found)
    cases: list[Any] = []
    for key, each in zip(keys, values, strict=True):
        result = _operand(reader, each, wanted)
        cases += [["==", found, typed(reader, text(key), told, key)], result]
    return ["case", *cases, otherwise]


_CHOICES: dict[str, Callable[[Reader, Any, str], Expression]] = {
    "Categorize": _categorize_element,
    "Interpolate": _interpolate_element,
    "Recode": _recode_element,
    "Concatenate": lambda reader, element, _wanted: [
        "concat",
        *(_operand(reader, each, "string") for each in every(element, "StringValue")),
    ],
}


def _call(name: str, wanted: str | None = None) -> Callable[..., Expression]:
    """A function that MapLibre has by another name."""
    return lambda reader, arguments, usual: [name, *_values(reader, arguments, wanted or usual)]


def _if_then_else(reader: Reader, arguments: Sequence[Any], wanted: str) -> Expression:
    condition, first, second = arguments[:3]
    return ["case", value(reader, condition), *_values(reader, (first, second), wanted)]


def _in(reader: Reader, arguments: Sequence[Any], _wanted: str) -> Expression:
    needle = value(reader, arguments[0])
    told = type_of(reader, needle)
    known = [typed(reader, text(each), told, each) for each in arguments[1:]]
    return ["in", needle, ["literal", known]]


def _dimension(_reader: Reader, _arguments: Sequence[Any], _wanted: str) -> Expression:
    return ["match", ["geometry-type"], "Point", 0, "LineString", 1, 2]


def is_null(reader: Reader, element: Any) -> Expression:
    found = value(reader, element)
    if not is_property(found):
        raise wrong("Whether there is a value is asked of a property", element)
    return ["!", ["has", found[1]]]


FUNCTIONS: dict[str, tuple[int, Callable[[Reader, Sequence[Any], str], Expression]]] = {
    "categorize": (4, _categorize_call),
    "interpolate": (5, _interpolate_call),
    "recode": (3, _recode_call),
    "concatenate": (1, _call("concat", "string")),
    "strconcat": (2, _call("concat", "string")),
    "strtolowercase": (1, _call("downcase", "string")),
    "strtouppercase": (1, _call("upcase", "string")),
    "strlength": (1, _call("length", "string")),
    "if_then_else": (3, _if_then_else),
    "in": (2, _in),
    "isnull": (1, lambda reader, arguments, _: is_null(reader, arguments[0])),
    "min": (2, _call("min", "number")),
    "max": (2, _call("max", "number")),
    "env": (2, lambda reader, arguments, wanted: value(reader, arguments[1], wanted)),
    "dimension": (1, _dimension),
    "iscoverage": (0, lambda _reader, _arguments, _wanted: False),
}
"""By their names in small letters, without the number of arguments that some end with: how many
arguments they have at least, and what they become. `env` is what it is unless somebody sets it."""


def times(first: Expression, second: Expression) -> Expression:
    """A product of numbers, or an expression of one."""
    if isinstance(first, int | float) and isinstance(second, int | float):
        product = first * second
        return int(product) if math.isfinite(product) and product == int(product) else product
    return first if second == 1 else second if first == 1 else ["*", first, second]
