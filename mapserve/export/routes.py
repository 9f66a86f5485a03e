"""Downloads of whole layers over HTTP: sent while they are read, whatever their size."""

from typing import Any

from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from mapserve.export import asking, downloads
from mapserve.export.formats import Format
from mapserve.layers import find_features
from mapserve.waiting import begun
from open311 import accounts, jurisdictions
from open311.context import Context
from open311.forms import read_query
from open311.jurisdictions import Jurisdiction


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
    layer_name, chosen = asking.read_name(name)
    layer = await find_features(context, city, layer_name, account)
    fields = await read_query(request, context.settings)
    asked = asking.read(fields, layer, city, chosen, context.settings)
    headers = _headers(city, name, chosen)
    if request.method == HttpMethod.HEAD:
        return Response(b"", media_type=chosen.media_type, headers=headers)
    pieces = downloads.pieces(context, city, layer, asked.query, asked.crs, chosen)
    return Stream(await begun(pieces), media_type=chosen.media_type, headers=headers)


def _headers(city: Jurisdiction, name: str, chosen: Format) -> dict[str, str]:
    file = f"{city.jurisdiction_id}-{name}"
    return {
        "Content-Disposition": f'attachment; filename="{file}"',
        "Cache-Control": "no-cache",
        **({"Accept-Continuation": asking.BEHIND} if chosen.continues else {}),
    }


routes = [get_export]
