"""Coordinate reference systems by every name that clients know them by, and shapes in them.

Shapes are in longitude and latitude (CRS84) everywhere inside. Outside, a system named by URI or
URN has the axis order that its authority gave it: EPSG:4326 is latitude first.
"""

import math
import re
import threading
from functools import lru_cache
from typing import Any

import numpy as np
import pyproj
import shapely
from msgspec import Struct
from numpy.typing import NDArray
from pyproj.exceptions import CRSError

from open311.errors import BadInput

Shapes = NDArray[np.object_]

_NAME = re.compile(
    r"""(?:
        (?:urn:(?:x-)?ogc:def:crs:|https?://www\.opengis\.net/def/crs/)?
        (?P<authority>EPSG|OGC|CRS) (?: :{1,2} | /  | :[\w.]*: | /[\w.]*/ ) (?P<code>\w{1,20})
        | https?://www\.opengis\.net/gml/srs/epsg\.xml\#(?P<old>\d{1,6})
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_DEGREE_DIGITS, _METRE_DIGITS = 7, 3
_DEGREE_METRES = 6_378_137 * math.pi / 180


class Crs(Struct, frozen=True):
    """A system that PROJ knows. `is_reversed`: its authority puts north before east."""

    authority: str
    code: str
    is_reversed: bool
    is_geographic: bool

    @property
    def name(self) -> str:
        """`EPSG:4326`, or `CRS:84` as WMS has it."""
        return "CRS:84" if self == CRS84 else f"{self.authority}:{self.code}"

    @property
    def uri(self) -> str:
        """As OGC API has it."""
        version = "1.3" if self.authority == "OGC" else "0"
        return f"http://www.opengis.net/def/crs/{self.authority}/{version}/{self.code}"

    @property
    def urn(self) -> str:
        """As WFS has it."""
        version = "1.3" if self.authority == "OGC" else ""
        return f"urn:ogc:def:crs:{self.authority}:{version}:{self.code}"

    @property
    def digits(self) -> int:
        """The digits behind the point that are worth telling: a centimetre, or a millimetre."""
        return _DEGREE_DIGITS if self.is_geographic else _METRE_DIGITS


CRS84 = Crs("OGC", "CRS84", False, True)
"""Longitude and latitude in degrees, WGS 84."""


def find_crs(name: str) -> Crs:
    """The system of a name: `EPSG:2048`, an OGC URN or URI, `CRS:84`. Raises BadInput."""
    found = _NAME.fullmatch(name.strip())
    if found is None:
        raise BadInput(f"{name[:80]!r} names no coordinate reference system known here.")
    authority, code = (found["authority"] or "EPSG").upper(), found["code"] or found["old"]
    if authority != "EPSG":
        if code.upper() not in ("84", "CRS84"):
            raise BadInput(f"{name[:80]!r} names no coordinate reference system known here.")
        return CRS84
    return _of_epsg(code)


@lru_cache(maxsize=256)
def _of_epsg(code: str) -> Crs:
    try:
        known = pyproj.CRS.from_authority("EPSG", code)
    except CRSError:
        raise BadInput(f"EPSG:{code} is not a coordinate reference system.") from None
    if not (known.is_geographic or known.is_projected) or len(known.axis_info) != 2:
        raise BadInput(f"EPSG:{code} has no two axes on the ground.")
    is_reversed = known.axis_info[0].direction.lower() in ("north", "south")
    return Crs("EPSG", code, is_reversed, known.is_geographic)


@lru_cache(maxsize=256)
def metres(crs: Crs) -> float:
    """How many metres its unit is: of a degree, along the equator (OGC 06-042, 7.2.4.6.9)."""
    if crs.is_geographic:
        return _DEGREE_METRES
    return float(pyproj.CRS.from_authority("EPSG", crs.code).axis_info[0].unit_conversion_factor)


LISTED = (
    CRS84,
    *(
        _of_epsg(str(code))
        for code in (4326, 3857, *range(2048, 2056), *range(32733, 32737), 28992)
    ),
)
"""Those that capabilities list: others are understood too."""


def to_crs(shapes: Shapes, crs: Crs, *, in_xy: bool = False) -> Shapes:
    """Shapes (longitude, latitude) in a system, in its axis order, or always east before north.

    What lies where the system is not defined becomes infinite coordinates, as PROJ has it.
    """
    if crs == CRS84:
        return shapes
    swap = crs.is_reversed and not in_xy
    if crs.code == "4326":
        return shapely.transform(shapes, lambda xy: xy[:, ::-1]) if swap else shapes
    forward = _transformer(crs.code, threading.get_ident())

    def project(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        first, second = forward.transform(xy[:, 0], xy[:, 1])
        return np.column_stack((second, first) if swap else (first, second))

    return np.asarray(shapely.transform(shapes, project))


def from_crs(shapes: Shapes, crs: Crs, *, in_xy: bool = False) -> Shapes:
    """Shapes of a system, in its axis order or east before north, in longitude and latitude."""
    if crs == CRS84:
        return shapes
    swap = crs.is_reversed and not in_xy
    if crs.code == "4326":
        return shapely.transform(shapes, lambda xy: xy[:, ::-1]) if swap else shapes
    transformer = _transformer(crs.code, threading.get_ident())

    def unproject(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        first, second = (xy[:, 1], xy[:, 0]) if swap else (xy[:, 0], xy[:, 1])
        return np.column_stack(transformer.transform(first, second, direction="INVERSE"))

    return np.asarray(shapely.transform(shapes, unproject))


# one for each thread: PROJ's are not safe to share
@lru_cache(maxsize=512)
def _transformer(code: str, _thread: int) -> Any:
    return pyproj.Transformer.from_crs(4326, int(code), always_xy=True)
