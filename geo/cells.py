"""H3 cells as the 64-bit integers that are stored and compared (https://h3geo.org)."""

import h3.api.basic_int as h3
import numpy as np
from numpy.typing import NDArray

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
