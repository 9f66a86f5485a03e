"""Downloads of whole layers over HTTP: sent while they are read, whatever their size."""

from typing import Any
from zoneinfo import ZoneInfo

from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import structs

from mapserve.drawing import Layer
from mapserve.export import downloads
from mapserve.export.formats import FORMATS, Format
from mapserve.features.crs import CRS84
from mapserve.features.reading import cursor_behind
from mapserve.layers import find_features
from mapserve.ogcapi import asking
from mapserve.ogcapi.asking import Asked
from mapserve.waiting import begun
from open311 import accounts, jurisdictions
from open311.context import Context
from open311.errors import BadInput, NotFound
from open311.forms import Fields, read_query
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

_BEHIND = "after_id"
_PAGING = ("limit", "after", "resultType", "f")


@route(
    "/maps/{jurisdiction_id:str}/export/{name:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
)
async def get_export(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    name: FromPath[str],
    context: NamedDependency[Context],
) -> Stream | Response[bytes]:
    """A layer as a file: `export/requests.gpkg?status=open&properties=service_code,status`."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    account = await accounts.identify(request, context)
    layer_name, chosen = _read_name(name)
    layer = await find_features(context, city, layer_name, account)
    fields = await read_query(request, context.settings)
    asked = _read(fields, layer, city, chosen, context.settings)
    headers = _headers(city, name, chosen)
    if request.method == HttpMethod.HEAD:
        return Response(b"", media_type=chosen.media_type, headers=headers)
    pieces = downloads.pieces(context, city, layer, asked.query, asked.crs, chosen)
    return Stream(await begun(pieces), media_type=chosen.media_type, headers=headers)


def _read_name(name: str) -> tuple[str, Format]:
    layer, _, extension = name.partition(".")
    if extension not in FORMATS:
        raise NotFound(f"Layers are exported as {', '.join(FORMATS)}.")
    return layer, FORMATS[extension]


def _headers(city: Jurisdiction, name: str, chosen: Format) -> dict[str, str]:
    file = f"{city.jurisdiction_id}-{name}"
    return {
        "Content-Disposition": f'attachment; filename="{file}"',
        "Cache-Control": "no-cache",
        **({"Accept-Continuation": _BEHIND} if chosen.continues else {}),
    }


def _read(
    fields: Fields, layer: Layer, city: Jurisdiction, chosen: Format, settings: Settings
) -> Asked:
    """What is asked for; all of it, but behind the feature that came last where that is named."""
    behind = fields.text(_BEHIND)
    known = {name: values for name, values in fields.values.items() if name != _BEHIND}
    for name in known:
        if name in _PAGING:
            raise BadInput(f"An export is whole: {name} is of pages.")
    asked = asking.read(Fields(known), layer.source, ZoneInfo(city.time_zone), settings)
    if chosen.degrees_only and asked.crs != CRS84:
        raise BadInput(f"{chosen.title} is in degrees.")
    if behind is not None:
        if not chosen.continues or asked.query.sort:
            raise BadInput(f"{_BEHIND} goes with lines in their own order: ndjson and csv.")
        after = cursor_behind(behind)
        return structs.replace(asked, query=structs.replace(asked.query, limit=None, after=after))
    return structs.replace(asked, query=structs.replace(asked.query, limit=None))


routes = [get_export]
