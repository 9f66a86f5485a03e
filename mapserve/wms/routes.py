"""Web Map Service 1.3.0 and 1.1.1 over HTTP."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct, field, structs

from mapserve.answers import answer
from mapserve.atlas import Atlas
from mapserve.drawing import Layer
from mapserve.features.extents import extent
from mapserve.features.reading import read
from mapserve.kvp import Parameters
from mapserve.layers import find_features, list_features, opened
from mapserve.pictures import legends
from mapserve.pictures.encoding import encode
from mapserve.pictures.frame import Frame
from mapserve.pictures.picture import Part, blank, draw, drawn_from, looks_of
from mapserve.sld import writing
from mapserve.sld.reading import notes_header
from mapserve.sld.scales import zoom_zero_of
from mapserve.themes import LIGHT, THEMES
from mapserve.waiting import while_waited_for
from mapserve.wms import asking, capabilities, feature_info, posting, styling
from mapserve.wms.asking import NEW, Picture
from mapserve.wms.exceptions import ServiceException, told_as, write_on
from mapserve.wms.feature_info import Found
from mapserve.wms.styling import Styled
from open311 import accounts, jurisdictions
from open311.accounts import Account
from open311.context import Context
from open311.errors import STATUS, BadInput, Problem
from open311.jurisdictions import Jurisdiction

_METHODS = [HttpMethod.GET, HttpMethod.HEAD, HttpMethod.POST]
_MOST_FOUND = 100
_XML = "text/xml"
_OLD_XML = "application/vnd.ogc.se_xml"


class Call(Struct, frozen=True):
    """A call of WMS: of which city, by whom, in which version, with which parameters."""

    request: Request[Any, Any, Any]
    context: Context
    atlas: Atlas
    city: Jurisdiction
    account: Account | None
    version: str
    parameters: Parameters
    notes: list[str] = field(default_factory=list)
    """What of a style that was sent is drawn in another way."""

    @property
    def root(self) -> str:
        """The address of the city's maps."""
        return f"{self.context.settings.address}/maps/{self.city.jurisdiction_id}"


Operation = Callable[[Call], Coroutine[Any, Any, Response[bytes]]]


@route("/maps/{jurisdiction_id:str}/wms", http_method=_METHODS, status_code=200)
async def serve_wms(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
    atlas: NamedDependency[Atlas],
) -> Response[bytes]:
    """Whatever REQUEST asks for; what is wrong is told as the version asked for has it."""
    version = NEW
    try:
        city = await jurisdictions.find(context.db, jurisdiction_id)
        parameters = await posting.read(request, context.settings)
        version = asking.version_of(parameters)
        account = await accounts.identify(request, context)
        call = Call(request, context, atlas, city, account, version, parameters)
        return await while_waited_for(request.receive, _operation(parameters)(call))
    except Problem as problem:
        return _tell(version, problem)


def _operation(parameters: Parameters) -> Operation:
    if parameters.text("SERVICE", "WMS").upper() != "WMS":
        raise ServiceException("InvalidParameterValue", "SERVICE must be WMS.", "service")
    name = parameters.text("REQUEST")
    if not name:
        raise ServiceException("MissingParameterValue", "REQUEST is missing.", "request")
    operation = _OPERATIONS.get(name.lower())
    if operation is None:
        told = f"There is no {name[:40]!r}; there are {', '.join(_NAMES)}."
        raise ServiceException("OperationNotSupported", told, "request")
    return operation


async def _get_capabilities(call: Call) -> Response[bytes]:
    _check_sequence(call)
    layers = []
    for layer in await list_features(call.context, call.city, call.account):
        async with opened(call.context, call.city, layer) as reading:
            layers.append((layer, await extent(reading)))
    scene = await call.atlas.scene(call.city, LIGHT)
    settings = call.context.settings
    told = capabilities.describe(call.city, scene, layers, call.version, call.root, settings)
    media_type = _XML if call.version == NEW else "application/vnd.ogc.wms_xml"
    return answer(call.request, told, media_type, {"Cache-Control": "no-cache"})


def _check_sequence(call: Call) -> None:
    """Who has the newest capabilities is told so, and so is who asks for newer ones."""
    known = int(call.city.changeset.timestamp())
    with told_as("InvalidUpdateSequence", "updatesequence"):
        asked = call.parameters.numbers("UPDATESEQUENCE") or [0]
    if asked[0] >= known:
        code = "CurrentUpdateSequence" if asked[0] == known else "InvalidUpdateSequence"
        raise ServiceException(code, f"The capabilities have the number {known}.", "updatesequence")


async def _get_map(call: Call) -> Response[bytes]:
    asked = asking.read_picture(call.parameters, call.context.settings, call.version)
    try:
        body = await _draw(call, asked)
    except Problem as problem:
        body = _refusal_as_picture(call, asked, problem)
    return _answer(call, body, asked.media_type.replace("png8", "png"))


async def _draw(call: Call, asked: Picture) -> bytes:
    parts = await _parts(call, asked.styled, asked.frame)
    scene = await call.atlas.scene(call.city, asked.styled[-1].theme)
    pixels = await draw(call.context, call.city, scene, parts, asked.frame, asked.background)
    return await asyncio.to_thread(encode, pixels, asked.media_type)


async def _parts(call: Call, styled: Sequence[Styled], frame: Frame) -> list[Part]:
    """What is drawn, or asked, of each layer, and how it looks."""
    layers = await _find(call, [each.name for each in styled])
    zone, settings = ZoneInfo(call.city.time_zone), call.context.settings
    queries = asking.read_queries(call.parameters, layers, zone)
    parts = []
    for layer, query, each in zip(layers, queries, styled, strict=True):
        own = styling.read_own(layer, each, zone, settings, zoom_zero_of(frame))
        if own is None:
            scene = await call.atlas.scene(call.city, each.theme)
            parts.append(Part(layer, query, looks_of(scene, layer)))
        else:
            parts.append(Part(layer, query, own.layers, is_own=True))
            call.notes.extend(own.notes)
    return parts


async def _find(call: Call, names: Sequence[str], what: str = "layers") -> list[Layer]:
    with told_as("LayerNotDefined", what):
        return [await find_features(call.context, call.city, name, call.account) for name in names]


def _refusal_as_picture(call: Call, asked: Picture, problem: Problem) -> bytes:
    """A picture with what is wrong, or an empty one, for who asks for that; else it is raised."""
    how = call.parameters.text("EXCEPTIONS").lower().removeprefix("application/vnd.ogc.se_")
    if how not in ("inimage", "blank"):
        raise problem
    ground = "#ffffff" if how == "inimage" else None
    pixels = blank(asked.frame, asked.background or ground)
    if how == "inimage":
        write_on(pixels, problem)
    return encode(pixels, asked.media_type)


async def _get_feature_info(call: Call) -> Response[bytes]:
    parameters, settings = call.parameters, call.context.settings
    frame = asking.read_frame(parameters, settings, call.version)
    form = parameters.text("INFO_FORMAT", "text/plain").lower()
    if form not in feature_info.WRITERS:
        known = ", ".join(feature_info.WRITERS)
        raise ServiceException(
            "InvalidFormat", f"INFO_FORMAT must be one of {known}.", "info_format"
        )
    column, row = _pixel(parameters, call.version, frame.width, frame.height)
    names = parameters.many("QUERY_LAYERS")
    styled = styling.read_styled(parameters, settings)
    if not names or not set(names) <= {each.name for each in styled}:
        raise ServiceException("LayerNotDefined", "QUERY_LAYERS must be of LAYERS.", "query_layers")
    most = min(_MOST_FOUND, max(1, parameters.integer("FEATURE_COUNT", 1)))
    scene = await call.atlas.scene(call.city, LIGHT)
    found = []
    box = feature_info.around(frame, column, row)
    for part in await _parts(call, styled, frame):
        layer, query = part.layer, structs.replace(part.query, boxes=(box,), limit=most)
        if layer.name not in names:
            continue
        own = part.looks if part.is_own else None
        async with opened(call.context, call.city, layer) as reading:
            source, query = drawn_from(layer, query, scene, frame.zoom(), own)
            drawn = structs.replace(reading, source=source)
            found.append(Found(layer.name, layer.title, await read(drawn, query)))
    return _answer(call, feature_info.WRITERS[form](found), form)


def _pixel(parameters: Parameters, version: str, width: int, height: int) -> tuple[int, int]:
    names = ("I", "J") if version == NEW else ("X", "Y")
    with told_as("InvalidPoint", names[0].lower()):
        column, row = (parameters.integer(name) for name in names)
        if column >= width or row >= height:
            raise BadInput(f"{names[0]} and {names[1]} must lie within the picture.")
    return column, row


async def _get_legend(call: Call) -> Response[bytes]:
    """What colours and shapes mean, as they are, or in a style that was sent."""
    parameters, settings = call.parameters, call.context.settings
    media_type = asking.read_format(parameters.text("FORMAT", "image/png"))
    if not media_type.startswith("image/png"):
        raise ServiceException("InvalidFormat", "Legends are image/png.", "format")
    asked = asking.read_legend(parameters)
    names = {"LAYERS": parameters.text("LAYER") or parameters.text("LAYERS")}
    named = Parameters({**parameters.values, **names, "STYLES": parameters.text("STYLE")})
    styled, *others = styling.read_styled(named, settings)
    if others:
        raise ServiceException("InvalidParameterValue", "A legend is of one layer.", "layer")
    (layer,) = await _find(call, [styled.name], "layer")
    own = styling.read_own(layer, styled, ZoneInfo(call.city.time_zone), settings)
    scene = await call.atlas.scene(call.city, styled.theme)
    with told_as("InvalidParameterValue", "rule"):
        looks = None if own is None else own.layers
        body = await asyncio.to_thread(legends.draw, scene, layer, asked, looks)
    return _answer(call, body, "image/png")


async def _describe_layer(call: Call) -> Response[bytes]:
    layers = await _find(call, call.parameters.many("LAYERS"))
    told = capabilities.describe_layers(layers, call.version, call.root)
    return answer(call.request, told, _XML)


async def _get_styles(call: Call) -> Response[bytes]:
    """The looks of layers as SLD, those of each theme; what is drawn by them is the same."""
    layers = await _find(call, call.parameters.many("LAYERS"))
    scenes = [await call.atlas.scene(call.city, theme) for theme in THEMES.values()]
    told = []
    for layer in layers:
        looks = [(scene.theme.name, looks_of(scene, layer)) for scene in scenes]
        # a style of its own is the same in all themes
        told.append((layer, looks if layer.looks is None else [("default", looks[0][1])]))
    with told_as("StyleNotDefined", "layers"):
        body = writing.describe_pictures(told)
    return answer(call.request, body, writing.MEDIA_TYPE)


_OPERATIONS: dict[str, Operation] = {
    "getcapabilities": _get_capabilities,
    "capabilities": _get_capabilities,
    "getmap": _get_map,
    "map": _get_map,
    "getfeatureinfo": _get_feature_info,
    "feature_info": _get_feature_info,
    "getlegendgraphic": _get_legend,
    "describelayer": _describe_layer,
    "getstyles": _get_styles,
}


def _answer(call: Call, body: bytes, media_type: str) -> Response[bytes]:
    """What may be kept unless it was posted, with what was drawn in another way than asked for."""
    posted = call.request.method == HttpMethod.POST
    headers = {"Cache-Control": "no-store"} if posted else {}
    headers |= notes_header(call.notes)
    return answer(call.request, body, media_type, headers)


_NAMES = ("GetCapabilities", "GetMap", "GetFeatureInfo", "GetLegendGraphic", "GetStyles")


def _tell(version: str, problem: Problem) -> Response[bytes]:
    """A report of exceptions; its status is 200 for what a client did wrong, as clients expect."""
    code, locator, status = "", "", STATUS.get(type(problem), STATUS[BadInput])
    if isinstance(problem, ServiceException):
        code, locator, status = problem.code, problem.locator, HTTPStatus.OK
    report = [(code, locator, " ".join(problem.descriptions))]
    return Response(
        capabilities.refuse(report, version),
        status_code=status,
        media_type=_XML if version == NEW else _OLD_XML,
        headers={**problem.headers, "Cache-Control": "no-store"},
    )


routes = [serve_wms]
