"""Expressions of the MapLibre style language, as far as pictures are drawn by them.

The subset is what OPERATORS lists; a style that uses more is refused, when it is checked, with the
place where it does (maplibre.org/maplibre-style-spec/expressions).
"""

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from PIL import ImageColor

from open311.errors import BadInput

Colour = tuple[float, float, float, float]
"""Red, green, blue and opacity, from 0 to 1."""

_TOKEN = re.compile(r"\{([^{}]+)\}")
_COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPUTE: dict[str, Callable[..., float]] = {
    "+": lambda *each: sum(each),
    "*": lambda *each: math.prod(each),
    "-": lambda *each: each[0] - each[1] if len(each) > 1 else -each[0],
    "/": lambda first, second: first / second if second else math.nan,
    "min": min,
    "max": max,
}


class Scope(Struct, frozen=True):
    """What an expression is evaluated for: a zoom, and a feature's properties and kind of shape."""

    zoom: float
    properties: Mapping[str, Any]
    shape: str = "Point"
    """Point, LineString or Polygon."""


def evaluate(expression: Any, scope: Scope) -> Any:
    """The value of an expression; what is no expression is itself. None when it has none."""
    if not isinstance(expression, list) or not expression or not isinstance(expression[0], str):
        return expression
    name, *arguments = expression
    if name in _COMPARE:
        return _compare(name, arguments, scope)
    if name in _COMPUTE:
        values = [evaluate(each, scope) for each in arguments]
        is_known = all(isinstance(value, int | float) for value in values)
        return _COMPUTE[name](*values) if is_known else None
    found = OPERATORS.get(name)
    # a list that is no expression, as fonts are
    return found(arguments, scope) if found else expression


def tried(expression: Any, scope: Scope) -> Any:
    """The value of an expression; None too where the values of a feature do not fit it."""
    try:
        return evaluate(expression, scope)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError):
        return None


def _compare(name: str, arguments: Sequence[Any], scope: Scope) -> bool:
    first, second = (evaluate(each, scope) for each in arguments[:2])
    if name in ("==", "!="):
        return bool(_COMPARE[name](first, second))
    try:
        return bool(_COMPARE[name](first, second))
    except TypeError:
        # of unlike types, or of nothing, none is the greater
        return False


def _get(arguments: Sequence[Any], scope: Scope) -> Any:
    return scope.properties.get(arguments[0])


def _has(arguments: Sequence[Any], scope: Scope) -> bool:
    return scope.properties.get(arguments[0]) is not None


def _match(arguments: Sequence[Any], scope: Scope) -> Any:
    value, *cases, otherwise = arguments
    found = evaluate(value, scope)
    for labels, result in zip(cases[::2], cases[1::2], strict=True):
        if found in (labels if isinstance(labels, list) else [labels]):
            return evaluate(result, scope)
    return evaluate(otherwise, scope)


def _case(arguments: Sequence[Any], scope: Scope) -> Any:
    *cases, otherwise = arguments
    for condition, result in zip(cases[::2], cases[1::2], strict=True):
        if evaluate(condition, scope):
            return evaluate(result, scope)
    return evaluate(otherwise, scope)


def _step(arguments: Sequence[Any], scope: Scope) -> Any:
    value, result, *stops = arguments
    found = evaluate(value, scope)
    for start, following in zip(stops[::2], stops[1::2], strict=True):
        if not isinstance(found, int | float) or found < start:
            break
        result = following
    return evaluate(result, scope)


def _interpolate(arguments: Sequence[Any], scope: Scope) -> Any:
    (how, *base), value, *stops = arguments
    found = evaluate(value, scope)
    starts, results = stops[::2], stops[1::2]
    if not isinstance(found, int | float) or found <= starts[0]:
        return evaluate(results[0], scope)
    if found >= starts[-1]:
        return evaluate(results[-1], scope)
    place = max(number for number, start in enumerate(starts) if start <= found)
    low, high = (evaluate(results[each], scope) for each in (place, place + 1))
    part = _part(found, starts[place], starts[place + 1], base[0] if how == "exponential" else 1)
    if isinstance(low, int | float):
        return low + (high - low) * part
    mixed = (a + (b - a) * part for a, b in zip(colour(low), colour(high), strict=True))
    return tuple(mixed)


def _part(value: float, low: float, high: float, base: float) -> float:
    if base == 1:
        return (value - low) / (high - low)
    return float((base ** (value - low) - 1) / (base ** (high - low) - 1))


def _coalesce(arguments: Sequence[Any], scope: Scope) -> Any:
    return next((each for one in arguments if (each := evaluate(one, scope)) is not None), None)


def _in(arguments: Sequence[Any], scope: Scope) -> bool:
    needle, haystack = (evaluate(each, scope) for each in arguments)
    return haystack is not None and needle in haystack


def _text(arguments: Sequence[Any], scope: Scope) -> str:
    return text_of(evaluate(arguments[0], scope))


def _number(arguments: Sequence[Any], scope: Scope) -> float | None:
    for each in arguments:
        try:
            return float(evaluate(each, scope))
        except (TypeError, ValueError):
            continue
    return None


def _slice(arguments: Sequence[Any], scope: Scope) -> Any:
    given, start, *end = (evaluate(each, scope) for each in arguments)
    return given[slice(start, *end or [None])] if isinstance(given, str | list) else None


def _length(arguments: Sequence[Any], scope: Scope) -> int | None:
    given = evaluate(arguments[0], scope)
    return len(given) if isinstance(given, str | list) else None


def _cased(change: Callable[[str], str]) -> Callable[[Sequence[Any], Scope], str | None]:
    def changed(arguments: Sequence[Any], scope: Scope) -> str | None:
        given = evaluate(arguments[0], scope)
        return change(given) if isinstance(given, str) else None

    return changed


OPERATORS: dict[str, Callable[[Sequence[Any], Scope], Any]] = {
    "get": _get,
    "has": _has,
    "match": _match,
    "case": _case,
    "step": _step,
    "interpolate": _interpolate,
    "coalesce": _coalesce,
    "in": _in,
    "to-string": _text,
    "to-number": _number,
    "literal": lambda arguments, _scope: arguments[0],
    "upcase": _cased(str.upper),
    "downcase": _cased(str.lower),
    "length": _length,
    "slice": _slice,
    "zoom": lambda _arguments, scope: scope.zoom,
    "geometry-type": lambda _arguments, scope: scope.shape,
    "all": lambda arguments, scope: all(evaluate(each, scope) for each in arguments),
    "any": lambda arguments, scope: any(evaluate(each, scope) for each in arguments),
    "!": lambda arguments, scope: not evaluate(arguments[0], scope),
    "concat": lambda arguments, scope: "".join(text_of(evaluate(e, scope)) for e in arguments),
}
"""Those of the language that are understood, beside comparisons and sums."""


def text_of(value: Any) -> str:
    """A value as a label has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def label(field: Any, scope: Scope) -> str:
    """The text of a label: an expression, or a text with properties in braces."""
    if isinstance(field, str):
        return _TOKEN.sub(lambda found: text_of(scope.properties.get(found[1])), field)
    return text_of(tried(field, scope))


def colour(value: Any) -> Colour:
    """A colour of CSS, or one that was mixed. Raises BadInput."""
    if isinstance(value, tuple):
        return value
    try:
        red, green, blue, *alpha = ImageColor.getrgb(_hsl(str(value)))
    except ValueError:
        raise BadInput(f"{str(value)[:40]!r} is no colour.") from None
    opacity = alpha[0] / 255 if alpha else 1.0
    return red / 255, green / 255, blue / 255, opacity


_WITH_ALPHA = re.compile(r"(rgb|hsl)a\((.+),\s*([\d.]+)\s*\)")


def _hsl(text: str) -> str:
    """CSS has the opacity of `rgba()` from 0 to 1, the library from 0 to 255."""
    found = _WITH_ALPHA.fullmatch(text.strip().lower())
    if found is None or found[1] == "hsl":
        return text
    return f"rgba({found[2]},{round(255 * float(found[3]))})"


def properties_of(expression: Any) -> Iterator[str]:
    """The properties that an expression reads."""
    if isinstance(expression, str):
        yield from _TOKEN.findall(expression)
    elif isinstance(expression, list) and expression:
        if expression[0] in ("get", "has") and len(expression) > 1:
            yield str(expression[1])
        for each in expression[1:] if isinstance(expression[0], str) else expression:
            yield from properties_of(each) if isinstance(each, list) else ()
    elif isinstance(expression, dict):
        for each in expression.values():
            yield from properties_of(each)


def check(expression: Any, place: str) -> None:
    """Refuse an expression that is not of the subset. Raises BadInput that says where."""
    if isinstance(expression, dict):
        raise BadInput(f"{place}: functions of the old kind are not understood; use expressions.")
    if not isinstance(expression, list) or not expression:
        return
    name = expression[0]
    if name == "literal":
        return
    if name not in OPERATORS and name not in _COMPARE and name not in _COMPUTE:
        known = ", ".join((*OPERATORS, *_COMPARE, *_COMPUTE))
        raise BadInput(f"{place}: {str(name)[:40]!r} is not understood here; there are {known}.")
    if name == "interpolate" and (
        len(expression) < 5 or expression[1][:1] not in (["linear"], ["exponential"])
    ):
        raise BadInput(f"{place}: interpolate is linear or exponential, with two stops or more.")
    for number, each in enumerate(expression[1:], 1):
        is_label = (
            name == "match" and number >= 2 and number % 2 == 0 and number < len(expression) - 1
        )
        if not (is_label or (name == "interpolate" and number == 1)):
            check(each, f"{place}[{number}]")
