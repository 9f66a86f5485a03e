"""Names of places out of files: the South African gazetteer, and a city's list of addresses."""

import csv
import gzip
import re
import unicodedata
from collections.abc import Iterable, Iterator
from math import log10
from pathlib import Path
from typing import Any

from msgspec import Struct

from geo.addresses import normalise
from geo.candidates import Listed

_DATA = Path(__file__).parent / "data"
_ALTERNATIVE = re.compile(r"[A-Z][A-Za-z' -]{3,}")
_COUNTED = re.compile(r"\s*\(\d+\)$")  # `Witbank (2)`: statisticians number what is not joined
_MUNICIPALITY = re.compile(
    r"^(?:the )?(?:city of )?(.+?)(?: (?:local|metropolitan|district|metro))?(?: municipality)?$"
)
_CITY_WEIGHT = 7  # the decimal logarithm of ten million

_TOWNSHIP_WEIGHTS = {"suburb": 0.6, "neighbourhood": 0.3}


class Source(Struct, frozen=True):
    """A place with where its name and point come from."""

    place: Listed
    source: str


class Refused(Struct, frozen=True):
    """A row of an address list that cannot be taken; `row` counts from 1."""

    row: int
    reason: str


def read_gazetteer() -> Iterator[Source]:
    """Places of South Africa under each of their names; geo/data/README.md has the sources."""
    with gzip.open(_DATA / "za_gazetteer.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["name"].endswith(" NU"):
                continue  # `non-urban`: the land around a town
            yield from _under_each_name(row)
    with (_DATA / "za_townships.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            place = Listed(
                row["name"],
                normalise(row["name"]),
                row["kind"],
                row["municipality"],
                float(row["lat"]),
                float(row["long"]),
                weight=_TOWNSHIP_WEIGHTS[row["kind"]],
            )
            yield Source(place, row["source"])


def _under_each_name(row: dict[str, str]) -> Iterator[Source]:
    name = _COUNTED.sub("", row["name"])
    weight = _weight(int(row["population"] or 0), row["placetype"])
    for search in dict.fromkeys(normalise(each) for each in (name, *_alternatives(row))):
        place = Listed(
            name,
            search,
            row["placetype"],
            row["municipality"] or None,
            float(row["lat"]),
            float(row["lon"]),
            weight=weight,
        )
        yield Source(place, row["source"])


def _weight(population: int, kind: str) -> float:
    """By the number of people. Where nobody counted, a part of a town outweighs a farm."""
    if not population:
        return _TOWNSHIP_WEIGHTS["suburb"] if kind == "neighbourhood" else 0.0
    return min(1.0, log10(population) / _CITY_WEIGHT)


def _alternatives(row: dict[str, str]) -> Iterator[str]:
    """Other names in Latin letters; not transliterations back from other scripts (`de ban`)."""
    for name in row["alt"].split("|"):
        plain = unicodedata.normalize("NFKD", name)
        if _ALTERNATIVE.fullmatch("".join(c for c in plain if not unicodedata.combining(c))):
            yield name


def names_of_boundary(kind: str, code: str, name: str) -> list[str]:
    """The normalised names that people call an area by.

    A ward's is its number, the last three digits of its code; a municipality's has no `City of`
    and no `Local Municipality`.
    """
    called = normalise(name)
    if kind == "ward":
        return [f"ward {int(code[-3:])}"] if code[-3:].isdigit() else [called]
    if kind in ("municipality", "district"):
        short = _MUNICIPALITY.fullmatch(called)
        return list(dict.fromkeys([called, short[1] if short else called]))
    return [called]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, lat and long (degrees, WGS84) out of points where they are no columns.

    Reads whatever GDAL does, gzipped or not. Raises ValueError.
    """
    # half a second that a running server never needs
    import geopandas

    try:
        features = geopandas.read_file(f"/vsigzip/{path}" if path.suffix == ".gz" else path)
    except Exception as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if isinstance(features, geopandas.GeoDataFrame):
        points = features.to_crs(4326).geometry
        features = features.drop(columns=points.name)
        features["lat"], features["long"] = points.y, points.x
    rows: list[dict[str, Any]] = features.to_dict("records")
    return rows


def read_addresses(
    rows: Iterable[dict[str, Any]], municipality_code: str
) -> Iterator[Source | Refused]:
    """A city's addresses: columns address_id, address, lat, long and perhaps suburb.

    Each is listed with its suburb and without. What is missing, not in degrees or there twice is
    refused with the reason.
    """
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        try:
            place = _address(row, municipality_code)
        except ValueError as error:
            yield Refused(number, str(error))
            continue
        if place.address_id in seen:
            yield Refused(number, f"address_id {place.address_id} stands here twice")
            continue
        seen.add(place.address_id or "")
        suburb = normalise(_text(row, "suburb"))
        full = place.search if suburb in place.search else f"{place.search} {suburb}"
        for search in dict.fromkeys((full, place.search)):
            yield Source(_renamed(place, search, _text(row, "suburb")), "addresses")


def _renamed(place: Listed, search: str, suburb: str) -> Listed:
    shown = place.name if not suburb or suburb in place.name else f"{place.name}, {suburb}"
    return Listed(
        shown,
        search,
        place.kind,
        place.municipality_code,
        place.lat,
        place.long,
        place.address_id,
        place.weight,
    )


def _address(row: dict[str, Any], municipality_code: str) -> Listed:
    address_id, address = _text(row, "address_id"), _text(row, "address")
    if not address_id or not normalise(address):
        raise ValueError("address_id and address are needed")
    lat, long = _degrees(row, "lat", 90), _degrees(row, "long", 180)
    return Listed(address, normalise(address), "address", municipality_code, lat, long, address_id)


def _degrees(row: dict[str, Any], name: str, most: float) -> float:
    try:
        value = float(_text(row, name))
    except ValueError:
        raise ValueError(f"{name} is no number of degrees") from None
    if not abs(value) <= most:  # NaN neither
        raise ValueError(f"{name} must lie between -{most} and {most}")
    return value


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None or value != value else str(value).strip()
