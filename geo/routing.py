"""Which municipality and ward a point lies in, without a server.

The rules are those of the database (`open311.places`), which tests hold against each other:

- In a municipality, border included: that one; where two meet or overlap, the smaller code.
- In none, as in the sea, in a lake or in a sliver between simplified outlines: the nearest one
  within 50 km, told as `nearest` with its distance, unless a neighbouring country is nearer.
- In a neighbouring country: NotHere with its name, however near a municipality is.
- Its ward is the nearest within 0.005 degrees (about 500 m), which is the one around it; where two
  meet, the smaller code.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import shapely
from msgspec import Struct
from numpy.typing import NDArray

from geo.boundary_files import Boundary, packaged

MOST_METRES = 50_000.0
"""How far the nearest municipality may be from a point that lies in none."""

_SLIVER = 0.005  # degrees
_METRES = 111_195.0  # of a degree of latitude, on a sphere
_DEGREES_AROUND = 0.8  # holds 50 km in every direction, at South Africa's latitudes


class NotHere(ValueError):
    """A point that no municipality serves; the sentence says where it lies."""

    def __init__(self, lat: float, lon: float, most_metres: float, country: str = "") -> None:
        far = f"no municipality, nor within {most_metres / 1000:g} km of one"
        super().__init__(f"lat {lat} and long {lon} lie in {country or far}.")
        self.country = country


class Routed(Struct, frozen=True):
    """Where a point lies: codes, and how the municipality was found."""

    municipality: str
    name: str
    district: str | None
    ward: str | None
    how: str
    """`inside` or `nearest`."""
    metres: float = 0.0
    """How far the municipality is."""


class Router:
    """Boundaries with the index that finds them by points: built once, and asked many times."""

    def __init__(
        self,
        municipalities: Sequence[Boundary],
        wards: Sequence[Boundary] = (),
        countries: Sequence[Boundary] = (),
        most_metres: float = MOST_METRES,
    ) -> None:
        # in the order of their codes: of several the first is the smallest
        self._municipalities = sorted(municipalities, key=lambda each: each.code)
        self._wards = sorted(wards, key=lambda each: each.code)
        self._countries = sorted(countries, key=lambda each: each.code)
        self._index, self._ward_index, self._country_index = (
            shapely.STRtree([each.area for each in boundaries])
            for boundaries in (self._municipalities, self._wards, self._countries)
        )
        for boundaries in (self._municipalities, self._wards):
            shapely.prepare([each.area for each in boundaries])
        self._most = most_metres

    def route(self, lat: float, lon: float) -> Routed:
        """Where a point (degrees, WGS84) lies. Raises NotHere."""
        (found,), (ward,) = self.route_many(np.array([lat]), np.array([lon]))
        inside = self._municipalities[found] if found >= 0 else None
        metres = 0.0
        if inside is None:
            inside, metres = self._nearest(lat, lon)
        return Routed(
            inside.code,
            inside.name,
            inside.parent_code,
            self._wards[ward].code if ward >= 0 else None,
            "nearest" if metres else "inside",
            metres,
        )

    def route_many(
        self, lats: NDArray[np.float64], lons: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Municipality and ward around each point, as places in `codes`; -1 where there is none."""
        points = np.asarray(shapely.points(lons, lats))
        municipalities = _first(self._index.query(points, "intersects"), len(points))
        wards = _first(self._ward_index.query(points, "intersects"), len(points))
        without = np.flatnonzero(wards < 0)
        asked, near = self._ward_index.query(points[without], "dwithin", _SLIVER)
        areas = np.array([each.area for each in self._wards], dtype=object)
        apart = shapely.distance(points[without][asked], areas[near]) if len(asked) else asked
        for order in np.lexsort((-near, -apart, asked)):  # the last to be written is the nearest
            wards[without[asked[order]]] = near[order]
        return municipalities, wards

    def codes(self) -> tuple[list[str], list[str]]:
        """The codes of municipalities and wards, in the order that `route_many` counts them."""
        return [each.code for each in self._municipalities], [each.code for each in self._wards]

    def _nearest(self, lat: float, lon: float) -> tuple[Boundary, float]:
        """The nearest municipality and its distance in metres. Raises NotHere."""
        nearest, metres = _nearest_of(self._municipalities, self._index, lat, lon)
        country, beyond = _nearest_of(self._countries, self._country_index, lat, lon)
        if country is not None and beyond <= min(metres, self._most):
            raise NotHere(lat, lon, self._most, country.name)
        if nearest is None or metres > self._most:
            raise NotHere(lat, lon, self._most)
        return nearest, metres


def _first(pairs: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Of the boundaries that each point intersects the first; -1 for none."""
    found = np.full(number, np.iinfo(np.int64).max)
    np.minimum.at(found, pairs[0], pairs[1])
    return np.where(found == np.iinfo(np.int64).max, -1, found)


def _nearest_of(
    boundaries: Sequence[Boundary], index: shapely.STRtree, lat: float, lon: float
) -> tuple[Boundary | None, float]:
    point = shapely.Point(lon, lat)
    best: tuple[Boundary | None, float] = (None, math.inf)
    for number in sorted(index.query(point, "dwithin", _DEGREES_AROUND).tolist()):
        metres = _metres(boundaries[number].area, lat, lon)
        if metres < best[1]:
            best = boundaries[number], metres
    return best


def _metres(area: shapely.Geometry, lat: float, lon: float) -> float:
    """The distance of an area from a point, on a plane that touches the earth there."""
    narrow = math.cos(math.radians(lat))
    window = shapely.box(lon - 1, lat - 1, lon + 1, lat + 1)
    plane = shapely.transform(
        shapely.intersection(area, window),
        lambda at: (at - (lon, lat)) * (narrow * _METRES, _METRES),
    )
    return float(shapely.distance(plane, shapely.Point(0, 0)))


@cache
def south_africa() -> Router:
    """The router of all South African municipalities and wards; takes a second to build."""
    return Router(packaged("za_municipalities"), packaged("za_wards"), packaged("neighbours"))
