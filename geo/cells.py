"""H3 cells as the 64-bit integers that are stored and compared (https://h3geo.org)."""

from collections.abc import Sequence
from functools import lru_cache

import h3.api.basic_int as h3
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.tiles import bounds

STORED_RESOLUTION = 12
"""Resolution of the cell on each row: edges of about ten metres, finer than any map draws."""

MAP_RESOLUTIONS = range(3, 10)
"""Resolutions that maps draw: edges of about 70 km down to 200 m. Each row has these cells."""


def cell_at(lat: float, lon: float, resolution: int = STORED_RESOLUTION) -> int:
    """The cell that holds a point (degrees) at a resolution of 0 to 15, as an integer."""
    return int(h3.latlng_to_cell(lat, lon, resolution))


def cells_at(
    lat: NDArray[np.float64], lon: NDArray[np.float64], resolution: int = STORED_RESOLUTION
) -> NDArray[np.int64]:
    """The cells of many points (degrees, arrays of one length), as `cell_at` gives each."""
    cells = (h3.latlng_to_cell(*point, resolution) for point in zip(lat, lon, strict=True))
    return np.fromiter(cells, np.int64, len(lat))


def map_cells(lat: float, lon: float) -> list[int]:
    """The cells of a point (degrees) at MAP_RESOLUTIONS, coarsest first.

    Each is found from the point itself: H3 cells do not nest, and the parent of a fine cell is for
    some points (one in sixteen, from resolution 12 to 8) not the coarse cell that holds them.
    """
    return [cell_at(lat, lon, resolution) for resolution in MAP_RESOLUTIONS]


def is_cell(cell: int, resolution: int | None = None) -> bool:
    """Whether a number is a cell, of a resolution when one is given."""
    valid = 0 < cell < 1 << 63 and h3.is_valid_cell(cell)
    return valid and (resolution is None or h3.get_resolution(cell) == resolution)


def text_of(cell: int) -> str:
    """The cell as everybody writes it: 15 hexadecimal digits."""
    return format(cell, "x")


def parse(text: str) -> int:
    """The cell of a text of hexadecimal digits. Raises ValueError when it is none."""
    cell = int(text, 16) if len(text) <= 16 and text.isalnum() else 0
    if not is_cell(cell):
        raise ValueError(f"{text[:20]!r} is no H3 cell")
    return cell


def resolution_of(cell: int) -> int:
    """The resolution of a cell."""
    return int(h3.get_resolution(cell))


def parents(cells: NDArray[np.int64], resolution: int) -> NDArray[np.int64]:
    """The parents by index, which outlines follow only nearly: see `map_cells`."""
    found = (h3.cell_to_parent(int(cell), resolution) for cell in cells)
    return np.fromiter(found, np.int64, len(cells))


def children(cell: int, resolution: int) -> tuple[int, int]:
    """Bounds of the children by index at a finer resolution: they are all numbers between them.

    https://h3geo.org/docs/core-library/h3Indexing: bits 52 to 55 are the resolution, and each
    resolution's digit (0 to 6) has three bits, those of resolution 15 the lowest.
    """
    first = cell & ~(0xF << 52) | resolution << 52
    last = first
    for digit in range(resolution_of(cell) + 1, resolution + 1):
        shift = 3 * (15 - digit)
        first &= ~(7 << shift)
        last = last & ~(7 << shift) | 6 << shift
    return first, last


@lru_cache(maxsize=65_536)
def outline(cell: int) -> list[tuple[float, float]]:
    """The corners of a cell as (lon, lat) in degrees, counter-clockwise, not closed.

    Of a cell across the antimeridian longitudes go on beyond 180 or -180.
    """
    corners = [(lon, lat) for lat, lon in h3.cell_to_boundary(cell)]
    first = corners[0][0]
    return [(lon + 360 * round((first - lon) / 360), lat) for lon, lat in corners]


def centre(cell: int) -> tuple[float, float]:
    """The middle of a cell as (lon, lat) in degrees."""
    lat, lon = h3.cell_to_latlng(cell)
    return lon, lat


def cover(area: BaseGeometry, resolution: int, *, touching: bool = False) -> list[int]:
    """The cells of an area in degrees (lon, lat): those whose middle lies in it, or all it touches.

    By their middles, areas without overlap have no cell in common.
    """
    shape = h3.geo_to_h3shape(shapely.geometry.mapping(area))
    if touching:
        return list(h3.h3shape_to_cells_experimental(shape, resolution, contain="overlap"))
    return list(h3.h3shape_to_cells(shape, resolution))


def compact(cells: Sequence[int]) -> list[int]:
    """The same area in as few cells as can be, coarser ones where all their children are there."""
    return list(h3.compact_cells(cells))


@lru_cache(maxsize=1024)
def cells_of_tile(zoom: int, x: int, y: int, resolution: int, buffer: float) -> list[int]:
    """Every cell whose outline touches a tile widened by `buffer` of its width on each side."""
    return cover(shapely.box(*bounds(zoom, x, y, buffer)), resolution, touching=True)
