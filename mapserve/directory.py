"""The municipalities that have maps here, and where they are."""

from typing import Any

import msgspec
from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from msgspec import Struct
from sqlalchemy import text

from mapserve.answers import answer
from open311 import jurisdictions
from open311.context import Context

_EXTENTS = text("""
select jurisdiction_id, st_x(middle) as lon, st_y(middle) as lat,
    st_xmin(boundary) as west, st_ymin(boundary) as south,
    st_xmax(boundary) as east, st_ymax(boundary) as north
from jurisdiction cross join lateral st_pointonsurface(boundary) middle
where boundary is not null
""")


class Entry(Struct, frozen=True):
    """A municipality: a point in it (lon, lat), and west, south, east and north, in degrees."""

    jurisdiction_id: str
    name: str
    map: str
    style: str
    center: tuple[float, float] | None
    bounds: tuple[float, float, float, float] | None


@route("/maps/", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def get_directory(
    request: Request[Any, Any, Any], context: NamedDependency[Context]
) -> Response[bytes]:
    """Every municipality, but test endpoints, with the addresses of its map."""
    async with context.db.shared() as connection:
        rows = (await connection.execute(_EXTENTS)).all()
    places = {row.jurisdiction_id: ((row.lon, row.lat), tuple(row)[3:]) for row in rows}
    server = context.settings.address
    listed = [
        Entry(
            city.jurisdiction_id,
            city.name,
            f"{server}/{city.jurisdiction_id}",
            f"{server}/maps/{city.jurisdiction_id}/styles/light.json",
            *places.get(city.jurisdiction_id, (None, None)),
        )
        for city in await jurisdictions.list_all(context.db)
        if city.test_of is None
    ]
    return answer(request, msgspec.json.encode({"jurisdictions": listed}), "application/json")


routes = [get_directory]
