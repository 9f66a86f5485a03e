"""Web Feature Service 2.0.0 and 1.1.0 over HTTP, by parameters and by XML."""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import structs

from mapserve import kvp, ows, xml_reading
from mapserve.answers import answer
from mapserve.drawing import Layer
from mapserve.export import downloads
from mapserve.export.formats import Format
from mapserve.features.crs import CRS84
from mapserve.features.extents import extent
from mapserve.layers import list_features, opened
from mapserve.ows import OwsException, told_as
from mapserve.waiting import begun
from mapserve.wfs import answering, asking, documents, querying, transaction
from mapserve.wfs.answering import GML31_TYPE, GML32_TYPE, JSON_TYPE
from mapserve.wfs.asking import NEW, Asked
from mapserve.wfs.names import local
from mapserve.wfs.querying import Call, Part
from open311 import accounts, jurisdictions
from open311.context import Context
from open311.errors import Problem
from open311.settings import Settings

Answer = Response[bytes] | Stream
_XML = "text/xml"


@route(
    "/maps/{jurisdiction_id:str}/wfs",
    http_method=[HttpMethod.GET, HttpMethod.HEAD, HttpMethod.POST],
    status_code=200,
)
async def serve_wfs(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """Whatever operation is asked for; what is wrong is told as the version asked for has it."""
    version = NEW
    try:
        city = await jurisdictions.find(context.db, jurisdiction_id)
        asked = await _read(request, context.settings)
        version = asked.version
        account = await accounts.identify(request, context)
        return await _operation(asked)(request, Call(context, city, account, asked))
    except Problem as problem:
        body, status = ows.report(problem, version)
        headers = {**problem.headers, "Cache-Control": "no-store"}
        return Response(body, status_code=status, media_type=_XML, headers=headers)


async def _read(request: Request[Any, Any, Any], settings: Settings) -> Asked:
    if request.method != HttpMethod.POST:
        return asking.read_parameters(kvp.read(request, settings), settings)
    body = await request.body()
    if request.content_type[0] == "application/x-www-form-urlencoded":
        return asking.read_parameters(kvp.parse(body, settings), settings)
    with told_as("OperationParsingFailed"):
        root = xml_reading.parse(body, settings.max_xml_bytes)
    return asking.read_xml(root)


Operation = Callable[[Request[Any, Any, Any], Call], Coroutine[Any, Any, Answer]]


def _operation(asked: Asked) -> Operation:
    operation = _OPERATIONS.get(asked.operation)
    if operation is None:
        told = f"There is no operation {asked.operation[:40]!r} here."
        raise OwsException("OperationNotSupported", told, asked.operation[:40])
    return operation


async def _get_capabilities(request: Request[Any, Any, Any], call: Call) -> Answer:
    layers = []
    for layer in await list_features(call.context, call.city, call.account):
        async with opened(call.context, call.city, layer) as reading:
            layers.append((layer, await extent(reading)))
    told = documents.capabilities(call, layers)
    return answer(request, told, _XML, {"Cache-Control": "no-cache"})


async def _wanted_layers(call: Call) -> list[Layer]:
    parameters = call.asked.parameters
    names = parameters.many("TYPENAMES") or parameters.many("TYPENAME")
    if not names:
        return await list_features(call.context, call.city, call.account)
    found = [await querying.find_layer(call, local(each), "typeName") for each in names]
    return list({layer.name: layer for layer in found}.values())


async def _describe_feature_type(request: Request[Any, Any, Any], call: Call) -> Answer:
    layers = await _wanted_layers(call)
    media_type = GML32_TYPE if call.asked.version == NEW else "text/xml; subtype=gml/3.1.1"
    return answer(request, documents.feature_types(call, layers), media_type)


async def _get_feature(_: Request[Any, Any, Any], call: Call) -> Answer:
    media_type = GML32_TYPE if call.asked.version == NEW else GML31_TYPE
    if call.asked.by_id:
        return Response(await answering.write_one(call), media_type=media_type)
    is_json = answering.is_json(call.asked)
    chosen = None if is_json else answering.file_format(call.asked)
    parts = await querying.find_parts(call)
    if is_json:
        return await _streamed(answering.write_json(call, parts), JSON_TYPE)
    if chosen is not None and not call.asked.hits_only:
        return await _get_file(call, parts, chosen)
    return await _streamed(answering.write_features(call, parts), media_type)


async def _get_file(call: Call, parts: Sequence[Part], chosen: Format) -> Answer:
    if len(parts) != 1:
        raise OwsException("InvalidParameterValue", "A file has one layer.", "typeName")
    (part,) = parts
    # a file is whole unless it is said how many
    limit = part.query.limit if call.asked.count is not None else None
    query = structs.replace(part.query, limit=limit, with_shapes=True)
    crs = CRS84 if chosen.degrees_only else part.system.crs
    name = f"{part.layer.name}.{chosen.extension}"
    file = downloads.pieces(call.context, call.city, part.layer, query, crs, chosen)
    named = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Stream(await begun(file), media_type=chosen.media_type, headers=named)


async def _get_property_value(_: Request[Any, Any, Any], call: Call) -> Answer:
    if call.asked.value is None:
        raise ows.missing("valueReference")
    (part,) = (await querying.find_parts(call))[:1]
    return await _streamed(answering.write_values(call, part), GML32_TYPE)


async def _streamed(pieces: AsyncIterator[bytes], media_type: str) -> Stream:
    return Stream(await begun(pieces), media_type=media_type)


async def _list_stored_queries(request: Request[Any, Any, Any], call: Call) -> Answer:
    return await _stored_queries(request, call, described=False)


async def _describe_stored_queries(request: Request[Any, Any, Any], call: Call) -> Answer:
    return await _stored_queries(request, call, described=True)


async def _stored_queries(
    request: Request[Any, Any, Any], call: Call, *, described: bool
) -> Answer:
    layers: Sequence[Layer] = await list_features(call.context, call.city, call.account)
    return answer(request, documents.stored_queries(layers, described=described), _XML)


async def _transaction(_: Request[Any, Any, Any], call: Call) -> Answer:
    summary = await transaction.run(call)
    told = documents.transaction_response(summary, call.asked.version)
    return Response(told, media_type=_XML, headers={"Cache-Control": "no-store"})


_OPERATIONS: dict[str, Operation] = {
    "GetCapabilities": _get_capabilities,
    "DescribeFeatureType": _describe_feature_type,
    "GetFeature": _get_feature,
    "GetPropertyValue": _get_property_value,
    "ListStoredQueries": _list_stored_queries,
    "DescribeStoredQueries": _describe_stored_queries,
    "Transaction": _transaction,
}

routes = [serve_wfs]
