"""Municipalities, neighbouring countries and wards as layers: what a map is drawn upon."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from geo import tile_index
from geo.tiles import bounds
from mapserve import mvt
from mapserve.drawing import WORLD, Drawing, Drawn, Layer, Tiles
from mapserve.features import outlines

MAX_ZOOM = 16
"""Beyond, maps draw those tiles larger: outlines are simplified anyway."""

FIELDS = {"kind": "String", "code": "String", "name": "String"}
_BUFFER = 64 / mvt.EXTENT
_DEGREES = 360.0
_TILE = text(Path(__file__).with_suffix(".sql").read_text())
_BOXES = text("""
select st_xmin(geom), st_ymin(geom), st_xmax(geom), st_ymax(geom) from boundary
where kind = any(cast(:kinds as text[]))
    and (cast(:within as text) is null or parent_code = :within)
    and valid_from <= current_date and (valid_to is null or valid_to > current_date)
""")
_MUNICIPALITY = text("""
select municipality_code from jurisdiction where jurisdiction_id = :jurisdiction_id
""")
Kinds = tuple[str, ...]


def layer(name: str, title: str, description: str, kinds: Kinds, min_zoom: int) -> Layer:
    """A layer of boundaries; of wards, those of the city's own municipality."""
    return Layer(
        name,
        title,
        description,
        FIELDS,
        partial(draw, name, kinds),
        partial(find_tiles, kinds),
        MAX_ZOOM,
        min_zoom=min_zoom,
        attribution="Municipal Demarcation Board",
        bounds=WORLD if "country" in kinds else None,
        has_labels=True,
        source=outlines.source(kinds),
    )


async def draw(name: str, kinds: Kinds, drawing: Drawing) -> Drawn:
    """Outlines clipped at the tile, and the points of names."""
    tile = drawing.tile
    west, south, east, north = bounds(tile.zoom, tile.x, tile.y, _BUFFER)
    names: dict[str, Any] = {"west": west, "south": south, "east": east, "north": north}
    names |= {"zoom": tile.zoom, "x": tile.x, "y": tile.y, "layer": name, "kinds": list(kinds)}
    names["tolerance"] = _DEGREES / (mvt.EXTENT << tile.zoom) / 2
    names["within"] = await _within(drawing, kinds)
    areas, labels = (await drawing.connection.execute(_TILE, names)).one()
    return Drawn(bytes(areas or b"") + bytes(labels or b""))


async def find_tiles(kinds: Kinds, drawing: Drawing, zoom: int) -> Tiles:
    """The tiles of a zoom that boundaries may touch."""
    names = {"kinds": list(kinds), "within": await _within(drawing, kinds)}
    rows = await drawing.connection.execute(_BOXES, names)
    boxes = np.array([tuple(row) for row in rows], np.float64).reshape(-1, 4)
    return tile_index.touched(boxes, zoom, _BUFFER)


async def _within(drawing: Drawing, kinds: Kinds) -> str | None:
    """The municipality whose wards they are: a code that none has where the city names none."""
    if kinds != ("ward",):
        return None
    names = {"jurisdiction_id": drawing.city.jurisdiction_id}
    return (await drawing.connection.execute(_MUNICIPALITY, names)).scalar_one() or ""
