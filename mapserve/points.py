"""Requests in tiles: points where a tile holds few enough of them, hexagons at lower zooms."""

from collections import Counter
from pathlib import Path

import numpy as np
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.cells import centre
from geo.tiles import KEY_ZOOM, deinterleave, key_range, tile_at
from mapserve import hex_tiles, mvt
from mapserve.drawing import Drawing, Drawn, Tiles
from mapserve.filters import Selection
from mapserve.hexes import aggregate
from open311.jurisdictions import Jurisdiction

FIELDS = {
    "service_request_id": "String",
    "service_code": "String",
    "status": "String",
    "requested_datetime": "String: date and time, ISO 8601",
    **hex_tiles.FIELDS,
}
"""Of points and of hexagons: which of them a feature has, its shape tells."""

POINTS_FROM, POINTS_BY = 10, 16
"""The zooms at which points begin, at the earliest and at the latest: tiles of the latest are drawn
larger beyond it."""

_NEVER = 99
_SQL = Path(__file__).with_suffix(".sql").read_text()
_ORDER = "order by hashtext(r.service_request_id), r.service_request_id"
_TILES = """
select distinct r.quadkey >> cast(:shift as integer) from service_request r
where r.jurisdiction_id = :jurisdiction_id and r.visibility = 'public' and r.quadkey is not null
"""
_COUNT = """
select count(*) from service_request r
where r.jurisdiction_id = :jurisdiction_id and """
_WITHIN = "r.quadkey >= :first and r.quadkey < :last"


class Points(Struct, frozen=True):
    """Requests as points of tiles: the name of their layer, and which of them it shows.

    `visible` is SQL in which `{within}` stands for the tile's range of quadkeys; `columns` are more
    of them, each with a comma before.
    """

    name: str
    visible: str
    columns: str = ""


_PUBLIC = Points("requests", "r.visibility = 'public' and {within}")


async def first_zoom(connection: AsyncConnection, city: Jurisdiction, most: int) -> int:
    """The least zoom whose fullest tile holds at most so many requests, by their hexagons."""
    if city.settings.hex_minimum > 1:
        return _NEVER
    found = await aggregate(connection, city, 9, Selection())
    middles = [centre(cell) for cell in found.cells.tolist()]
    for zoom in range(POINTS_FROM, POINTS_BY):
        tiles: Counter[tuple[int, int]] = Counter()
        for (lon, lat), number in zip(middles, found.requests.tolist(), strict=True):
            tiles[tile_at(lon, lat, zoom)] += number
        if max(tiles.values(), default=0) <= most:
            return zoom
    return POINTS_BY


async def find_requests(drawing: Drawing, zoom: int) -> Tiles:
    """The tiles of a zoom that hold requests, or that their hexagons may touch."""
    if zoom < drawing.points_from:
        return await hex_tiles.find_hexes(drawing, zoom)
    condition, values = drawing.selection.where()
    names = {"jurisdiction_id": drawing.city.jurisdiction_id, "shift": 2 * (KEY_ZOOM - zoom)}
    found = await drawing.connection.execute(text(_TILES + condition), names | values)
    return np.array([deinterleave(key) for key in found.scalars()], np.int64).reshape(-1, 2)


async def draw_requests(drawing: Drawing) -> Drawn:
    """Requests, each in one tile, or the hexagons that touch the tile."""
    if drawing.tile.zoom < drawing.points_from:
        return await hex_tiles.draw_hexes(drawing, "requests")
    return await draw_points(drawing, _PUBLIC)


async def draw_points(drawing: Drawing, points: Points) -> Drawn:
    """The points of a tile, as many as it may hold."""
    tile, most = drawing.tile, drawing.settings.max_tile_features
    first, last = key_range(tile.zoom, tile.x, tile.y)
    condition, values = drawing.selection.where()
    condition = points.visible.format(within=_WITHIN) + condition
    names = values | {
        "jurisdiction_id": drawing.city.jurisdiction_id,
        "first": first,
        "last": last,
    }
    place = {"size": float(1 << tile.zoom), "x": float(tile.x), "y": float(tile.y), "most": most}
    told = {"name": points.name, "columns": points.columns}
    statement = text(_SQL.format(where=condition, order=_ORDER, **told))
    data, number = (await drawing.connection.execute(statement, names | place)).one()
    if number < most:
        return Drawn(bytes(data) if number else b"")
    total = (await drawing.connection.execute(text(_COUNT + condition), names)).scalar_one()
    left_out = total - number
    missing = mvt.truncation(points.name, left_out) if left_out else b""
    return Drawn(bytes(data) + missing, left_out)
