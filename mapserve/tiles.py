"""Vector tiles over HTTP, and the TileJSON that tells a map where they are."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.params import FromPath
from litestar.types import ASGIApp, Receive, Scope, Send

from mapserve import geodetic, tilejson
from mapserve.answers import CACHE_CONTROL, answer
from mapserve.atlas import Atlas
from mapserve.cache import Entry
from mapserve.drawing import Tile
from mapserve.encodings import IDENTITY, choose
from mapserve.filters import PARAMETERS, read
from mapserve.layers import find_all
from mapserve.ogcapi.tile_sets import MERCATOR, Grid
from mapserve.pictures.tiles import picture_tile
from mapserve.themes import LIGHT, THEMES
from mapserve.waiting import while_waited_for
from open311 import accounts, jurisdictions
from open311.context import Context
from open311.errors import BadInput, NotFound
from open311.etags import matches
from open311.forms import Fields, read_query
from open311.jurisdictions import Jurisdiction

MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
TEMPLATE = "/maps/{jurisdiction_id}/tiles/{layers}/{z}/{x}/{y}"
_READ = [HttpMethod.GET, HttpMethod.HEAD]
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


@route(
    "/maps/{jurisdiction_id:str}/tiles/{layers:str}/{z:str}/{x:str}/{y:str}",
    http_method=_READ,
    uncompressed=True,
)
async def get_tile(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    layers: FromPath[str],
    z: FromPath[str],
    x: FromPath[str],
    y: FromPath[str],
    context: NamedDependency[Context],
    atlas: NamedDependency[Atlas],
) -> Response[bytes]:
    """A tile: `/maps/capetown.gov.za/tiles/requests,hexes/11/1130/1229.mvt`, `.pbf` or `.png`."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    if y.endswith(".png"):
        return await _serve_picture(request, context, atlas, city, layers, _picture_of(z, x, y))
    return await serve(request, context, atlas, city, layers, _read_tile(z, x, y))


async def serve(
    request: Request[Any, Any, Any],
    context: Context,
    atlas: Atlas,
    city: Jurisdiction,
    layers: str,
    tile: Tile,
    grid: Grid = MERCATOR,
) -> Response[bytes]:
    """A tile of a comma-separated list of layers, limited as the query says."""
    selection = read(await read_query(request, context.settings), ZoneInfo(city.time_zone))
    address = request.scope["path"], request.scope["query_string"]
    account = await accounts.identify(request, context)
    found = await find_all(context, city, layers, account)
    if grid is MERCATOR:
        making = atlas.tile(city, found, tile, selection, address)
    else:
        making = geodetic.draw(context, atlas, city, found, tile, selection)
    entry = await while_waited_for(request.receive, making)
    status, headers, body = _told(entry, request.headers.get)
    return Response(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)


async def _serve_picture(
    request: Request[Any, Any, Any],
    context: Context,
    atlas: Atlas,
    city: Jurisdiction,
    layers: str,
    asked: tuple[Tile, float],
) -> Response[bytes]:
    """A tile as PNG, for maps that draw no vectors: `?theme=dark`, and filters."""
    fields = await read_query(request, context.settings)
    selection = read(fields, ZoneInfo(city.time_zone))
    theme = THEMES.get(fields.text("theme") or LIGHT.name)
    if theme is None:
        raise BadInput(f"theme must be one of {', '.join(THEMES)}.")
    found = await find_all(context, city, layers, await accounts.identify(request, context))
    tile, ratio = asked
    making = picture_tile(context, atlas, city, found, MERCATOR, tile, theme, ratio, selection)
    entry = await while_waited_for(request.receive, making)
    headers = {"ETag": entry.etag, "Cache-Control": CACHE_CONTROL}
    if matches(request.headers.get("if-none-match"), entry.etag):
        return Response(b"", status_code=304, headers=headers)
    return Response(entry.body, media_type="image/png", headers=headers)


def _picture_of(z: str, x: str, y: str) -> tuple[Tile, float]:
    """The tile of a picture, and how fine it is: `{y}@2x.png` is for finer screens."""
    stem = y.removesuffix(".png")
    row = stem.removesuffix("@2x")
    if not all(_NUMBER.fullmatch(each) for each in (z, x, row)):
        raise NotFound("Tiles are at {z}/{x}/{y}.png or {y}@2x.png, in whole numbers.")
    return Tile(int(z), int(x), int(row)), 2.0 if stem != row else 1.0


def _read_tile(z: str, x: str, y: str) -> Tile:
    stem, _, extension = y.rpartition(".")
    if extension not in ("mvt", "pbf") or not all(_NUMBER.fullmatch(n) for n in (z, x, stem)):
        raise NotFound("Tiles are at {z}/{x}/{y}.mvt or .pbf, in whole numbers.")
    return Tile(int(z), int(x), int(stem))


def _told(entry: Entry, header: Callable[[str], str | None]) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body for a tile."""
    headers = {"Cache-Control": CACHE_CONTROL, "Vary": "Accept-Encoding"}
    if not entry.body:
        return 204, headers, b""
    headers["ETag"] = entry.etag
    if entry.truncated:
        headers["X-Tile-Truncated"] = str(entry.truncated)
    if matches(header("if-none-match"), entry.etag):
        return 304, headers, b""
    body, encoding = entry.as_encoded(choose(header("accept-encoding") or ""))
    if encoding != IDENTITY:
        headers["Content-Encoding"] = encoding
    return 200, headers, body


def quickly(app: ASGIApp, atlas: Atlas, more: Mapping[str, str]) -> ASGIApp:
    """Answer kept tiles before the framework finds a route for them: that takes most of the time.

    `more` are headers that each answer gets, those that let pages elsewhere read it.
    """
    always = [(name.lower().encode(), value.encode()) for name, value in more.items()]

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        entry, is_head = None, False
        if scope["type"] == ScopeType.HTTP and scope["method"] in ("GET", "HEAD"):
            is_head = scope["method"] == "HEAD"
            entry = atlas.known((scope["path"], scope["query_string"]))
        if entry is None:
            return await app(scope, receive, send)
        scope["path_template"] = TEMPLATE
        given = {name: value.decode("latin-1") for name, value in scope["headers"]}
        status, headers, body = _told(entry, lambda name: given.get(name.encode()))
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        if status == 200:
            raw.append((b"content-type", MEDIA_TYPE.encode()))
            raw.append((b"content-length", str(len(body)).encode()))
        if is_head:
            body = b""
        await send({"type": "http.response.start", "status": status, "headers": [*raw, *always]})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return call


@route("/maps/{jurisdiction_id:str}/tiles/{name:str}", http_method=_READ)
async def get_tilejson(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    name: FromPath[str],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """TileJSON 3 of one layer or several: `/maps/capetown.gov.za/tiles/requests,wards.json`."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    if not name.endswith(".json"):
        raise NotFound("A layer is described at tiles/{layer}.json.")
    fields = await read_query(request, context.settings)
    read(fields, ZoneInfo(city.time_zone))
    names = name.removesuffix(".json")
    url = f"{context.settings.address}/maps/{city.jurisdiction_id}/tiles/{names}"
    url += "/{z}/{x}/{y}.mvt" + _filters(fields)
    layers = await find_all(context, city, names, await accounts.identify(request, context))
    async with context.maps.begin(city.jurisdiction_id) as connection:
        told = await tilejson.describe(connection, city, layers, url)
    return answer(request, msgspec.json.encode(told), "application/json")


def _filters(fields: Fields) -> str:
    pairs = [(n, v) for n, values in fields.values.items() if n in PARAMETERS for v in values]
    return f"?{urlencode(pairs)}" if pairs else ""


routes = [get_tile, get_tilejson]
