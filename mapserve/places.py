"""Places by their names, and names of points, for the search of maps."""

from typing import Any

import msgspec
from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from mapserve.answers import answer
from open311 import geocoding, jurisdictions
from open311.context import Context
from open311.errors import BadInput
from open311.forms import Fields, parse_number, read_query

_LONGEST = 300
_MOST = 50
_USUAL = 10


class Place(Struct, frozen=True):
    """One answer of the search: degrees (WGS84), and from 0 to 1 how likely it is meant."""

    name: str
    kind: str
    municipality: str | None
    lat: float
    long: float
    score: float
    how: str
    rest: str


@route("/maps/{jurisdiction_id:str}/places.json", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def get_places(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """Where something is, `?q=`, or what a point is called, `?lat=&long=`."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    fields = await read_query(request, context.settings)
    ask = _search if fields.text("q") else _describe
    told = await ask(context, city.jurisdiction_id, fields)
    return answer(request, msgspec.json.encode(told), "application/json")


async def _search(context: Context, jurisdiction_id: str, fields: Fields) -> dict[str, list[Place]]:
    query, limit = fields.text("q") or "", _limit(fields)
    if len(query) > _LONGEST:
        raise BadInput(f"q is longer than {_LONGEST} characters.")
    near = _point(fields) if "lat" in fields.values or "long" in fields.values else None
    async with context.maps.begin(jurisdiction_id) as connection:
        city = await geocoding.municipality_of(connection, jurisdiction_id)
        found = await geocoding.find(connection, query, city, near, limit)
    return {"places": [_told(candidate) for candidate in found]}


def _told(found: geocoding.Candidate) -> Place:
    return Place(
        found.name,
        found.kind,
        found.municipality_code,
        found.lat,
        found.long,
        found.score,
        found.how,
        found.rest,
    )


async def _describe(context: Context, jurisdiction_id: str, fields: Fields) -> geocoding.Described:
    lat, long = _point(fields)
    async with context.maps.begin(jurisdiction_id) as connection:
        return await geocoding.describe(connection, lat, long)


def _point(fields: Fields) -> tuple[float, float]:
    return _degrees(fields, "lat", 90), _degrees(fields, "long", 180)


def _degrees(fields: Fields, name: str, most: int) -> float:
    text = fields.text(name)
    if text is None:
        raise BadInput("Ask with q, a place in words, or with lat and long.")
    try:
        value = parse_number(text)
    except ValueError:
        raise BadInput(f"{name} must be a number of degrees; {text[:40]!r} is not.") from None
    if abs(value) > most:
        raise BadInput(f"{name} must lie between -{most} and {most}.")
    return value


def _limit(fields: Fields) -> int:
    text = fields.text("limit") or str(_USUAL)
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST):
        raise BadInput(f"limit must be a number from 1 to {_MOST}.")
    return int(text)


routes = [get_places]
