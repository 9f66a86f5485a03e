"""Areas read from the files that municipalities publish them in."""

from pathlib import Path

import shapely
from shapely.geometry import MultiPolygon
from shapely.geometry.base import BaseGeometry


def read_area(path: Path, code: str | None = None) -> MultiPolygon:
    """The features of a file as one valid area in degrees (WGS84).

    Reads whatever GDAL does, gzipped or not, in any coordinate system. With a code, only the
    features whose property `code` it is. Raises ValueError.
    """
    # half a second that a running server never needs
    import geopandas

    if not path.exists():
        raise ValueError(f"{path} does not exist")
    try:
        features = geopandas.read_file(f"/vsigzip/{path}" if path.suffix == ".gz" else path)
    except Exception as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if code is not None:
        if "code" not in features:
            raise ValueError(f"the features of {path} have no property `code`")
        features = features[features["code"].astype(str) == code]
    if features.empty:
        raise ValueError(f"{path} has no feature of code {code}")
    return areas_of(features.to_crs(4326).geometry.make_valid().union_all())


def areas_of(geometry: BaseGeometry) -> MultiPolygon:
    """The polygons of a geometry, without the points and lines that repairs leave behind."""
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    parts += [
        polygon
        for part in shapely.get_parts(geometry)
        if part.geom_type == "MultiPolygon"
        for polygon in part.geoms
    ]
    if not parts:
        raise ValueError("there is no area in it")
    return MultiPolygon(parts)
