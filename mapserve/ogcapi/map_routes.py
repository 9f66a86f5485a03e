"""OGC API Maps over HTTP: a picture of a layer, as WMS draws it, at an address of its own."""

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from litestar import Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath

from mapserve.answers import answer
from mapserve.atlas import Atlas
from mapserve.drawing import WORLD, Layer
from mapserve.features.crs import CRS84, Crs, find_crs, to_crs
from mapserve.features.extents import extent
from mapserve.features.source import Bounds
from mapserve.layers import find_features, opened
from mapserve.ogcapi import asking
from mapserve.ogcapi.calls import READ, begin
from mapserve.pictures import frame as frames
from mapserve.pictures.encoding import encode
from mapserve.pictures.frame import Frame
from mapserve.pictures.picture import Part, draw, looks_of
from mapserve.themes import LIGHT, THEMES
from mapserve.waiting import while_waited_for
from open311.context import Context
from open311.errors import BadInput
from open311.forms import Fields
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

_FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_OWN = ("bbox", "bbox-crs", "crs", "width", "height", "transparent", "bgcolor", "f", "style")
_WIDTH = 1024


@route("/maps/{jurisdiction_id:str}/collections/{layer:str}/map", http_method=READ)
async def get_map(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    layer: FromPath[str],
    context: NamedDependency[Context],
    atlas: NamedDependency[Atlas],
) -> Response[bytes]:
    """A picture of a layer: `collections/requests/map?bbox=18.6,-33.95,18.7,-33.88&width=800`."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    found = await find_features(context, city, layer, account)
    media_type = _media_type(fields)
    frame = await _frame(context, city, found, fields)
    making = _draw(context, atlas, city, found, fields, frame, media_type)
    body = await while_waited_for(request.receive, making)
    told = {"Content-Crs": f"<{frame.crs.uri}>", "Content-Bbox": _told(frame)}
    return answer(request, body, media_type, told)


async def _draw(
    context: Context,
    atlas: Atlas,
    city: Jurisdiction,
    layer: Layer,
    fields: Fields,
    frame: Frame,
    media_type: str,
) -> bytes:
    scene = await atlas.scene(city, THEMES.get(fields.text("style") or "", LIGHT))
    limits = {name: values for name, values in fields.values.items() if name not in _OWN}
    asking.check_names(Fields(limits), asking.known_names(layer.source))
    query = asking.limits(Fields(limits), layer.source, ZoneInfo(city.time_zone))
    part = Part(layer, query, looks_of(scene, layer))
    is_clear = (fields.text("transparent") or "true").lower() == "true"
    background = None if is_clear else fields.text("bgcolor") or "#ffffff"
    pixels = await draw(context, city, scene, [part], frame, background)
    return await asyncio.to_thread(encode, pixels, media_type)


def _media_type(fields: Fields) -> str:
    name = fields.text("f") or "png"
    if name not in _FORMATS:
        raise BadInput(f"f must be one of {', '.join(_FORMATS)}.")
    return _FORMATS[name]


async def _frame(context: Context, city: Jurisdiction, layer: Layer, fields: Fields) -> Frame:
    """What is asked for; without a box all of the layer, without a size one that fits."""
    crs = find_crs(fields.text("crs") or CRS84.uri)
    boxes = asking.limits(
        Fields(
            {name: fields.values[name] for name in ("bbox", "bbox-crs") if name in fields.values}
        ),
        layer.source,
        ZoneInfo(city.time_zone),
    ).boxes
    if len(boxes) > 1:
        raise BadInput("A map does not cross the antimeridian.")
    bounds: Bounds = WORLD
    if boxes:
        bounds = (boxes[0].west, boxes[0].south, boxes[0].east, boxes[0].north)
    else:
        async with opened(context, city, layer) as reading:
            bounds = (await extent(reading)).bounds or WORLD
    corners = _corners(bounds, crs)
    return _sized(corners, crs, fields, context.settings)


def _corners(bounds: Bounds, crs: Crs) -> Bounds:
    box = np.array([shapely.segmentize(shapely.box(*bounds), 1.0)], dtype=object)
    west, south, east, north = shapely.bounds(to_crs(box, crs, in_xy=True)[0]).tolist()
    if not np.isfinite((west, south, east, north)).all():
        raise BadInput(f"The box lies where {crs.name} is not defined.")
    return west, south, east, north


def _sized(corners: Bounds, crs: Crs, fields: Fields, settings: Settings) -> Frame:
    west, south, east, north = corners
    ratio = (north - south) / (east - west) if east > west else 1.0
    width, height = (_pixels(fields, name) for name in ("width", "height"))
    if width is None:
        width = _WIDTH if height is None else max(1, round(height / ratio))
    if height is None:
        height = min(settings.max_picture_pixels, max(1, round(width * ratio)))
    frame = Frame(crs, corners, width, height)
    frames.check(frame, settings.max_picture_pixels)
    return frame


def _pixels(fields: Fields, name: str) -> int | None:
    text = fields.text(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text)):
        raise BadInput(f"{name} must be a number of pixels.")
    return int(text)


def _told(frame: Frame) -> str:
    west, south, east, north = frame.corners
    ordered = (south, west, north, east) if frame.crs.is_reversed else frame.corners
    return ",".join(f"{each:.10g}" for each in ordered)


routes = [get_map]
