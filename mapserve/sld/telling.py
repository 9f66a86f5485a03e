"""Expressions of MapLibre styles as values and filters of SLD 1.0: reading.py understands them."""

import re
from collections.abc import Callable
from typing import Any

from lxml.builder import ElementMaker

from mapserve.pictures import expressions as styles
from open311.errors import BadInput

SPACES = {
    None: "http://www.opengis.net/sld",
    "ogc": "http://www.opengis.net/ogc",
    "xlink": "http://www.w3.org/1999/xlink",
}
SLD = ElementMaker(namespace=SPACES[None], nsmap=SPACES)
OGC = ElementMaker(namespace=SPACES["ogc"], nsmap=SPACES)

Expression = Any
Told = Any
"""An element."""

_TOKEN = re.compile(r"\{([^{}]+)\}")
_SUMS = {"+": "Add", "*": "Mul", "-": "Sub", "/": "Div"}
_FUNCTIONS = {
    "concat": "Concatenate",
    "upcase": "strToUpperCase",
    "downcase": "strToLowerCase",
    "length": "strLength",
    "min": "min",
    "max": "max",
}
_THE_SAME = ("to-string", "to-number")
_DIMENSIONS = {"Point": 0, "LineString": 1, "Polygon": 2}
_COMPARISONS = {
    "==": "PropertyIsEqualTo",
    "!=": "PropertyIsNotEqualTo",
    "<": "PropertyIsLessThan",
    "<=": "PropertyIsLessThanOrEqualTo",
    ">": "PropertyIsGreaterThan",
    ">=": "PropertyIsGreaterThanOrEqualTo",
}


def _unknown(expression: Expression) -> BadInput:
    name = expression[0] if isinstance(expression, list) and expression else expression
    return BadInput(f"SLD has no words for {str(name)[:40]!r} of the style.")


def text_of(value: Any) -> str:
    """A value as a literal has it: numbers as short as they can be."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else repr(value)
    return str(value)


def value(expression: Expression) -> Told:
    """An expression as an element. Raises BadInput for what SLD has no words for."""
    if not isinstance(expression, list):
        return OGC.Literal(text_of(expression))
    name, *arguments = expression
    if name == "get":
        return OGC.PropertyName(arguments[0])
    if name in _THE_SAME:
        return value(arguments[0])
    if name in _SUMS:
        first, *rest = (value(each) for each in arguments)
        if name == "-" and not rest:
            return OGC.Sub(OGC.Literal("0"), first)
        for each in rest:
            first = OGC(_SUMS[name], first, each)
        return first
    if name == "geometry-type":
        return _function("dimension", OGC.PropertyName("geometry"))
    if name == "interpolate" and arguments[0] == ["linear"]:
        return _function("Interpolate", *(value(_plain(each)) for each in arguments[1:]))
    if name in _FUNCTIONS:
        return _function(_FUNCTIONS[name], *(value(each) for each in arguments))
    raise _unknown(expression)


def _plain(expression: Expression) -> Expression:
    """A colour of CSS as its digits alone, which every program reads; all else as it is."""
    if isinstance(expression, str):
        try:
            return hexadecimal(styles.colour(expression))
        except BadInput:
            return expression
    return expression


def hexadecimal(colour: styles.Colour) -> str:
    """Red, green and blue, without the opacity."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour[:3])


def _function(name: str, *arguments: Told) -> Told:
    return OGC.Function(*arguments, name=name)


def pieces(field: Expression) -> list[Any]:
    """The parts of a label; in a text braces are around names of properties."""
    if isinstance(field, list):
        while isinstance(field, list) and field[0] in _THE_SAME:
            field = field[1]
        is_joined = isinstance(field, list) and field[0] == "concat"
        return [value(each) for each in (field[1:] if is_joined else [field])]
    return [
        OGC.PropertyName(part) if number % 2 else OGC.Literal(part)
        for number, part in enumerate(_TOKEN.split(field))
        if part
    ]


def condition(expression: Expression) -> Told:
    """A filter of a style as an element. Raises BadInput for what SLD has no words for."""
    if not isinstance(expression, list):
        # always, or never
        sides = (OGC.Literal("1"), OGC.Literal("1" if expression else "0"))
        return OGC.PropertyIsEqualTo(*sides)
    name, *arguments = expression
    found = _CONDITIONS.get(name)
    if found is None:
        raise _unknown(expression)
    return found(name, arguments)


def _joined(name: str, arguments: list[Any]) -> Told:
    known = [each for each in _flat(name, arguments) if each is not (name == "all")]
    patterns, rest = _patterns(known) if name == "all" else ([], known)
    told = [*patterns, *(condition(each) for each in rest)]
    if len(told) < 2:
        return told[0] if told else condition(name == "all")
    return OGC("And" if name == "all" else "Or", *told)


def _flat(name: str, arguments: list[Any]) -> list[Any]:
    """Conditions of which some are joined in the same way, without that."""
    found: list[Any] = []
    for each in arguments:
        inner = isinstance(each, list) and each and each[0] == name
        found += _flat(name, each[1:]) if inner else [each]
    return found


def _not(_name: str, arguments: list[Any]) -> Told:
    (inner,) = arguments
    if isinstance(inner, list) and inner and inner[0] == "has":
        return OGC.PropertyIsNull(OGC.PropertyName(inner[1]))
    if isinstance(inner, list) and inner and inner[0] == "!":
        return condition(inner[1])
    return OGC.Not(condition(inner))


def _has(_name: str, arguments: list[Any]) -> Told:
    return OGC.Not(OGC.PropertyIsNull(OGC.PropertyName(arguments[0])))


def _compare(name: str, arguments: list[Any]) -> Told:
    first, second = arguments[:2]
    if first == ["geometry-type"]:
        second = _DIMENSIONS.get(second, 2)
    found = _like(name, first, second)
    if found is not None:
        return found
    told = OGC(_COMPARISONS[name], value(first), value(second))
    if name == "!=" and isinstance(first, list) and first[0] == "get":
        # in styles what is not there differs from every value, and not so in SLD
        return OGC.Or(OGC.PropertyIsNull(OGC.PropertyName(first[1])), told)
    return told


def _like(name: str, first: Expression, second: Expression) -> Told:
    """The pattern of a beginning or an end; None for all else."""
    if name != "==" or not isinstance(first, list) or first[0] != "slice" or second == "":
        return None
    _, inner, *bounds = first
    if bounds == [0, len(second)]:
        return _pattern(inner, f"{_escaped(second)}*")
    return _pattern(inner, f"*{_escaped(second)}") if bounds == [-len(second)] else None


def _pattern(expression: Expression, pattern: str) -> Told:
    told = {"wildCard": "*", "singleChar": "?", "escapeChar": "\\"}
    if expression[0] == "downcase":
        expression, told = expression[1], told | {"matchCase": "false"}
    return OGC.PropertyIsLike(value(expression), OGC.Literal(pattern), **told)


def _patterns(conditions: list[Any]) -> tuple[list[Told], list[Any]]:
    """The patterns that some conditions came from, as elements, and the other conditions.

    They are a length, a beginning, a middle and an end; SLD has one element for all of them, which
    other programs know.
    """
    rest, found = conditions, []
    for length in conditions:
        if not (_is(length, ">=") and _is(length[1], "length")):
            continue
        given, parts = length[1][1], {"start": "", "middle": "", "end": ""}
        used = [length, ["has", _property(given)]]
        for each in rest:
            if _is(each, "==") and _is(each[1], "slice") and each[1][1] == given:
                parts["end" if len(each[1]) == 3 else "start"] = each[2]
                used.append(each)
            elif _is(each, "in") and each[2] == given:
                parts["middle"] = each[1]
                used.append(each)
        if length[2] == sum(map(len, parts.values())):
            pieces = [_escaped(each) for each in parts.values()]
            found.append(_pattern(given, "*".join(_between(*pieces))))
            rest = [each for each in rest if each not in used]
    return found, rest


def _between(start: str, middle: str, end: str) -> list[str]:
    """What stands between the wildcards."""
    return [start, middle, end] if middle else [start, end]


def _is(expression: Expression, name: str) -> bool:
    return isinstance(expression, list) and bool(expression) and expression[0] == name


def _property(expression: Expression) -> Any:
    """The property that is read, in small letters or as it is."""
    inner = expression[1] if _is(expression, "downcase") else expression
    return inner[1] if _is(inner, "get") else None


def _escaped(text: str) -> str:
    return re.sub(r"([*?\\])", r"\\\1", text)


def _in(_name: str, arguments: list[Any]) -> Told:
    needle, haystack = arguments
    if isinstance(haystack, list) and haystack[0] == "literal":
        return _joined("any", [["==", needle, each] for each in haystack[1]])
    if isinstance(needle, list) or not isinstance(haystack, list):
        raise _unknown(["in"])
    return _pattern(haystack, f"*{_escaped(str(needle))}*")


def _match(_name: str, arguments: list[Any]) -> Told:
    """A choice between yes and no."""
    given, *cases, otherwise = arguments
    tests = [
        ["in", given, ["literal", labels if isinstance(labels, list) else [labels]]]
        for labels in cases[::2]
    ]
    told = [["all", test, result] for test, result in zip(tests, cases[1::2], strict=True)]
    rest = ["all", ["!", ["any", *tests]], otherwise]
    return condition(["any", *told, rest] if otherwise is not False else ["any", *told])


_CONDITIONS: dict[Any, Callable[[str, list[Any]], Told]] = {
    **dict.fromkeys(_COMPARISONS, _compare),
    **dict.fromkeys(("all", "any"), _joined),
    "!": _not,
    "has": _has,
    "in": _in,
    "match": _match,
}
