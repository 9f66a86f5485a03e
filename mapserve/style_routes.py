"""Styles, legends, letters and icons over HTTP: a map needs nothing from elsewhere."""

import asyncio
import re
from typing import Any

import msgspec
from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath

from mapserve import glyphs, legend, qgis, styles
from mapserve.answers import answer
from mapserve.atlas import Atlas
from mapserve.hex_tiles import MAX_ZOOM, resolution_at
from mapserve.layers import LAYERS, find_all, list_features
from mapserve.legend import SWATCH
from mapserve.sld import writing as sld
from mapserve.themes import LIGHT, THEMES, Theme
from open311 import accounts, jurisdictions
from open311.context import Context
from open311.errors import BadInput, NotFound
from open311.forms import Fields, parse_number, read_query

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_FOR_LONG = {"Cache-Control": "public, max-age=604800"}
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})\.pbf", re.ASCII)
_SPRITE = re.compile(r"(\w+?)(@2x)?\.(json|png)", re.ASCII)
_LAST_RANGE = 65_536 - glyphs.RANGE
_SCREEN_DPI, _MOST_DPI = 96.0, 600.0
_LEGEND_ZOOM = 11


@route("/maps/{jurisdiction_id:str}/styles/{name:str}", http_method=_READ)
async def get_style(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    name: FromPath[str],
    context: NamedDependency[Context],
    atlas: NamedDependency[Atlas],
) -> Response[bytes]:
    """A style of everything, `light` or `dark`, or of one layer: `styles/hexes.json?theme=dark`.

    For GIS that know no MapLibre styles there is `.sld`.
    """
    city = await jurisdictions.find(context.db, jurisdiction_id)
    stem, _, extension = name.rpartition(".")
    if extension not in ("json", "sld"):
        told = f"Styles are {', '.join(THEMES)} and each layer's, with .json or .sld at the end."
        raise NotFound(told)
    fields = await read_query(request, context.settings)
    account = await accounts.identify(request, context)
    layers = [LAYERS[each] for each in styles.LOOKS if each in LAYERS]
    if stem not in THEMES:
        layers = await find_all(context, city, stem, account)
    theme = THEMES[stem] if stem in THEMES else _theme(fields)
    scene = await atlas.scene(city, theme)
    if extension == "sld":
        return answer(request, sld.describe(scene, layers), sld.MEDIA_TYPE)
    server = context.settings.address
    tiles = f"{server}/maps/{city.jurisdiction_id}/tiles"
    names, own = [layer.name for layer in layers], styles.brought(layers)
    style = styles.style(scene, city.name, names, tiles, server, own)
    return answer(request, msgspec.json.encode(style), "application/json")


@route("/maps/{jurisdiction_id:str}/legend/{name:str}", http_method=_READ)
async def get_legend(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    name: FromPath[str],
    context: NamedDependency[Context],
    atlas: NamedDependency[Atlas],
) -> Response[bytes]:
    """What colours mean: `legend/hexes.png?zoom=9&theme=dark&dpi=192&transparent=true`."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    fields = await read_query(request, context.settings)
    scene = await atlas.scene(city, _theme(fields))
    zoom = int(_number(fields, "zoom", _LEGEND_ZOOM, MAX_ZOOM))
    lines = legend.rows(scene, name.removesuffix(".png"), resolution_at(zoom))
    if not lines or not name.endswith(".png"):
        raise NotFound("Legends are at legend/{layer}.png, of the layers that have a style.")
    scale = max(1.0, _number(fields, "dpi", _SCREEN_DPI, _MOST_DPI)) / _SCREEN_DPI
    clear = (fields.text("transparent") or "").lower() in ("true", "1")
    return answer(
        request,
        legend.picture(scene.theme, scale, (SWATCH, SWATCH), lines, transparent=clear),
        "image/png",
    )


def _theme(fields: Fields) -> Theme:
    name = fields.text("theme") or LIGHT.name
    if name not in THEMES:
        raise BadInput(f"theme must be one of {', '.join(THEMES)}.")
    return THEMES[name]


def _number(fields: Fields, name: str, default: float, most: float) -> float:
    try:
        value = parse_number(fields.text(name) or str(default))
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise BadInput(f"{name} must be a number from 0 to {most:g}.")
    return value


@route("/maps/glyphs/{fonts:str}/{name:str}", http_method=_READ)
async def get_glyphs(
    request: Request[Any, Any, Any], fonts: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    """256 letters of a font: `/maps/glyphs/Noto Sans Regular/0-255.pbf`."""
    found = _RANGE.fullmatch(name)
    first, last = (int(each) for each in found.groups()) if found else (-1, -1)
    if first % glyphs.RANGE or last != first + glyphs.RANGE - 1 or first > _LAST_RANGE:
        raise NotFound("Letters come in ranges of 256: 0-255.pbf, 256-511.pbf and so on.")
    if glyphs.FONT not in fonts.split(","):
        raise NotFound(f"The font here is {glyphs.FONT}.")
    body = await asyncio.to_thread(glyphs.draw_range, first)
    return answer(request, body, "application/x-protobuf", _FOR_LONG)


@route("/maps/sprites/{name:str}", http_method=_READ)
async def get_sprite(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Icons in one picture, and where each is: `light.png`, `light@2x.json`."""
    found = _SPRITE.fullmatch(name)
    if found is None or found[1] not in THEMES:
        raise NotFound(f"Icons are at {', '.join(THEMES)}, with .json or .png, and @2x before.")
    body, index = legend.sprite(THEMES[found[1]], 2 if found[2] else 1)
    if found[3] == "json":
        return answer(request, msgspec.json.encode(index), "application/json", _FOR_LONG)
    return answer(request, body, "image/png", _FOR_LONG)


@route("/maps/{jurisdiction_id:str}/qgis.qlr", http_method=_READ)
async def get_qgis(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
    atlas: NamedDependency[Atlas],
) -> Response[bytes]:
    """Every layer with its look, to be dragged into QGIS: `qgis.qlr?theme=dark`."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    fields = await read_query(request, context.settings)
    scene = await atlas.scene(city, _theme(fields))
    layers = await list_features(context, city, await accounts.identify(request, context))
    root = f"{context.settings.address}/maps/{city.jurisdiction_id}"
    named = {"Content-Disposition": f'attachment; filename="{city.jurisdiction_id}.qlr"'}
    told = qgis.definition(scene, city.name, layers, root)
    return answer(request, told, qgis.MEDIA_TYPE, named)


routes = [get_qgis, get_style, get_legend, get_glyphs, get_sprite]
