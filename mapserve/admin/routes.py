"""Administration of layers over HTTP, for accounts that are analysts or administrators."""

from pathlib import Path
from typing import Any

import msgspec
import yaml
from litestar import HttpMethod, Request, Response, Router, delete, patch, post, put, route
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import FromPath

from mapserve import datasets
from mapserve.admin import changes, documents, looks, restyling, uploads
from mapserve.admin.changes import Changes
from mapserve.admin.names import check_name
from mapserve.answers import answer
from mapserve.ogcapi import problems
from mapserve.sld.reading import notes_header
from open311 import accounts, jurisdictions
from open311.accounts import Account, Role
from open311.context import Context
from open311.errors import BadInput, NotFound, Problem, TooLarge
from open311.forms import read_query
from open311.jurisdictions import Jurisdiction

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_JSON = "application/json"
_OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_MOST_JSON = 1_000_000
_API = yaml.safe_load(Path(__file__).with_name("api.yaml").read_text())

Asked = Request[Any, Any, Any]


async def find_city(
    jurisdiction_id: FromPath[str], context: NamedDependency[Context]
) -> Jurisdiction:
    """The municipality of a call. Raises NotFound."""
    return await jurisdictions.find(context.db, jurisdiction_id)


async def find_analyst(
    request: Asked, city: NamedDependency[Jurisdiction], context: NamedDependency[Context]
) -> Account:
    """Who calls. Raises Unauthorized, and Forbidden for who is no analyst there."""
    account = await accounts.identify(request, context)
    return accounts.require(account, city.jurisdiction_id, Role.ANALYST)


@route("/maps/{jurisdiction_id:str}/admin/api", http_method=_READ)
async def get_api(
    request: Asked, city: NamedDependency[Jurisdiction], context: NamedDependency[Context]
) -> Response[bytes]:
    """The OpenAPI definition; everybody may read it."""
    told = {**_API, "servers": [{"url": f"{_root(context, city)}/admin"}]}
    return answer(
        request, msgspec.json.encode(told), "application/vnd.oai.openapi+json;version=3.0"
    )


@route("/maps/{jurisdiction_id:str}/admin/layers", http_method=_READ)
async def list_layers(
    city: NamedDependency[Jurisdiction],
    analyst: NamedDependency[Account],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """Every published layer, whomever it is for."""
    async with context.db.begin(city.jurisdiction_id) as connection:
        found = await datasets.list_all(connection, city.jurisdiction_id)
    root = _root(context, city)
    return _told({"layers": [documents.layer(each, root) for each in found]})


@route("/maps/{jurisdiction_id:str}/admin/layers/{name:str}", http_method=_READ)
async def get_layer(
    name: FromPath[str],
    city: NamedDependency[Jurisdiction],
    analyst: NamedDependency[Account],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """A published layer."""
    return await _tell_layer(context, city, name)


async def _tell_layer(
    context: Context, city: Jurisdiction, name: str, headers: dict[str, str] | None = None
) -> Response[bytes]:
    async with context.db.begin(city.jurisdiction_id) as connection:
        found = None
        if "\0" not in name:
            found = await datasets.find(connection, city.jurisdiction_id, name)
    if found is None:
        raise NotFound(f"{city.name} has published no layer {name[:60]!r}.")
    return _told(documents.layer(found, _root(context, city)), headers=headers)


@put("/maps/{jurisdiction_id:str}/admin/layers/{name:str}", request_max_body_size=None)
async def put_layer(
    request: Asked,
    name: FromPath[str],
    city: NamedDependency[Jurisdiction],
    analyst: NamedDependency[Account],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """Make a layer of the file in the body, or put that in the place of the features it has."""
    return await _keep(request, context, city, name, "replace", analyst)


@post("/maps/{jurisdiction_id:str}/admin/layers/{name:str}", request_max_body_size=None)
async def post_layer(
    request: Asked,
    name: FromPath[str],
    city: NamedDependency[Jurisdiction],
    analyst: NamedDependency[Account],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """Add the features of the file in the body to a layer."""
    return await _keep(request, context, city, name, "append", analyst)


async def _keep(
    request: Asked,
    context: Context,
    city: Jurisdiction,
    name: str,
    mode: uploads.Mode,
    analyst: Account,
) -> Response[bytes]:
    check_name(name)
    query = await read_query(request, context.settings)
    kept = await uploads.keep(
        request, context, city.jurisdiction_id, name, query, mode, analyst.actor
    )
    told = documents.upload(kept, _root(context, city))
    return _told(told, 202, {"Location": told.links[0].href})


@patch("/maps/{jurisdiction_id:str}/admin/layers/{name:str}")
async def patch_layer(
    request: Asked,
    name: FromPath[str],
    city: NamedDependency[Jurisdiction],
    analyst: NamedDependency[Account],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """Change what is told of a layer, whom it is for, or its style."""
    change = await _read_changes(request, name, context.settings.max_style_layers)
    check_name(name)
    await changes.change(context.db, city.jurisdiction_id, name, change, analyst.actor)
    return await _tell_layer(context, city, name)


async def _read_changes(request: Asked, name: str, most_layers: int) -> Changes:
    if int(request.headers.get("content-length") or 0) > _MOST_JSON:
        raise TooLarge(f"The body has at most {_MOST_JSON} bytes.")
    try:
        change = msgspec.json.decode(await request.body(), type=Changes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"The body is no JSON of a layer: {error}.") from None
    if isinstance(change.style, dict | list):
        return msgspec.structs.replace(change, style=looks.read(change.style, name, most_layers))
    return change


@put("/maps/{jurisdiction_id:str}/admin/layers/{name:str}/style")
async def put_style(
    request: Asked,
    name: FromPath[str],
    city: NamedDependency[Jurisdiction],
    analyst: NamedDependency[Account],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """Draw a layer in the style of the body: SLD, or a MapLibre style."""
    check_name(name)
    notes = await restyling.restyle(
        context.db, context.settings, city, name, await request.body(), analyst.actor
    )
    return await _tell_layer(context, city, name, notes_header(notes))


@delete("/maps/{jurisdiction_id:str}/admin/layers/{name:str}", status_code=204)
async def delete_layer(
    name: FromPath[str],
    city: NamedDependency[Jurisdiction],
    analyst: NamedDependency[Account],
    context: NamedDependency[Context],
) -> None:
    """Delete a layer with its features."""
    check_name(name)
    await changes.remove(context.db, city.jurisdiction_id, name, analyst.actor)


@route("/maps/{jurisdiction_id:str}/admin/uploads", http_method=_READ)
async def list_uploads(
    city: NamedDependency[Jurisdiction],
    analyst: NamedDependency[Account],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """The last hundred files that were sent, the newest first."""
    found = await uploads.list_all(context, city.jurisdiction_id)
    root = _root(context, city)
    return _told({"uploads": [documents.upload(each, root) for each in found]})


@route("/maps/{jurisdiction_id:str}/admin/uploads/{upload_id:str}", http_method=_READ)
async def get_upload(
    upload_id: FromPath[str],
    city: NamedDependency[Jurisdiction],
    analyst: NamedDependency[Account],
    context: NamedDependency[Context],
) -> Response[bytes]:
    """How far a file is, and what became of it."""
    found = await uploads.find(context, city.jurisdiction_id, upload_id)
    return _told(documents.upload(found, _root(context, city)))


def _root(context: Context, city: Jurisdiction) -> str:
    return f"{context.settings.address}/maps/{city.jurisdiction_id}"


def _told(
    document: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    body = msgspec.json.encode(document)
    return Response(body, status_code=status, media_type=_JSON, headers=headers or {})


routes = [
    Router(
        "/",
        route_handlers=[
            *(get_api, list_layers, get_layer, put_layer, post_layer, patch_layer, delete_layer),
            put_style,
            *(list_uploads, get_upload),
        ],
        dependencies={"city": Provide(find_city), "analyst": Provide(find_analyst)},
        exception_handlers={
            Problem: problems.tell_problem,
            HTTPException: problems.tell_http_error,
        },
    )
]
