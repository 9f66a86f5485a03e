"""Coordinate systems as clients of WFS name them: the way tells the order of the axes."""

from msgspec import Struct

from mapserve.features.crs import Crs, find_crs

_PLAIN = ("epsg:", "crs:84")
_OLD = "http://www.opengis.net/gml/srs/"


class System(Struct, frozen=True):
    """A system by a name. `in_xy`: named as old clients do, longitude comes first."""

    crs: Crs
    in_xy: bool

    @property
    def name(self) -> str:
        """What it is called in answers."""
        return f"{self.crs.authority}:{self.crs.code}" if self.in_xy else self.crs.urn


def find_system(name: str) -> System:
    """The system of a name. Raises BadInput."""
    is_plain = name.strip().lower().startswith((*_PLAIN, _OLD))
    return System(find_crs(name), is_plain)


DEFAULT = find_system("urn:ogc:def:crs:EPSG::4326")
