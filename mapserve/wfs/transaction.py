"""Transactions of WFS: what analysts insert, change and delete of the datasets they published."""

import math
from collections.abc import Callable, Coroutine
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from lxml.etree import QName
from msgspec import Struct
from shapely.geometry.base import BaseGeometry

from mapserve.drawing import Layer
from mapserve.features.crs import from_crs
from mapserve.features.reading import Query
from mapserve.features.source import GEOMETRY, FieldType
from mapserve.layers import find_features
from mapserve.ows import OwsException, told_as
from mapserve.wfs import editing, gml_reading, querying
from mapserve.wfs.asking import Wanted
from mapserve.wfs.editing import Edits, New
from mapserve.wfs.gml import feature_id
from mapserve.wfs.names import local, of_layer
from mapserve.wfs.querying import Call
from mapserve.wfs.systems import DEFAULT, System, find_system
from open311 import accounts
from open311.accounts import Role
from open311.dates import parse_instant
from open311.errors import BadInput

_MOST_INTEGER = 2**63
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Summary(Struct):
    """What a transaction did; features, where they are told, by the handles of their actions."""

    inserted: list[tuple[str, str]] = []
    updated: int = 0
    replaced: list[tuple[str, str]] = []
    deleted: int = 0


def may_write(call: Call) -> bool:
    """Whether who asks may change the datasets of the city."""
    return call.account is not None and call.account.may(call.city.jurisdiction_id, Role.ANALYST)


async def run(call: Call) -> Summary:
    """Do all that is asked, or nothing.

    Raises OwsException, and Unauthorized or Forbidden without the role of an analyst.
    """
    account = accounts.require(call.account, call.city.jurisdiction_id, Role.ANALYST)
    if call.asked.body is None:
        raise OwsException("OperationParsingFailed", "A transaction is sent as XML.", "request")
    actions = [each for each in call.asked.body if _is_action(each)]
    names = {_layer_of(feature) for each in actions for feature in _subjects(each)}
    for action in actions:
        # a feature of no known type is a wrong value, and a wrong name a wrong parameter
        is_named = action.get("typeName") is not None
        code = "InvalidParameterValue" if is_named else "InvalidValue"
        with told_as(code, "typeName" if is_named else local(action.tag)):
            for feature in _subjects(action):
                await find_features(call.context, call.city, _layer_of(feature), call.account)
    summary = Summary()
    async with call.context.db.begin(call.city.jurisdiction_id) as connection:
        with told_as("InvalidParameterValue", "typeName"):
            edits = await editing.begin(connection, call.city, call.context.settings, names)
        for action in actions:
            with told_as("InvalidValue", action.get("handle") or local(action.tag)):
                await _ACTIONS[local(action.tag)](call, edits, action, summary)
        told = {"inserted": len(summary.inserted), "deleted": summary.deleted}
        told["updated"] = summary.updated + len(summary.replaced)
        with told_as("OperationProcessingFailed", "Transaction"):
            await editing.finish(edits, account.actor, told)
    return summary


def _is_action(element: Any) -> bool:
    if not isinstance(element.tag, str) or local(element.tag) == "LockId":
        return False
    if local(element.tag) == "Native" and element.get("safeToIgnore") == "true":
        return False
    if local(element.tag) not in _ACTIONS:
        told = f"There is no action {local(element.tag)[:40]!r} here."
        raise OwsException("OperationNotSupported", told, local(element.tag)[:40])
    return True


def _elements(element: Any) -> list[Any]:
    return [each for each in element if isinstance(each.tag, str)]


def _subjects(action: Any) -> list[Any]:
    """What says which layers an action is about: features, or itself."""
    if local(action.tag) == "Insert":
        return _elements(action)
    return _elements(action)[:1] if local(action.tag) == "Replace" else [action]


def _layer_of(element: Any) -> str:
    return local(element.get("typeName") or element.tag)


async def _insert(call: Call, edits: Edits, action: Any, summary: Summary) -> None:
    system = _system(action)
    for feature in _elements(action):
        layer = edits.layers[_layer_of(feature)]
        own = await editing.insert(edits, layer, _feature(call, feature, layer, system))
        summary.inserted.append((action.get("handle") or "", feature_id(layer.name, own)))


async def _update(call: Call, edits: Edits, action: Any, summary: Summary) -> None:
    layer, system = edits.layers[_layer_of(action)], _system(action)
    values: dict[str, Any] = {}
    for each in action.iterfind("{*}Property"):
        name = each.findtext("{*}ValueReference") or each.findtext("{*}Name") or ""
        # each property has one value, which is the first
        values[local(name.rpartition("/")[2]).removesuffix("[1]")] = each.find("{*}Value")
    new = _new(call, values, layer, system)
    query = _query(call, action, layer)
    summary.updated += len(await editing.update(edits, layer, query, new))


async def _replace(call: Call, edits: Edits, action: Any, summary: Summary) -> None:
    (feature,) = _subjects(action) or [action]
    layer = edits.layers[_layer_of(feature)]
    new, query = _feature(call, feature, layer, _system(action)), _query(call, action, layer)
    if new.shape is None:
        raise BadInput(f"A feature of {layer.name} needs a shape.")
    for own in await editing.update(edits, layer, query, new, whole=True):
        summary.replaced.append((action.get("handle") or "", feature_id(layer.name, own)))


async def _delete(call: Call, edits: Edits, action: Any, summary: Summary) -> None:
    layer = edits.layers[_layer_of(action)]
    summary.deleted += await editing.delete(edits, layer, _query(call, action, layer))


_ACTIONS: dict[str, Callable[[Call, Edits, Any, Summary], Coroutine[Any, Any, None]]] = {
    "Insert": _insert,
    "Update": _update,
    "Replace": _replace,
    "Delete": _delete,
}


def _query(call: Call, action: Any, layer: Layer) -> Query:
    """Which features: never all of them by leaving out the filter."""
    found = action.find("{*}Filter")
    if found is None:
        told = "A filter is needed."
        raise OwsException("MissingParameterValue", told, "filter")
    wanted = Wanted(layer.name, filter=found, srs=action.get("srsName") or "")
    return querying.query_of(call, wanted, layer)


def _system(action: Any) -> System:
    name = action.get("srsName")
    return find_system(name) if name else DEFAULT


def _feature(call: Call, element: Any, layer: Layer, system: System) -> New:
    """What a feature has; not what any in GML may have, such as a name, if its layer has not."""
    known = of_layer(layer).values()
    told = {
        local(each.tag): each
        for each in _elements(element)
        if local(each.tag) in known or QName(each).namespace not in gml_reading.GML
    }
    return _new(call, told, layer, system)


def _new(call: Call, elements: dict[str, Any], layer: Layer, system: System) -> New:
    names = {xml: own for own, xml in of_layer(layer).items()}
    shape = elements.get(GEOMETRY)
    values = {}
    for xml, element in elements.items():
        if xml == GEOMETRY:
            continue
        column = layer.source.column(names.get(xml, ""))
        if column is None:
            raise BadInput(f"{layer.name} has no property {xml[:60]!r}.")
        values[column.name] = _value(call, element, column.type)
    return New(values, None if shape is None else _shape(shape, system))


def _shape(element: Any, system: System) -> BaseGeometry:
    written = _elements(element)
    if len(written) != 1:
        raise BadInput("A feature has one shape.")
    shape, told = gml_reading.shape(written[0], system)
    placed: BaseGeometry = from_crs(np.array([shape], object), told.crs, in_xy=told.in_xy)[0]
    return placed


def _value(call: Call, element: Any, told: FieldType) -> Any:
    """A value as it is stored; None where there is none."""
    text = "" if element is None else "".join(element.itertext())
    is_nil = element is None or any(local(name) == "nil" for name in element.attrib)
    if is_nil or (told != "string" and not text.strip()):
        return None
    try:
        return _plain(call, text if told == "string" else text.strip(), told)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is no {told}.") from None


def _plain(call: Call, text: str, told: FieldType) -> Any:
    if told == "integer":
        number = int(text)
        if not -_MOST_INTEGER <= number < _MOST_INTEGER:
            raise ValueError(text)
        return number
    if told == "number":
        if not math.isfinite(float(text)):
            raise ValueError(text)
        return float(text)
    if told == "boolean":
        if text not in _BOOLEANS:
            raise ValueError(text)
        return _BOOLEANS[text]
    if told == "date":
        return date.fromisoformat(text)
    if told == "date-time":
        return parse_instant(text, ZoneInfo(call.city.time_zone), "This")
    return text
