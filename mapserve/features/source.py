"""Layers as features: what they are read from, and which properties they have."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from mapserve.cql import Kind, Property
from mapserve.filters import Selection
from open311.extents import Box
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

FieldType = Literal["string", "integer", "number", "boolean", "date", "date-time"]
GEOMETRY = "geometry"
"""The name of the shape among the properties that a filter may use."""

_KINDS: dict[FieldType, Kind] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "date-time": "instant",
}

SQL_TYPES: dict[FieldType, str] = {
    "string": "text",
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
    "date": "date",
    "date-time": "timestamptz",
}

Bounds = tuple[float, float, float, float]
"""West, south, east and north in degrees."""

Bind = Callable[[Any], str]
"""Binds a value, and gives what stands for it in SQL."""


class Column(Struct, frozen=True):
    """A property of features; its SQL is ours, and what came from elsewhere is bound in it."""

    name: str
    type: FieldType
    sql: str
    description: str = ""


class Relation(Struct, frozen=True):
    """What features are read from: the text behind `from`, a condition, and the values of both."""

    tables: str
    where: str
    values: dict[str, Any]


class Reading(Struct, frozen=True):
    """Features about to be read, by a connection that sees what the caller may see."""

    connection: AsyncConnection
    city: Jurisdiction
    settings: Settings
    source: "Source"


class Source(Struct, frozen=True):
    """How the features of a layer are read.

    `identifier` names a feature among them and never changes. Where there are many it comes from an
    index, so reading goes on behind any feature at once.
    """

    columns: tuple[Column, ...]
    geometry_type: str
    """As GeoJSON has them, or Geometry where they are mixed."""
    relate: Callable[[Reading, Selection], Awaitable[Relation]]
    identifier: Column
    shape: str
    """SQL of the shape: degrees, WGS 84."""
    near: Callable[[Box, Bind], str]
    """A condition, for the index, that holds for all shapes that meet a box, and for others."""
    instant: str | None = None
    """The property that a point or span of time means."""
    of_requests: bool = False
    """Whether it is limited by `service_code`, `status`, `start_date` and `end_date`."""
    tells_requests: bool = False
    """Whether each feature is a request: a municipality may show none of those."""
    bounds: Callable[["Reading"], Awaitable[Bounds | None]] | None = None
    """Where its features lie, when that need not be asked of all of them."""

    @property
    def properties(self) -> dict[str, Property]:
        """What a filter may name."""
        named = {column.name: Property(column.sql, _KINDS[column.type]) for column in self.columns}
        return {**named, GEOMETRY: Property(self.shape, "geometry")}

    def column(self, name: str) -> Column | None:
        """The property of a name."""
        return next((column for column in self.columns if column.name == name), None)
