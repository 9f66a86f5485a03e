"""Boundaries read from the files that governments publish them in, and repaired."""

import gzip
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import shapely
from msgspec import Struct, json
from shapely.geometry import MultiPolygon
from shapely.geometry.base import BaseGeometry

from geo.boundaries import areas_of

DATA = Path(__file__).with_name("data")
# What publishers call them, in small letters, the likeliest first.
_COLUMNS = {
    "code": ("code", "ward_id", "wardid", "cat_b", "municcode", "districtco", "map_code", "id"),
    "name": ("name", "wardlabel", "municname", "map_title", "districtna", "title"),
    "parent": ("parent", "parent_code", "municipality", "municipalityid", "district", "cat_b"),
}


class Boundary(Struct, frozen=True):
    """An area (degrees, WGS84) with the code that its government gives it."""

    code: str
    name: str
    parent_code: str | None
    area: MultiPolygon


class Repair(Struct, frozen=True):
    """What was wrong with a feature's shape, and how much of its area the repair took or gave."""

    code: str
    reason: str
    change: float
    """The area after by the area before."""


class Reading(Struct, frozen=True):
    """The boundaries of a file, and what had to be repaired."""

    boundaries: list[Boundary]
    repairs: list[Repair]


def read_boundaries(path: Path, columns: Mapping[str, str] | None = None) -> Reading:
    """The boundaries of a file in any format and coordinate system that GDAL reads, gzipped or not.

    `columns` names the columns of code, name and parent; those left out are guessed. Features of
    one code are one boundary. Raises ValueError with a sentence.
    """
    # half a second that a running server never needs
    import geopandas

    if not path.exists():
        raise ValueError(f"{path} does not exist.")
    try:
        frame = geopandas.read_file(f"/vsigzip/{path}" if path.suffix == ".gz" else path)
    except Exception as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if frame.empty or "geometry" not in frame:
        raise ValueError(f"{path} has no features with shapes.")
    if frame.crs is None:
        raise ValueError(f"{path} does not say its coordinate system.")
    named = _choose(path, [str(name) for name in frame.columns], columns or {})
    shapes = list(frame.to_crs(4326).geometry)
    rows = frame.drop(columns="geometry").to_dict("records")
    return _read(path, [{k: row.get(v) for k, v in named.items()} for row in rows], shapes)


def _choose(path: Path, there: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    by_small = {name.lower(): name for name in reversed(there)}
    for name in given.values():
        if name not in there:
            raise ValueError(f"{path} has no column {name!r}; it has {', '.join(there)}.")
    guessed = {
        what: by_small[small]
        for what, smalls in _COLUMNS.items()
        for small in reversed(smalls)
        if small in by_small
    }
    if "code" not in guessed and "code" not in given:
        raise ValueError(f"None of the columns of {path} is a code: {', '.join(there)}.")
    return {**guessed, **given}


def _read(path: Path, rows: Sequence[Mapping[str, Any]], shapes: Sequence[Any]) -> Reading:
    found: dict[str, Boundary] = {}
    repairs = []
    for number, (row, shape) in enumerate(zip(rows, shapes, strict=True), 1):
        code = _text(row.get("code"))
        if code is None:
            raise ValueError(f"Feature {number} of {path} has no code.")
        if shape is None or shape.is_empty:
            raise ValueError(f"{code} of {path} has no shape.")
        area, repair = _repaired(code, shape)
        repairs += [repair] if repair else []
        if code in found:
            area = areas_of(shapely.union(found[code].area, area))
        found[code] = Boundary(code, _text(row.get("name")) or code, _text(row.get("parent")), area)
    return Reading(sorted(found.values(), key=lambda each: each.code), repairs)


def _repaired(code: str, shape: BaseGeometry) -> tuple[MultiPolygon, Repair | None]:
    if shapely.is_valid(shape):
        return _areas(code, shape), None
    area = _areas(code, shapely.make_valid(shape))
    change = area.area / shape.area if shape.area else 1.0
    return area, Repair(code, str(shapely.is_valid_reason(shape)), change)


def _areas(code: str, shape: BaseGeometry) -> MultiPolygon:
    try:
        return areas_of(shape)
    except ValueError:
        raise ValueError(f"The shape of {code} is no area but a {shape.geom_type}.") from None


def _text(value: Any) -> str | None:
    """Codes that a file has as numbers are whole; what is not there is NaN, None or blank."""
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


@cache
def packaged(name: str) -> tuple[Boundary, ...]:
    """Boundaries that come with the library, such as `za_wards`; quicker than any file."""
    told = json.decode(gzip.decompress((DATA / f"{name}.geojson.gz").read_bytes()))
    shapes = shapely.from_geojson(
        [json.encode(each["geometry"]).decode() for each in told["features"]]
    )
    repaired = [areas_of(each) for each in shapely.make_valid(shapes)]
    return tuple(
        Boundary(
            each["properties"]["code"],
            each["properties"].get("name", each["properties"]["code"]),
            each["properties"].get("municipality") or each["properties"].get("district"),
            area,
        )
        for each, area in zip(told["features"], repaired, strict=True)
    )


PACKAGED = {
    "district": "za_districts",
    "municipality": "za_municipalities",
    "ward": "za_wards",
    "country": "neighbours",
}
"""Which file of the library has the South African boundaries of each kind."""
