"""The files of last night over HTTP: a catalogue of them, and each at an address that stays."""

from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import obstore
from litestar import HttpMethod, Request, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from mapserve.export import asking
from mapserve.export.formats import FORMATS
from mapserve.layers import find_features, list_features
from mapserve.ogcapi.asking import check_names
from mapserve.ogcapi.calls import FORM_ONLY, READ, Answer, begin, root_of, told_as
from mapserve.ogcapi.negotiation import choose
from mapserve.opendata import catalogue, files
from mapserve.opendata.files import OpenFile
from mapserve.opendata.ranges import Unsatisfiable, read_range
from open311 import jurisdictions
from open311.context import Context
from open311.errors import Busy, NotFound
from open311.etags import matches

Asked = Request[Any, Any, Any]


@route("/maps/{jurisdiction_id:str}/open-data", http_method=READ)
async def get_catalogue(
    request: Asked, jurisdiction_id: FromPath[str], context: NamedDependency[Context]
) -> Answer:
    """All files of a city, as a page or as a DCAT catalogue."""
    city, fields, _ = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    form, root = choose(request, fields.text("f")), root_of(context, city)
    layers = await list_features(context, city)
    async with context.db.begin(city.jurisdiction_id) as connection:
        written = await files.list_all(connection, city.jurisdiction_id)
    told = catalogue.describe(city, layers, written, root)
    shown = {"city": city, "root": root, "formats": FORMATS}
    return told_as(request, form, told, "open_data.html", shown)


@route("/maps/{jurisdiction_id:str}/open-data/{name:str}", http_method=READ, uncompressed=True)
async def get_file(
    request: Asked,
    jurisdiction_id: FromPath[str],
    name: FromPath[str],
    context: NamedDependency[Context],
) -> Response[bytes] | Stream:
    """A file, or a part of it: `open-data/requests.gpkg`. Whoever was cut off goes on there."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    layer, chosen = asking.read_name(name)
    await find_features(context, city, layer)
    async with context.db.begin(city.jurisdiction_id) as connection:
        file = await files.find(connection, city.jurisdiction_id, layer, chosen.extension)
    if file is None:
        raise NotFound(f"{name} is written tonight, or in no format of this city's open data.")
    headers = _headers(file, city.jurisdiction_id)
    if _is_known(request, file):
        return Response(b"", status_code=304, headers=headers)
    try:
        part = _part(request, file)
    except Unsatisfiable:
        headers |= {"Content-Range": f"bytes */{file.size}"}
        return Response(b"", status_code=416, headers=headers)
    begin, end = part or (0, file.size)
    headers["Content-Length"] = str(end - begin)
    if part is not None:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{file.size}"
    status = 200 if part is None else 206
    media_type = chosen.media_type
    if request.method == HttpMethod.HEAD or begin == end:
        return Response(b"", status_code=status, headers=headers, media_type=media_type)
    content = await _open(context, file, begin, end)
    return Stream(content, status_code=status, headers=headers, media_type=media_type)


def _headers(file: OpenFile, jurisdiction_id: str) -> dict[str, str]:
    return {
        "ETag": file.etag,
        "Last-Modified": _written(file),
        "Accept-Ranges": "bytes",
        # asked again each time: a layer may be taken back
        "Cache-Control": "no-cache",
        "Content-Disposition": f'attachment; filename="{jurisdiction_id}-{file.name}"',
    }


def _written(file: OpenFile) -> str:
    return format_datetime(file.written_at.astimezone(UTC), usegmt=True)


def _is_known(request: Asked, file: OpenFile) -> bool:
    """Whether the client has these bytes already (RFC 9110, 13.2.2)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        return matches(tags, file.etag)
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except ValueError:
        return False
    return file.written_at.replace(microsecond=0) <= since.astimezone(UTC)


def _part(request: Asked, file: OpenFile) -> tuple[int, int] | None:
    """The part that is asked for; the whole when the client has begun with another file."""
    begun = request.headers.get("if-range")
    if begun is not None and begun not in (file.etag, _written(file)):
        return None
    return read_range(request.headers.get("range"), file.size)


async def _open(context: Context, file: OpenFile, begin: int, end: int) -> Any:
    try:
        found = await obstore.get_async(
            context.store, file.object_key, options={"range": (begin, end)}
        )
    except Exception as error:
        raise Busy("Files cannot be read right now.") from error
    return (bytes(chunk) async for chunk in found.stream())


routes = [get_catalogue, get_file]
