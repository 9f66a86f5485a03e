"""Boxes of any coordinate reference system in degrees, as everything inside has them."""

import numpy as np
import shapely
from pyproj.exceptions import ProjError

from mapserve.features.crs import Crs, from_crs
from open311.errors import BadInput
from open311.extents import Box

_EDGE_POINTS = 21


def box_from(corners: tuple[float, float, float, float], crs: Crs, *, in_xy: bool = False) -> Box:
    """The box in degrees around a box of a system; its corners least first. Raises BadInput.

    The edges of one are curves in the other, so they are followed. What lies beyond the poles or
    the antimeridian is cut off.
    """
    first = np.linspace(corners[0], corners[2], _EDGE_POINTS)
    second = np.linspace(corners[1], corners[3], _EDGE_POINTS)
    grid = np.array(np.meshgrid(first, second)).reshape(2, -1).T
    try:
        points = from_crs(np.asarray(shapely.points(grid)), crs, in_xy=in_xy)
    except ProjError:
        points = np.array([])
    degrees = shapely.get_coordinates(points)
    degrees = degrees[np.isfinite(degrees).all(axis=1)]
    if not len(degrees):
        raise BadInput(f"The box lies where {crs.name} is not defined.")
    low = np.maximum(degrees.min(axis=0), (-180, -90)).tolist()
    high = np.minimum(degrees.max(axis=0), (180, 90)).tolist()
    if low[0] > high[0] or low[1] > high[1]:
        raise BadInput("The box lies beyond the world.")
    return Box(low[0], low[1], high[0], high[1])
