"""The one kind of shape that a file or a schema declares, where single and several are mixed."""

import numpy as np
import shapely
from numpy.typing import NDArray

Shapes = NDArray[np.object_]

_DECLARED = {
    "Point": "Point",
    "LineString": "MultiLineString",
    "Polygon": "MultiPolygon",
    "MultiPolygon": "MultiPolygon",
}
_LINE, _AREA = 1, 3


def declared(geometry_type: str) -> str:
    """What is declared of a layer: its points, several lines or areas, or Geometry."""
    return _DECLARED.get(geometry_type, "Geometry")


def as_declared(shapes: Shapes, geometry_type: str) -> Shapes:
    """Shapes of the declared kind: a line or area alone as the only one of several."""
    if declared(geometry_type) not in ("MultiLineString", "MultiPolygon"):
        return shapes
    made = np.array(shapes, dtype=object)
    kinds = shapely.get_type_id(made)
    made[kinds == _LINE] = shapely.multilinestrings(made[kinds == _LINE].reshape(-1, 1))
    made[kinds == _AREA] = shapely.multipolygons(made[kinds == _AREA].reshape(-1, 1))
    return made
