"""Filters of WFS (OGC 09-026r2, FES 2.0; 04-095, Filter 1.1) as trees of CQL2.

So the one place that makes SQL of filters sees these too, with every value bound.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from msgspec import Struct

from mapserve.features.crs import from_crs
from mapserve.features.source import GEOMETRY, Column, Source
from mapserve.ows import OwsException
from mapserve.wfs import gml_reading
from mapserve.wfs.names import local, xml_names
from mapserve.wfs.systems import System
from open311.errors import BadInput
from open311.extents import Box

Tree = dict[str, Any]

ID = "@id"
"""What `@gml:id` is called in a tree: no property has such a name."""

_COMPARISONS = {
    "PropertyIsEqualTo": "=",
    "PropertyIsNotEqualTo": "<>",
    "PropertyIsLessThan": "<",
    "PropertyIsLessThanOrEqualTo": "<=",
    "PropertyIsGreaterThan": ">",
    "PropertyIsGreaterThanOrEqualTo": ">=",
}
_SPATIAL = {
    "Intersects": "s_intersects",
    "Within": "s_within",
    "Disjoint": "s_disjoint",
    "Contains": "s_contains",
    "Crosses": "s_crosses",
    "Equals": "s_equals",
    "Overlaps": "s_overlaps",
    "Touches": "s_touches",
}
_TEMPORAL = {"After": "t_after", "Before": "t_before", "TEquals": "t_equals", "During": "t_during"}
OPERATORS = {
    "comparison": [
        *_COMPARISONS,
        "PropertyIsLike",
        "PropertyIsNull",
        "PropertyIsNil",
        "PropertyIsBetween",
    ],
    "spatial": ["BBOX", *_SPATIAL],
    "temporal": list(_TEMPORAL),
}
"""What capabilities list."""


class Filter(Struct, frozen=True):
    """What limits features: boxes for the index, ids, and a tree; each None or empty if absent."""

    boxes: tuple[Box, ...] = ()
    ids: tuple[str, ...] | None = None
    tree: Tree | None = None


class _Reader(Struct, frozen=True):
    """How the names and coordinates of a filter are understood."""

    layer: str
    source: Source
    names: Mapping[str, str]
    """Properties by their XML names."""
    system: System
    """Of shapes that name none."""


def read(element: Any, layer: str, source: Source, system: System) -> Filter:
    """The filter of a `Filter` element. Raises OwsException with its place."""
    names = {xml: name for name, xml in xml_names(c.name for c in source.columns).items()}
    reader = _Reader(layer, source, names, system)
    parts = [each for each in element if isinstance(each.tag, str)]
    if parts and all(_kind(each) in _IDS for each in parts):
        return Filter(ids=tuple(_id(each, layer) for each in parts))
    if len(parts) != 1:
        raise _wrong("A filter has one condition, or ids.", element)
    conjuncts = list(parts[0]) if _kind(parts[0]) == "And" else parts
    conjuncts = [each for each in conjuncts if isinstance(each.tag, str)]
    # one box can be looked up in the index; the rest is compared feature by feature
    box = next((each for each in conjuncts if _kind(each) == "BBOX"), None)
    rest = [_condition(reader, each) for each in conjuncts if each is not box]
    tree = rest[0] if len(rest) == 1 else {"op": "and", "args": rest} if rest else None
    return Filter((_box(reader, box),) if box is not None else (), None, tree)


_IDS = ("ResourceId", "FeatureId", "GmlObjectId")
_ALWAYS: Tree = {"op": "and", "args": [True]}
_ZONED_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:Z|[+-]\d{2}:\d{2})")


def _id(element: Any, layer: str) -> str:
    name = element.get("rid") or element.get("fid") or element.get(f"{{{gml_reading.GML31}}}id")
    if not name:
        raise _wrong("An id is missing.", element)
    return id_of(name, layer)


def id_of(name: str, layer: str) -> str:
    """The id of a feature without the name of its layer before. Raises OwsException."""
    of, dot, own = name.partition(".")
    if not dot:
        return name
    if of != layer:
        told = f"{name[:80]!r} is no feature of {layer}."
        raise OwsException("InvalidParameterValue", told, "RESOURCEID")
    return own


def _kind(element: Any) -> str:
    return local(str(element.tag))


def _wrong(told: str, element: Any) -> OwsException:
    place = f" (line {element.sourceline}, {_kind(element)})"
    return OwsException("OperationParsingFailed", told + place, "filter")


def _children(element: Any, number: int) -> list[Any]:
    found = [each for each in element if isinstance(each.tag, str)]
    if len(found) != number:
        raise _wrong(f"{number} arguments are needed.", element)
    return found


def _condition(reader: _Reader, element: Any) -> Tree:
    kind = _kind(element)
    if kind in ("And", "Or"):
        args = [_condition(reader, each) for each in element if isinstance(each.tag, str)]
        return {"op": kind.lower(), "args": args}
    if kind == "Not":
        return {"op": "not", "args": [_condition(reader, *_children(element, 1))]}
    made = _CONDITIONS.get(kind)
    if made is None:
        raise _wrong("This operator is not supported.", element)
    return made(reader, element)


def _property(reader: _Reader, element: Any) -> tuple[Tree, Column | None]:
    """A property, and its column; None of the shape."""
    # each has one value, so the first is all of them
    path = (element.text or "").strip().rpartition("/")[2].removesuffix("[1]")
    name = local(path)
    if path.startswith("@") and name.lstrip("@") == "id":
        return {"property": ID}, reader.source.identifier
    if name in (GEOMETRY, "") or _of_gml(element) == "boundedBy":
        return {"property": GEOMETRY}, None
    own = reader.names.get(name)
    column = reader.source.column(own) if own else None
    if column is None:
        known = ", ".join(reader.names)
        told = f"There is no property {name[:60]!r}; there are {known}."
        raise OwsException("InvalidParameterValue", told, "filter")
    return {"property": column.name}, column


def _of_gml(element: Any) -> str:
    """The property that all features of GML may have and these have not; empty for another."""
    prefix, colon, name = (element.text or "").strip().rpartition("/")[2].partition(":")
    return name if colon and element.nsmap.get(prefix) in gml_reading.GML else ""


def _is_property(element: Any) -> bool:
    return _kind(element) in ("ValueReference", "PropertyName")


def _literal(element: Any, column: Column | None) -> Any:
    if _kind(element) != "Literal":
        raise _wrong("A literal is needed.", element)
    text = "".join(element.itertext())
    told = "string" if column is None else column.type
    if told in ("integer", "number"):
        try:
            return float(text)
        except ValueError:
            raise _wrong(f"{text[:40]!r} is no number.", element) from None
    if told == "boolean":
        return text.strip().lower() in ("true", "1")
    if told in ("date", "date-time"):
        day = _ZONED_DAY.fullmatch(text.strip())
        return {"timestamp": day[1] if day else text.strip()}
    return text


def _compare(reader: _Reader, element: Any) -> Tree:
    first, second = _children(element, 2)
    operator = _COMPARISONS[_kind(element)]
    if not _is_property(first):
        first, second = second, first
        operator = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
    if _of_gml(first) == "boundedBy":
        told = "Boxes are neither more nor less than others."
        raise OwsException("OperationProcessingFailed", told, "filter")
    named, column = _property(reader, first)
    is_id = named["property"] == ID
    value = _literal(second, None if is_id else column)
    if is_id:
        value = str(value).removeprefix(f"{reader.layer}.")
    if element.get("matchCase") == "false" and isinstance(value, str):
        return {"op": operator, "args": [_casei(named), _casei(value)]}
    return {"op": operator, "args": [named, value]}


def _casei(value: Any) -> Tree:
    return {"op": "casei", "args": [value]}


def _like(reader: _Reader, element: Any) -> Tree:
    first, second = _children(element, 2)
    named, _ = _property(reader, first)
    marks = [element.get(name) for name in ("wildCard", "singleChar")]
    escape = element.get("escapeChar") or element.get("escape") or "\\"
    text = _pattern("".join(second.itertext()), marks[0] or "*", marks[1] or "?", escape)
    if element.get("matchCase") == "false":
        return {"op": "like", "args": [_casei(named), _casei(text)]}
    return {"op": "like", "args": [named, text]}


def _pattern(text: str, many: str, one: str, escape: str) -> str:
    """A pattern with its wildcards as SQL has them."""
    made, characters = [], iter(text)
    for each in characters:
        if each == escape:
            each = next(characters, "")
            made.append(f"\\{each}" if each in "%_\\" else each)
        elif each in (many, one):
            made.append("%" if each == many else "_")
        else:
            made.append(f"\\{each}" if each in "%_\\" else each)
    return "".join(made)


def _is_null(reader: _Reader, element: Any) -> Tree:
    (named,) = _children(element, 1)
    if _of_gml(named):
        return _ALWAYS
    return {"op": "isNull", "args": [_property(reader, named)[0]]}


def _between(reader: _Reader, element: Any) -> Tree:
    first, low, high = _children(element, 3)
    named, column = _property(reader, first)
    bounds = [_literal(_children(each, 1)[0], column) for each in (low, high)]
    # of dates too, which `between` of CQL2 has not
    sides = zip((">=", "<="), bounds, strict=True)
    return {"op": "and", "args": [{"op": sign, "args": [named, at]} for sign, at in sides]}


def _box(reader: _Reader, element: Any) -> Box:
    _check_shape(reader, element)
    return gml_reading.box(_last(element), reader.system)


def _bbox(reader: _Reader, element: Any) -> Tree:
    box = _box(reader, element)
    corners = [box.west, box.south, box.east, box.north]
    return {"op": "s_intersects", "args": [{"property": GEOMETRY}, {"bbox": corners}]}


def _check_shape(reader: _Reader, element: Any) -> None:
    """Refuse a comparison of places with what is no place. Raises OwsException."""
    for named in element:
        if isinstance(named.tag, str) and _is_property(named) and _property(reader, named)[1]:
            told = f"{(named.text or '')[:60]!r} is no shape."
            raise OwsException("InvalidParameterValue", told, "filter")


def _last(element: Any) -> Any:
    found = [each for each in element if isinstance(each.tag, str)]
    if not found:
        raise _wrong("A shape is missing.", element)
    return found[-1]


def _spatial(reader: _Reader, element: Any) -> Tree:
    _check_shape(reader, element)
    try:
        shape, system = gml_reading.shape(_last(element), reader.system)
        placed = from_crs(np.array([shape], dtype=object), system.crs, in_xy=system.in_xy)[0]
    except BadInput as problem:
        raise _wrong(" ".join(problem.descriptions), element) from None
    told = json.loads(shapely.to_geojson(placed))
    return {"op": _SPATIAL[_kind(element)], "args": [{"property": GEOMETRY}, told]}


def _temporal(reader: _Reader, element: Any) -> Tree:
    first, second = _children(element, 2)
    named, _ = _property(reader, first)
    texts = [each.strip() for each in second.itertext() if each.strip()]
    if _kind(element) == "During":
        if len(texts) != 2:
            raise _wrong("A period with two ends is needed.", element)
        return {"op": "t_during", "args": [named, {"interval": texts}]}
    kind = _kind(element)
    if len(texts) != 1 and (len(texts) != 2 or kind == "TEquals"):
        raise _wrong("A moment is needed.", element)
    # before a period is before it begins, and after it is after it ends
    moment = texts[0] if kind == "Before" else texts[-1]
    return {"op": _TEMPORAL[kind], "args": [named, {"timestamp": moment}]}


_CONDITIONS: dict[str, Callable[[_Reader, Any], Tree]] = {
    **dict.fromkeys(_COMPARISONS, _compare),
    **dict.fromkeys(_SPATIAL, _spatial),
    **dict.fromkeys(_TEMPORAL, _temporal),
    "PropertyIsLike": _like,
    "PropertyIsNull": _is_null,
    "PropertyIsNil": _is_null,
    "PropertyIsBetween": _between,
    "BBOX": _bbox,
}


def join(trees: Sequence[Tree | None]) -> Tree | None:
    """All of some conditions at once."""
    there = [tree for tree in trees if tree]
    return {"op": "and", "args": there} if len(there) > 1 else there[0] if there else None
