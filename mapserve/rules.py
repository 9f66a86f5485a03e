"""What layers of a style say, one rule at a time: for SLD and legends, which know no expressions.

A choice by a property becomes a rule for each of what is chosen, the first one last and so above
the others; what changes with the zoom one for each half of a zoom, as it looks where that begins.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct

from mapserve.pictures.expressions import Scope, evaluate, text_of
from open311.errors import BadInput

NAME, TITLE = "open311:rule", "open311:title"
"""What layers of a style say, in their metadata, of the rule that they were."""

_MOST_RULES = 1000
_FINEST = 24.0
_STEP = 0.5
"""Of zooms: those of tiles are whole."""
_READ = ("get", "has", "geometry-type", "zoom")
_ROOM = ("paint", "layout")
_LONGEST = 100
_SIGNS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}
_SIGNS |= {each: each for each in "+-*/"}

Expression = Any
StyleLayer = Mapping[str, Any]


class Rule(Struct, frozen=True):
    """Features that look alike: all of the conditions hold, from one zoom until below another.

    `look` is the layer of the style, with what is the same for all of them.
    """

    look: StyleLayer
    conditions: tuple[Expression, ...]
    low: float
    high: float

    @property
    def name(self) -> str:
        """What SLD called it."""
        return str(self.look.get("metadata", {}).get(NAME, ""))

    @property
    def title(self) -> str:
        """What it is called in a legend, if somebody said so."""
        return str(self.look.get("metadata", {}).get(TITLE, ""))

    def title_in(self, language: str) -> str:
        """What it is called in a language; where nobody said, as in all others."""
        return str(self.look.get("metadata", {}).get(f"{TITLE}:{language}", self.title))


def rules_of(look: StyleLayer, zoom: float | None = None) -> list[Rule]:
    """The rules of a layer of a style, at all zooms or at one. Raises BadInput for too many."""
    first = max(0.0, look.get("minzoom", 0.0))
    last = look.get("maxzoom", math.inf)
    if zoom is None:
        bounds = [first, *(each for each in _bounds(look) if first < each < last), last]
        bands = [(low, high, low) for low, high in pairwise(bounds)]
    else:
        bands = [(first, last, zoom)] if first <= zoom < last else []
    found: list[Rule] = []
    for low, high, at in bands:
        settled = {**look, **{part: _at(look[part], at) for part in _ROOM if part in look}}
        condition = _at(look.get("filter", True), at)
        conditions = () if condition is True else (condition,)
        if condition is not False:
            found += [Rule(*each, low, high) for each in _branches(settled, conditions)]
        if len(found) > _MOST_RULES:
            raise BadInput(f"The style has more than {_MOST_RULES} rules.")
    return found


def joined(conditions: Sequence[Expression]) -> list[Expression]:
    """Conditions that hold at once, each by itself; what always holds is left out."""
    found: list[Expression] = []
    for each in conditions:
        is_all = isinstance(each, list) and each and each[0] == "all"
        found += joined(each[1:]) if is_all else [each] if each is not True else []
    return found


def words(conditions: Sequence[Expression]) -> str:
    """Conditions as a legend tells them: `status = open`, `count ≥ 5, count < 10`."""
    return ", ".join(_words(each) for each in conditions)[:_LONGEST]


def _words(expression: Expression) -> str:
    if not isinstance(expression, list):
        return text_of(expression)
    name, *arguments = expression
    told = [_words(each) for each in arguments if not isinstance(each, Mapping)]
    if name == "get":
        return str(arguments[0])
    if name == "literal":
        return " or ".join(map(text_of, arguments[0]))
    if name == "has":
        return f"{arguments[0]} known"
    if name == "!":
        return f"not ({told[0]})"
    if name in ("all", "any"):
        return (" and " if name == "all" else " or ").join(told)
    if name in _SIGNS and len(told) == 2:
        return f"{told[0]} {_SIGNS[name]} {told[1]}"
    return f"{name}({', '.join(told)})"


def _bounds(look: StyleLayer) -> list[float]:
    """The zooms at which something changes."""
    found: set[float] = set()
    for node in _nodes([look.get(part) for part in (*_ROOM, "filter")]):
        if node[0] == "step" and node[1] == ["zoom"]:
            found.update(node[3::2])
        elif node[0] == "interpolate" and node[2] == ["zoom"]:
            first, last = max(0.0, node[3]), min(_FINEST, node[-2])
            steps = range(math.ceil(first / _STEP), math.ceil(last / _STEP))
            found.update({first, last, *(each * _STEP for each in steps)})
    return sorted(found)


def _nodes(value: Any) -> Iterator[list[Any]]:
    """Every expression within."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list) and value:
        if isinstance(value[0], str):
            if value[0] == "literal":
                return
            yield value
        # labels of a match are no expressions
        inner = [value[1], *_results(value)] if value[0] == "match" else value
        for each in inner:
            yield from _nodes(each)


def _at(value: Any, zoom: float) -> Any:
    """A value, or an object of them, at a zoom: what then is the same for all is itself."""
    if isinstance(value, Mapping):
        return {name: _at(each, zoom) for name, each in value.items()}
    if not isinstance(value, list) or not value or value[0] == "literal":
        return value
    if value == ["zoom"]:
        return zoom
    if value[0] == "step" and value[1] == ["zoom"]:
        results = [result for start, result in _stops(value[3:]) if start <= zoom]
        return _at(results[-1] if results else value[2], zoom)
    if value[0] == "interpolate" and value[2] == ["zoom"]:
        return _at(_between(value, zoom), zoom)
    return _folded([_at(each, zoom) if isinstance(each, list) else each for each in value])


def _stops(values: list[Any]) -> list[tuple[float, Any]]:
    return list(zip(values[::2], values[1::2], strict=True))


def _between(node: list[Any], zoom: float) -> Any:
    """What is interpolated at a zoom, out of values that may themselves be expressions."""
    stops = _stops(node[3:])
    if zoom <= stops[0][0]:
        return stops[0][1]
    if zoom >= stops[-1][0]:
        return stops[-1][1]
    (low, before), (high, after) = next(
        pair for pair in pairwise(stops) if pair[0][0] <= zoom < pair[1][0]
    )
    if zoom == low:
        return before
    if not isinstance(before, list) and not isinstance(after, list):
        return evaluate(["interpolate", node[1], zoom, low, before, high, after], Scope(zoom, {}))
    part = evaluate(["interpolate", node[1], zoom, low, 0, high, 1], Scope(zoom, {}))
    return ["+", ["*", before, 1 - part], ["*", after, part]]


def _folded(node: list[Any]) -> Any:
    """The value of an expression that reads nothing."""
    if isinstance(node[0], str) and not any(each[0] in _READ for each in _nodes(node)):
        return evaluate(node, Scope(0, {}))
    return node


def _branches(
    look: StyleLayer, conditions: tuple[Expression, ...]
) -> Iterator[tuple[StyleLayer, tuple[Expression, ...]]]:
    """The layer without choices, once for each of what its first choice may choose, and so on."""
    values = [look.get(part, {}) for part in _ROOM]
    node = next((each for each in _nodes(values) if each[0] in _CHOICES), None)
    if node is None:
        yield look, conditions
        return
    for number, condition in reversed(list(enumerate(_cases(node)))):
        chosen = {
            **look,
            **{part: _chosen(look[part], node, number) for part in _ROOM if part in look},
        }
        yield from _branches(chosen, (*conditions, condition))


_CHOICES = ("match", "case", "step", "coalesce")


def _results(node: list[Any]) -> list[Any]:
    """What a choice may choose."""
    kind, *values = node
    if kind == "match":
        return [*values[2:-1:2], values[-1]]
    if kind == "case":
        return [*values[1:-1:2], values[-1]]
    return values if kind == "coalesce" else values[1::2]


def _grounds(node: list[Any]) -> list[Any]:
    """All else of a choice: two of the same choose alike."""
    kind, *values = node
    if kind == "match":
        return [kind, values[0], *values[1:-1:2]]
    if kind == "case":
        return [kind, *values[:-1:2]]
    return node if kind == "coalesce" else [kind, values[0], *values[2::2]]


def _cases(node: list[Any]) -> list[Expression]:
    """The condition of each thing that a choice may choose."""
    kind, *values = node
    if kind == "step":
        starts = values[2::2]
        lows = [None, *([">=", values[0], each] for each in starts)]
        highs = [*(["<", values[0], each] for each in starts), None]
        # what has no value is of the first
        first = ["!", [">=", values[0], starts[0]]]
        inner = zip(lows[1:], highs[1:], strict=True)
        return [first, *(["all", *(each for each in pair if each)] for pair in inner)]
    tests: list[Expression]
    if kind == "match":
        tests = [
            ["any", *(["==", values[0], each] for each in labels)]
            if isinstance(labels, list)
            else ["==", values[0], labels]
            for labels in values[1:-1:2]
        ]
    elif kind == "case":
        tests = values[:-1:2]
    else:
        tests = [["has", each[1]] if each[0] == "get" else True for each in values[:-1]]
    before = [["!", each] for each in tests]
    # labels of a match are all different; conditions may hold at once, and then the first counts
    earlier = [[] if kind == "match" else before[:number] for number in range(len(tests))]
    told = [["all", *more, each] for more, each in zip(earlier, tests, strict=True)]
    return [*told, ["all", *before]]


def _chosen(value: Any, node: list[Any], number: int) -> Any:
    """A value in which every choice that is like one has chosen as it did."""
    if isinstance(value, Mapping):
        return {name: _chosen(each, node, number) for name, each in value.items()}
    if not isinstance(value, list) or not value or value[0] == "literal":
        return value
    if value[0] in _CHOICES and _grounds(value) == _grounds(node):
        return _chosen(_results(value)[number], node, number)
    return _folded(
        [_chosen(each, node, number) if isinstance(each, list) else each for each in value]
    )
