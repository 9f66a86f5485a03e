"""Web Map Tile Service 1.0.0 over HTTP, by parameters and by paths (OGC 07-057r7)."""

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from litestar import HttpMethod, Request, Response, route
from litestar.datastructures import Accept
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct, structs

from mapserve import kvp, ows
from mapserve.answers import CACHE_CONTROL, answer
from mapserve.atlas import Atlas
from mapserve.drawing import WORLD, Layer
from mapserve.features.extents import Extent, extent
from mapserve.features.reading import Query, read
from mapserve.features.source import Bounds
from mapserve.kvp import Parameters
from mapserve.layers import find_features, list_features, opened
from mapserve.ogcapi.tile_sets import GRIDS, definition
from mapserve.ows import OwsException, told_as
from mapserve.pictures import legends
from mapserve.pictures.legends import Asked
from mapserve.pictures.picture import drawn_from
from mapserve.pictures.tiles import FINEST, frame_of, picture_tile
from mapserve.themes import LIGHT, THEMES
from mapserve.waiting import while_waited_for
from mapserve.wms import feature_info
from mapserve.wms.capabilities import size_of
from mapserve.wms.feature_info import Found
from mapserve.wmts.asking import TileAsked, read_tile
from open311 import accounts, etags, jurisdictions
from open311.accounts import Account
from open311.context import Context
from open311.errors import BadInput, NotFound, Problem
from open311.jurisdictions import Jurisdiction

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_VERSION = "1.0.0"
_CAPABILITIES = "WMTSCapabilities.xml"
_INFO_FORMATS = {"json": "application/geo+json", "html": "text/html", "txt": "text/plain"}
_MOST_FOUND = 20
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Call(Struct, frozen=True):
    """A call of WMTS: of which city, by whom, with which parameters."""

    request: Request[Any, Any, Any]
    context: Context
    atlas: Atlas
    city: Jurisdiction
    account: Account | None
    parameters: Parameters

    @property
    def root(self) -> str:
        """The address of the city's maps."""
        return f"{self.context.settings.address}/maps/{self.city.jurisdiction_id}"


class Shown(Struct, frozen=True):
    """A layer as capabilities describe it."""

    name: str
    title: str
    description: str
    bounds: Bounds
    legend_size: tuple[int, int]


@route("/maps/{jurisdiction_id:str}/wmts", http_method=_READ)
async def get_wmts(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
    atlas: NamedDependency[Atlas],
) -> Response[bytes]:
    """Whatever REQUEST asks for."""
    return await _answered(request, context, atlas, jurisdiction_id, None)


@route("/maps/{jurisdiction_id:str}/wmts/1.0.0/{rest:path}", http_method=_READ)
async def get_wmts_resource(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    rest: FromPath[str],
    context: NamedDependency[Context],
    atlas: NamedDependency[Atlas],
) -> Response[bytes]:
    """`WMTSCapabilities.xml`, and `{layer}/{style}/{matrix set}/{matrix}/{row}/{column}.png`."""
    if rest.strip("/") == _CAPABILITIES and not _takes_xml(request):
        body, _ = ows.report(BadInput("Capabilities are text/xml."), _VERSION)
        return Response(body, status_code=HTTPStatus.NOT_ACCEPTABLE, media_type="text/xml")
    return await _answered(request, context, atlas, jurisdiction_id, rest)


def _takes_xml(request: Request[Any, Any, Any]) -> bool:
    """Whether who asks says nothing else (OGC 07-057r7, 10.1)."""
    wanted = Accept(request.headers.get("accept", "*/*"))
    return wanted.best_match(["text/xml", "application/xml"], default=None) is not None


async def _answered(
    request: Request[Any, Any, Any],
    context: Context,
    atlas: Atlas,
    jurisdiction_id: str,
    rest: str | None,
) -> Response[bytes]:
    try:
        city = await jurisdictions.find(context.db, jurisdiction_id)
        parameters = kvp.read(request, context.settings) if rest is None else _of_path(rest)
        account = await accounts.identify(request, context)
        call = Call(request, context, atlas, city, account, parameters)
        return await while_waited_for(request.receive, _operation(parameters)(call))
    except Problem as problem:
        body, status = ows.report(problem, _VERSION)
        if rest is not None and isinstance(problem, OwsException):
            # a path that leads nowhere is not there
            status = HTTPStatus.NOT_FOUND
        headers = {**problem.headers, "Cache-Control": "no-store"}
        return Response(body, status_code=status, media_type="text/xml", headers=headers)


def _of_path(rest: str) -> Parameters:
    """The parameters that a path stands for. Raises NotFound."""
    parts = rest.strip("/").split("/")
    if parts == [_CAPABILITIES]:
        return Parameters({"SERVICE": "WMTS", "REQUEST": "GetCapabilities"})
    names = ["LAYER", "STYLE", "TILEMATRIXSET", "TILEMATRIX", "TILEROW", "TILECOL"]
    last, _, extension = parts[-1].rpartition(".")
    values = {"SERVICE": "WMTS", "VERSION": _VERSION, "FORMAT": "image/png"}
    if len(parts) == len(names) and extension == "png":
        told = dict(zip(names, [*parts[:-1], last], strict=True))
        return Parameters(values | told | {"REQUEST": "GetTile"})
    if len(parts) == len(names) + 2 and extension in _INFO_FORMATS:
        told = dict(zip([*names, "J", "I"], [*parts[:-1], last], strict=True))
        asked = {"REQUEST": "GetFeatureInfo", "INFOFORMAT": _INFO_FORMATS[extension]}
        return Parameters(values | told | asked)
    raise NotFound("Tiles are at {layer}/{style}/{tileMatrixSet}/{tileMatrix}/{row}/{column}.png.")


Operation = Callable[[Call], Coroutine[Any, Any, Response[bytes]]]


def _operation(parameters: Parameters) -> Operation:
    for name in ("SERVICE", "REQUEST"):
        if not parameters.text(name):
            raise ows.missing(name)
    if parameters.text("SERVICE").upper() != "WMTS":
        raise OwsException("InvalidParameterValue", "SERVICE must be WMTS.", "service")
    name = parameters.text("REQUEST")
    operation = _OPERATIONS.get(name.lower())
    if operation is None:
        told = f"There is no operation {name[:40]!r} here."
        raise OwsException("InvalidParameterValue", told, "request")
    if name.lower() != "getcapabilities" and parameters.text("VERSION", _VERSION) != _VERSION:
        raise OwsException("InvalidParameterValue", "VERSION must be 1.0.0.", "version")
    return operation


async def _get_capabilities(call: Call) -> Response[bytes]:
    accepted = call.parameters.many("ACCEPTVERSIONS")
    if accepted and _VERSION not in accepted:
        told = "There is the version 1.0.0."
        raise OwsException("VersionNegotiationFailed", told)
    scene = await call.atlas.scene(call.city, LIGHT)
    shown = []
    for layer in await list_features(call.context, call.city, call.account):
        async with opened(call.context, call.city, layer) as reading:
            where: Extent = await extent(reading)
        size = size_of(legends.draw(scene, layer, Asked()))
        bounds = where.bounds or WORLD
        shown.append(Shown(layer.name, layer.title, layer.description, bounds, size))
    told = _TEMPLATES.get_template("capabilities.xml").render(
        city=call.city,
        root=call.root,
        url=f"{call.root}/wmts",
        layers=shown,
        themes=list(THEMES),
        grids=[(grid, _matrices(grid.name)) for grid in GRIDS.values()],
        info_formats=_INFO_FORMATS,
    )
    return answer(call.request, told.encode(), "text/xml", {"Cache-Control": "no-cache"})


def _matrices(name: str) -> Sequence[dict[str, Any]]:
    matrices: list[dict[str, Any]] = definition(GRIDS[name])["tileMatrices"]
    return matrices[: FINEST + 1]


async def _find(call: Call, asked: TileAsked) -> Layer:
    with told_as("InvalidParameterValue", "Layer"):
        return await find_features(call.context, call.city, asked.layer, call.account)


async def _get_tile(call: Call) -> Response[bytes]:
    asked = read_tile(call.parameters)
    layer = await _find(call, asked)
    entry = await picture_tile(
        call.context, call.atlas, call.city, [layer], asked.grid, asked.tile, asked.theme
    )
    headers = {"ETag": entry.etag, "Cache-Control": CACHE_CONTROL}
    if etags.matches(call.request.headers.get("if-none-match"), entry.etag):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(entry.body, media_type="image/png", headers=headers)


async def _get_feature_info(call: Call) -> Response[bytes]:
    asked = read_tile(call.parameters)
    for name in ("INFOFORMAT", "I", "J"):
        if not call.parameters.text(name):
            raise ows.missing(name)
    form = call.parameters.text("INFOFORMAT").lower()
    if form not in feature_info.WRITERS:
        known = ", ".join(feature_info.WRITERS)
        raise OwsException("InvalidParameterValue", f"INFOFORMAT is one of {known}.", "InfoFormat")
    frame = frame_of(asked.grid, asked.tile)
    place = []
    for name, most in (("I", frame.width), ("J", frame.height)):
        with told_as("PointIJOutOfRange", name):
            number = call.parameters.integer(name)
        if number >= most:
            raise OwsException("PointIJOutOfRange", f"{name} is 0 to {most - 1}.", name)
        place.append(number)
    layer = await _find(call, asked)
    scene = await call.atlas.scene(call.city, asked.theme)
    query = Query(boxes=(feature_info.around(frame, place[0], place[1]),), limit=_MOST_FOUND)
    async with opened(call.context, call.city, layer) as reading:
        source, query = drawn_from(layer, query, scene, frame.zoom())
        drawn = structs.replace(reading, source=source)
        found = Found(layer.name, layer.title, await read(drawn, query))
    return answer(call.request, feature_info.WRITERS[form]([found]), form)


_OPERATIONS: dict[str, Operation] = {
    "getcapabilities": _get_capabilities,
    "gettile": _get_tile,
    "getfeatureinfo": _get_feature_info,
}

routes = [get_wmts, get_wmts_resource]
