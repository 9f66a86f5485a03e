"""What a picture shows of a layer: its shapes, grouped by the properties that their look reads."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import shapely
from msgspec import Struct, structs
from numpy.typing import NDArray
from sqlalchemy import text

from mapserve.features.reading import Query, related
from mapserve.features.source import Reading
from open311.dates import format_instant

_POINT_BYTES = 21
_POINT = np.dtype([("head", "V5"), ("x", "<f8"), ("y", "<f8")])
_LOOKS_ALIKE = 0.5
"""The part of a pixel within which a line may be moved without anybody seeing it."""


class Group(Struct, frozen=True):
    """Features that look alike. Shapes are in longitude and latitude; of points only those."""

    properties: dict[str, Any]
    points: NDArray[np.float64]
    shapes: NDArray[np.object_]


class Cover(Struct, frozen=True):
    """The features of a layer in a picture, and whether there are more than it may show."""

    groups: list[Group]
    is_truncated: bool = False


async def read(
    reading: Reading, query: Query, names: Sequence[str], degrees_a_pixel: float, *, labels: bool
) -> Cover:
    """The features of a query, by the named properties; of labels, a point in each instead.

    The database groups them, so that it sends a look once and its shapes in one piece. Their
    order is that of painting: it is told, so that a picture is the same whenever it is asked for.
    """
    most = reading.settings.max_picture_features
    found = await _grouped(reading, query, names, degrees_a_pixel, labels, "")
    if sum(len(shapes) for shapes, *_ in found) > most:
        # some must be left out: the same ones whenever it is asked
        order = f"order by {reading.source.identifier.sql}"
        found = await _grouped(reading, query, names, degrees_a_pixel, labels, order)
        return Cover([group for row in found for group in _groups(names, row)], is_truncated=True)
    return Cover([group for row in found for group in _groups(names, row)])


async def _grouped(
    reading: Reading,
    query: Query,
    names: Sequence[str],
    degrees_a_pixel: float,
    labels: bool,
    order: str,
) -> list[Any]:
    columns = {column.name: column.sql for column in reading.source.columns}
    known = [columns.get(name, "null") for name in names]
    relation, where, values = await related(reading, structs.replace(query, after=None))
    kind = reading.source.geometry_type
    shape = "shape"
    if labels:
        shape = "st_pointonsurface(shape)"
    elif kind != "Point":
        shape = "st_simplify(shape, :tolerance, true)"
        values |= {"tolerance": degrees_a_pixel * _LOOKS_ALIKE}
    looks = "".join(f", {sql} as look_{number}" for number, sql in enumerate(known))
    told = "".join(f", look_{number}" for number in range(len(known)))
    # one more than there may be tells that there are more
    most = reading.settings.max_picture_features + (0 if order else 1)
    sql = f"""
    select array_agg(st_asbinary({shape}, 'NDR')){told}
    from (
        select {reading.source.shape} as shape{looks}
        from {relation.tables}
        where {where} {order} limit :most
    ) found
    where shape is not null
    {f"group by {told[2:]} order by {told[2:]}" if known else "having count(*) > 0"}
    """  # noqa: S608
    return list((await reading.connection.execute(text(sql), values | {"most": most})).all())


def _groups(names: Sequence[str], row: Any) -> list[Group]:
    """The features of a row: a group for each kind of shapes, which other rules draw.

    The database tells them in the order of the plan that it chose, and plans change.
    """
    encoded, *values = row
    properties = {
        name: _told(value) for name, value in zip(names, values, strict=True) if value is not None
    }
    none = np.empty(0, dtype=object)
    if all(len(each) == _POINT_BYTES for each in encoded):
        points = np.frombuffer(b"".join(encoded), dtype=_POINT)
        # what stands further south is nearer to the eye
        points = points[np.lexsort((points["x"], -points["y"]))]
        return [Group(properties, np.column_stack((points["x"], points["y"])), none)]
    shapes = shapely.from_wkb(np.array(sorted(encoded), dtype=object))
    dimensions = shapely.get_dimensions(shapes)
    nowhere = np.empty((0, 2))
    return [
        Group(properties, nowhere, shapes[dimensions == each]) for each in np.unique(dimensions)
    ]


def _told(value: Any) -> Any:
    """A value as tiles have it, so that styles find the same there and here."""
    if isinstance(value, datetime):
        return format_instant(value)
    return value.isoformat() if isinstance(value, date) else value
