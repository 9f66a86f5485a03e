"""Hexagons as features: counted first, and then read like the rows of a table."""

import math
from functools import partial

import numpy as np
import shapely

from geo import cells as h3
from mapserve import anonymity
from mapserve.features.source import Bind, Bounds, Column, Reading, Relation, Source
from mapserve.filters import Selection
from mapserve.hexes import aggregate
from open311.extents import Box

RESOLUTION = anonymity.RESOLUTION
"""That of the hexagons unless another is asked for: 0.7 square kilometres each."""

_TABLES = """unnest(
    cast(:cell_names as text[]), cast(:shapes as bytea[]), cast(:requests as bigint[]),
    cast(:open_ones as bigint[]), cast(:medians as double precision[]),
    cast(:percentiles as double precision[])
) h (cell, shape, count, open, median_days, p90_days)"""

_IDENTIFIER = Column("cell", "string", "h.cell", "The H3 cell")
_COLUMNS = (
    _IDENTIFIER,
    Column("count", "integer", "h.count", "Requests in it"),
    Column("open", "integer", "h.open", "How many of them are open"),
    Column("median_days", "number", "h.median_days", "Half of the closed ones took fewer days"),
    Column("p90_days", "number", "h.p90_days", "Nine of ten closed ones took fewer days"),
)


async def _relate(resolution: int, reading: Reading, selection: Selection) -> Relation:
    found = await aggregate(reading.connection, reading.city, resolution, selection)
    cells = found.cells.tolist()
    return Relation(
        _TABLES,
        "true",
        {
            "cell_names": [h3.text_of(cell) for cell in cells],
            "shapes": [_shape(cell) for cell in cells],
            "requests": found.requests.tolist(),
            "open_ones": found.open.tolist(),
            "medians": _numbers(found.median_days),
            "percentiles": _numbers(found.p90_days),
        },
    )


def _shape(cell: int) -> bytes:
    return bytes(shapely.to_wkb(shapely.Polygon(h3.outline(cell))))


def _numbers(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


async def bounds(reading: Reading) -> Bounds | None:
    """Where requests are, to the width of a hexagon: not every one of millions is asked."""
    is_anonymous = reading.city.settings.hex_minimum > 1
    resolution = anonymity.RESOLUTION if is_anonymous else h3.MAP_RESOLUTIONS[-1]
    found = await aggregate(reading.connection, reading.city, resolution, Selection())
    if not len(found):
        return None
    corners = np.array([corner for cell in found.cells.tolist() for corner in h3.outline(cell)])
    west, south = corners.min(axis=0).tolist()
    east, north = corners.max(axis=0).tolist()
    return west, south, east, north


def _near(_box: Box, _bind: Bind) -> str:
    return "true"


def source(resolution: int) -> Source:
    """The hexagons of a resolution."""
    return Source(
        columns=_COLUMNS,
        geometry_type="Polygon",
        relate=partial(_relate, resolution),
        identifier=_IDENTIFIER,
        shape="st_geomfromwkb(h.shape, 4326)",
        near=_near,
        of_requests=True,
        bounds=bounds,
    )


SOURCE = source(RESOLUTION)
