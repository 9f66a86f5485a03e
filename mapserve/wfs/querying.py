"""What GetFeature reads: the features of each layer that are wanted, checked and counted."""

from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from mapserve import cql, filters, kvp
from mapserve.cql import Property
from mapserve.drawing import Layer
from mapserve.features.boxes import box_from
from mapserve.features.reading import Query, count
from mapserve.features.source import GEOMETRY
from mapserve.layers import find_features, opened
from mapserve.ows import OwsException, told_as
from mapserve.wfs import fes
from mapserve.wfs.asking import NEW, Asked, Wanted
from mapserve.wfs.names import of_layer
from mapserve.wfs.systems import DEFAULT, System, find_system
from open311.accounts import Account
from open311.context import Context
from open311.extents import Box
from open311.forms import Fields
from open311.jurisdictions import Jurisdiction

_OF_REQUESTS = ("service_code", "status", "start_date", "end_date")


class Call(Struct, frozen=True):
    """A call of WFS of a city, by whom, and what it asks for."""

    context: Context
    city: Jurisdiction
    account: Account | None
    asked: Asked

    @property
    def root(self) -> str:
        """The address of the city's maps."""
        return f"{self.context.settings.address}/maps/{self.city.jurisdiction_id}"


class Part(Struct, frozen=True):
    """The features of one layer that an answer has, and how many there are of them in all."""

    layer: Layer
    query: Query
    system: System
    matched: int | None
    """None when they are too many to count."""

    @property
    def returned(self) -> int:
        """How many of them the answer has."""
        if self.query.limit is None:
            return self.matched or 0
        there = self.query.limit if self.matched is None else self.matched - self.query.offset
        return max(0, min(self.query.limit, there))


async def find_layer(call: Call, name: str, locator: str = "typeName") -> Layer:
    """A layer by the name of its feature type. Raises OwsException."""
    with told_as("InvalidParameterValue", locator):
        return await find_features(call.context, call.city, name, call.account)


async def find_parts(call: Call) -> list[Part]:
    """What GetFeature wants, checked and counted. Raises OwsException."""
    parts = []
    for wanted in call.asked.wanted:
        layer = await find_layer(call, wanted.layer)
        system = _system(wanted.srs)
        query = query_of(call, wanted, layer)
        async with opened(call.context, call.city, layer) as reading:
            most = reading.settings.max_counted_features
            with told_as("InvalidParameterValue", "filter"):
                number = await count(reading, structs.replace(query, limit=None, offset=0), most)
        parts.append(Part(layer, query, system, None if number > most else number))
    return parts


def _system(name: str) -> System:
    if not name:
        return DEFAULT
    with told_as("InvalidParameterValue", "srsName"):
        return find_system(name)


def query_of(call: Call, wanted: Wanted, layer: Layer) -> Query:
    source, zone = layer.source, ZoneInfo(call.city.time_zone)
    found, tree = fes.Filter(), None
    with told_as("OperationParsingFailed", "filter"):
        if wanted.filter is not None:
            found = fes.read(wanted.filter, layer.name, source, _system(wanted.srs))
    with told_as("InvalidParameterValue", "CQL_FILTER"):
        if wanted.cql.strip() and wanted.cql.strip().upper() != "INCLUDE":
            tree = cql.parse(wanted.cql, "cql2-text")
    joined = fes.join([found.tree, tree])
    with told_as("InvalidParameterValue", "filter"):
        own = Property(f"cast({source.identifier.sql} as text)", "text")
        known = {**source.properties, fes.ID: own}
        condition = cql.condition(joined, known, zone, wanted.cql) if joined else None
    limits = Fields(_limits(call)) if source.of_requests else Fields()
    with told_as("InvalidParameterValue", "filter"):
        selection = filters.read(limits, zone)
    ids = tuple(fes.id_of(each, layer.name) for each in wanted.ids) or found.ids
    properties, with_shapes = _properties(wanted, layer)
    return Query(
        selection=selection,
        boxes=found.boxes or _boxes(wanted.bbox),
        condition=condition,
        ids=ids,
        properties=properties,
        sort=_sort(wanted, layer),
        limit=_limit(call),
        offset=call.asked.start,
        with_shapes=with_shapes,
    )


def _limits(call: Call) -> dict[str, list[str]]:
    given = ((name, call.asked.parameters.text(name.upper())) for name in _OF_REQUESTS)
    return {name: [value] for name, value in given if value}


def _limit(call: Call) -> int | None:
    """The new version has pages; an old client gets all of it in one, however much that is."""
    asked = call.asked
    if asked.version != NEW:
        return asked.count
    most = call.context.settings.max_page_features
    return most if asked.count is None else min(asked.count, most)


def _boxes(text: str) -> tuple[Box, ...]:
    """`BBOX`: two corners, and then perhaps the system that they are in."""
    if not text:
        return ()
    with told_as("InvalidParameterValue", "bbox"):
        parts = text.split(",")
        system = find_system(",".join(parts[4:])) if len(parts) > 4 else DEFAULT
        numbers = kvp.Parameters({"BBOX": ",".join(parts[:4])}).numbers("BBOX")
        if len(numbers) != 4:
            raise OwsException("InvalidParameterValue", "BBOX must be four numbers.", "bbox")
        first, second, third, fourth = numbers
        if first > third or second > fourth:
            told = "BBOX must have its least corner first."
            raise OwsException("InvalidParameterValue", told, "bbox")
        return (box_from((first, second, third, fourth), system.crs, in_xy=system.in_xy),)


def _properties(wanted: Wanted, layer: Layer) -> tuple[tuple[str, ...] | None, bool]:
    """The properties to read, and whether the shape is one of them."""
    names = {xml: name for name, xml in of_layer(layer).items()}
    found = []
    for each in wanted.properties:
        if each not in names and each not in (GEOMETRY, "*", "boundedBy", "id"):
            told = f"{layer.name} has no property {each[:60]!r}."
            raise OwsException("InvalidParameterValue", told, "PROPERTYNAME")
        found.append(names.get(each, each))
    if not found or "*" in found:
        return None, True
    return tuple(each for each in found if each in names.values()), GEOMETRY in found


def _sort(wanted: Wanted, layer: Layer) -> tuple[tuple[str, bool], ...]:
    names = {xml: name for name, xml in of_layer(layer).items()}
    for name, _ in wanted.sort:
        if name not in names:
            told = f"{layer.name} has no property {name[:60]!r} to sort by."
            raise OwsException("InvalidParameterValue", told, "SORTBY")
    return tuple((names[name], descends) for name, descends in wanted.sort)
