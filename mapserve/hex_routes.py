"""Hexagons over HTTP: of a city in several formats, and what is known of one of them."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import structs

from geo import cells as h3
from mapserve import hex_history, hexes
from mapserve.answers import answer
from mapserve.filters import Selection, read
from mapserve.hex_formats import FORMATS, columns
from open311 import jurisdictions
from open311.context import Context
from open311.errors import BadInput, NotFound
from open311.extents import Box, read_span
from open311.forms import Fields, read_query
from open311.jurisdictions import Jurisdiction

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_MOST_CELLS = 10_000


@route("/maps/{jurisdiction_id:str}/h3/{name:str}", http_method=_READ)
async def get_hexes(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    name: FromPath[str],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """The hexagons of a city: `/maps/capetown.gov.za/h3/8.geojson`."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    stem, _, extension = name.rpartition(".")
    if extension not in FORMATS or not (stem.isascii() and stem.isdigit() and len(stem) < 3):
        raise NotFound(f"Hexagons are at h3/0.json to h3/15.json, or {', '.join(FORMATS)}.")
    fields = await read_query(request, context.settings)
    table = await _table(context, city, int(stem), fields)
    chosen = FORMATS[extension]
    return answer(request, chosen.write(int(stem), table), chosen.media_type)


async def _table(
    context: Context, city: Jurisdiction, resolution: int, fields: Fields
) -> dict[str, list[Any]]:
    zone = ZoneInfo(city.time_zone)
    selection = read(fields, zone)
    asked = _Asked(resolution, fields, selection.box)
    # coarser than its hexagons a box chooses hexagons, and never cuts them
    if resolution in h3.MAP_RESOLUTIONS:
        selection = structs.replace(selection, box=None)
    now = await _ask(context, city, asked, selection)
    start, end = read_span(fields, zone, "compare_start", "compare_end")
    if start is None and end is None:
        return columns(now)
    before = await _ask(context, city, asked, structs.replace(selection, start=start, end=end))
    return _compared(now, before)


class _Asked:
    """Which hexagons a query names: by `cells`, `parent` or `bbox`; without any, all."""

    def __init__(self, resolution: int, fields: Fields, box: Box | None) -> None:
        self.resolution = resolution
        self.box = box
        self.parent = _cell(fields.text("parent")) if fields.text("parent") else None
        self.cells = [_cell(text, resolution) for text in fields.many("cells")]
        if len(self.cells) > _MOST_CELLS:
            raise BadInput(f"More than {_MOST_CELLS} cells.")
        if self.parent is not None and h3.resolution_of(self.parent) > resolution:
            raise BadInput("parent must not be finer than the hexagons.")

    def keep(self, found: hexes.Hexes) -> hexes.Hexes:
        """Those that were asked for."""
        if self.parent is not None:
            first, last = h3.children(self.parent, self.resolution)
            found = found.take((found.cells >= first) & (found.cells <= last))
        if self.box is not None:
            middles = np.array([h3.centre(cell) for cell in found.cells.tolist()]).reshape(-1, 2)
            lon, lat = middles.T
            box = self.box
            found = found.take(
                (box.west <= lon) & (lon <= box.east) & (box.south <= lat) & (lat <= box.north)
            )
        return found


async def _ask(
    context: Context, city: Jurisdiction, asked: _Asked, selection: Selection
) -> hexes.Hexes:
    most = context.settings.max_hex_requests
    async with context.maps.begin(city.jurisdiction_id) as connection:
        found = await hexes.aggregate(
            connection, city, asked.resolution, selection, asked.cells or None, most
        )
    return asked.keep(found)


def _cell(text: str | None, resolution: int | None = None) -> int:
    try:
        cell = h3.parse(text or "")
    except ValueError as error:
        raise BadInput(f"{error}.") from None
    if resolution is not None and h3.resolution_of(cell) != resolution:
        raise BadInput(f"cells must be of resolution {resolution}; {text} is not.")
    return cell


def _compared(now: hexes.Hexes, before: hexes.Hexes) -> dict[str, list[Any]]:
    """The hexagons of either period: `count_before`, and `change` since."""
    earlier = dict(zip(before.cells.tolist(), before.requests.tolist(), strict=True))
    table = columns(now)
    here = now.cells.tolist()
    gone = columns(before.take(~np.isin(before.cells, now.cells)))
    for name, column in table.items():
        nothing: Sequence[Any] = gone["cell"] if name == "cell" else [None] * len(gone["cell"])
        column += [0] * len(nothing) if name in ("count", "open", "closed") else list(nothing)
    table["count_before"] = [earlier.get(cell, 0) for cell in here] + gone["count"]
    table["change"] = [
        count - was for count, was in zip(table["count"], table["count_before"], strict=True)
    ]
    return table


@route("/maps/{jurisdiction_id:str}/h3/cells/{name:str}", http_method=_READ)
async def get_cell(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    name: FromPath[str],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """One hexagon by month and by service: `/maps/boston.gov/h3/cells/882a306639fffff.json`."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    if not name.endswith(".json"):
        raise NotFound("A hexagon is at h3/cells/{cell}.json.")
    cell = _cell(name.removesuffix(".json"))
    async with context.maps.begin(city.jurisdiction_id) as connection:
        told = await hex_history.of_cell(connection, city, cell)
    return answer(request, msgspec.json.encode(told), "application/json")


@route("/maps/{jurisdiction_id:str}/summary.json", http_method=_READ)
async def get_summary(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """All that maps show, month by month: `/maps/capetown.gov.za/summary.json`."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    async with context.maps.begin(city.jurisdiction_id) as connection:
        told = await hex_history.of_city(connection, city)
    return answer(request, msgspec.json.encode(told), "application/json")


routes = [get_hexes, get_cell, get_summary]
