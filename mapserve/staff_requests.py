"""The layer of requests for the staff: all of them as points, at every zoom."""

import numpy as np
from sqlalchemy import text

from geo.tiles import KEY_ZOOM, deinterleave
from mapserve.drawing import WORLD_ZOOM, Drawing, Drawn, Layer, Tiles
from mapserve.features.staff_requests import SOURCE, VISIBLE
from mapserve.points import Points, draw_points

_POINTS = Points(
    "staff-requests",
    VISIBLE,
    ", r.status as detailed_status, r.visibility, r.ward, r.team, r.assignee",
)
_TILES = """
select distinct r.quadkey >> cast(:shift as integer) from service_request r
where r.jurisdiction_id = :jurisdiction_id and r.visibility <> 'erased' and r.quadkey is not null
"""


async def _find(drawing: Drawing, zoom: int) -> Tiles:
    condition, values = drawing.selection.where()
    names = {"jurisdiction_id": drawing.city.jurisdiction_id, "shift": 2 * (KEY_ZOOM - zoom)}
    found = await drawing.connection.execute(text(_TILES + condition), names | values)
    return np.array([deinterleave(key) for key in found.scalars()], np.int64).reshape(-1, 2)


async def _draw(drawing: Drawing) -> Drawn:
    return await draw_points(drawing, _POINTS)


LAYER = Layer(
    "staff-requests",
    "Service requests (staff)",
    "All service requests, public or not, with teams and detailed statuses",
    {
        "service_request_id": "String",
        "service_code": "String",
        "status": "String: open or closed",
        "requested_datetime": "String: date and time, ISO 8601",
        "detailed_status": "String",
        "visibility": "String: public, pending, hidden or sensitive",
        "ward": "String",
        "team": "String",
        "assignee": "String",
    },
    _draw,
    _find,
    WORLD_ZOOM,
    truncates=True,
    access="staff",
    source=SOURCE,
)
