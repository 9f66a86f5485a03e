"""Conditions of SLD (filters of OGC 02-059, 04-095, 09-026r2) as filters of MapLibre styles.

What has a place on the ground is refused: styles choose features by their properties.
"""

from collections.abc import Callable, Sequence
from typing import Any

from mapserve.sld.elements import children, kind, wrong
from mapserve.sld.expressions import (
    Expression,
    Reader,
    exactly,
    is_null,
    is_property,
    type_of,
    typed,
    value,
    written,
)


def filter_of(reader: Reader, element: Any) -> Expression:
    """The condition of a `Filter` element. Raises BadInput."""
    parts = children(element)
    if len(parts) != 1:
        raise wrong("A filter has one condition", element)
    return _condition(reader, parts[0])


def _condition(reader: Reader, element: Any) -> Expression:
    name = kind(element)
    if name in ("And", "Or"):
        joined = [_condition(reader, each) for each in children(element)]
        return ["all" if name == "And" else "any", *joined]
    if name == "Not":
        return ["!", _condition(reader, *exactly(element, 1))]
    found = _CONDITIONS.get(name)
    if found is None:
        known = ", ".join(("And", "Or", "Not", *_CONDITIONS))
        raise wrong(f"Styles have no such condition; there are {known}", element)
    return found(reader, element)


_COMPARISONS = {
    "PropertyIsEqualTo": "==",
    "PropertyIsNotEqualTo": "!=",
    "PropertyIsLessThan": "<",
    "PropertyIsLessThanOrEqualTo": "<=",
    "PropertyIsGreaterThan": ">",
    "PropertyIsGreaterThanOrEqualTo": ">=",
}


def _compare(reader: Reader, element: Any) -> Expression:
    sides = exactly(element, 2)
    operator = _COMPARISONS[kind(element)]
    first, second = _typed_alike(reader, sides)
    if element.get("matchCase") == "false":
        first, second = (_small(each) for each in (first, second))
    condition = [operator, first, second]
    # what is not there differs from nothing: filters of SQL and of GIS have it so
    known = [["has", each[1]] for each in (first, second) if is_property(each)]
    return ["all", *known, condition] if operator == "!=" and known else condition


def _small(expression: Expression) -> Expression:
    return expression.lower() if isinstance(expression, str) else ["downcase", expression]


def _typed_alike(reader: Reader, elements: Sequence[Any]) -> list[Expression]:
    """Expressions to be compared: a literal is of the type of what it is compared with."""
    found = [None if kind(each) == "Literal" else value(reader, each) for each in elements]
    told = next((t for each in found if each is not None and (t := type_of(reader, each))), None)
    return [
        typed(reader, written(element), told, element) if each is None else each
        for each, element in zip(found, elements, strict=True)
    ]


def _between(reader: Reader, element: Any) -> Expression:
    first, low, high = exactly(element, 3)
    bounds = [exactly(each, 1)[0] for each in (low, high)]
    found, least, most = _typed_alike(reader, [first, *bounds])
    return ["all", [">=", found, least], ["<=", found, most]]


def _like(reader: Reader, element: Any) -> Expression:
    first, second = exactly(element, 2)
    found = value(reader, first)
    escape = element.get("escapeChar") or element.get("escape") or "\\"
    many, one = element.get("wildCard") or "*", element.get("singleChar") or "?"
    pieces = _pieces(written(second), many, one, escape, second)
    if element.get("matchCase") == "false":
        found, pieces = ["downcase", found], [each.lower() for each in pieces]
    if len(pieces) == 1:
        return ["==", found, pieces[0]]
    start, *middle, end = pieces
    length = sum(len(each) for each in pieces)
    parts = [[">=", ["length", found], length]]
    parts += [["==", ["slice", found, 0, len(start)], start]] if start else []
    parts += [["in", each, found] for each in middle if each]
    parts += [["==", ["slice", found, -len(end)], end]] if end else []
    # that some begin so and others end so must not be asked of what is not there
    known = [["has", found[1]]] if is_property(found) else []
    return ["all", *known, *parts]


def _pieces(pattern: str, many: str, one: str, escape: str, element: Any) -> list[str]:
    """What stands between the wildcards; beside its ends a pattern may have one piece."""
    pieces, characters = [""], iter(pattern)
    for each in characters:
        if each == escape:
            pieces[-1] += next(characters, "")
        elif each == one:
            raise wrong("Patterns of styles have no wildcard of one character", element)
        elif each == many:
            pieces.append("")
        else:
            pieces[-1] += each
    if len([each for each in pieces[1:-1] if each]) > 1 or (
        len([each for each in pieces if each]) > 1 and any(pieces[1:-1])
    ):
        raise wrong("Such a pattern is a beginning, an end, both, or what is within", element)
    return pieces


_CONDITIONS: dict[str, Callable[[Reader, Any], Expression]] = {
    **dict.fromkeys(_COMPARISONS, _compare),
    "PropertyIsLike": _like,
    "PropertyIsNull": lambda reader, element: is_null(reader, *exactly(element, 1)),
    "PropertyIsNil": lambda reader, element: is_null(reader, *exactly(element, 1)),
    "PropertyIsBetween": _between,
}
