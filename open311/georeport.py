"""The endpoints of GeoReport v2 and its extensions, in the order of the standard.

Each is served twice: on the shared base URL, where `jurisdiction_id` says whose it is, and on each
jurisdiction's own, for the many clients that cannot send it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from litestar import HttpMethod, Litestar, Request, Response, Router, post, route
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Stream

from open311 import (
    bulk,
    discovery,
    jurisdictions,
    nearby,
    presentation,
    rates,
    responses,
    search,
    services,
    submission,
    tokens,
    updates,
    wire,
)
from open311.codecs import each_format
from open311.context import Context
from open311.errors import BadInput, Problem
from open311.extents import read_span
from open311.forms import Fields, read_body, read_query
from open311.jurisdictions import Jurisdiction
from open311.new_request import read_point
from open311.responses import Encoded, split_name
from open311.submission import Caller

_UPDATES = "service_request_updates"
_READ = [HttpMethod.GET, HttpMethod.HEAD]
Asked = Request[Any, Any, Any]
_LONGEST_LINK = 8000


async def provide_fields(request: Asked, context: NamedDependency[Context]) -> Fields:
    """Whatever the client sent, in query and body."""
    read = read_body if request.method == HttpMethod.POST else read_query
    return await read(request, context.settings)


async def provide_jurisdiction(
    request: Asked, context: NamedDependency[Context], fields: NamedDependency[Fields]
) -> Jurisdiction:
    """The jurisdiction of the base URL, or of `jurisdiction_id`; both must agree."""
    base, named = request.path_params.get("base"), fields.text("jurisdiction_id")
    if base is None and named is None:
        raise BadInput("jurisdiction_id is missing.")
    jurisdiction = await jurisdictions.find(context.db, base or named or "")
    if base and named and named.strip().lower() != jurisdiction.jurisdiction_id:
        raise BadInput(f"jurisdiction_id {named[:80]!r} is not the one of this address.")
    return jurisdiction


async def provide_caller(
    request: Asked, context: NamedDependency[Context], fields: NamedDependency[Fields]
) -> Caller:
    """Who calls: the API key as a parameter or as a bearer token, and from where."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else None
    return Caller(
        api_key=fields.text("api_key") or bearer,
        address=rates.address(request.scope, context.settings),
        idempotency_key=request.headers.get("idempotency-key") or None,
    )


@route(each_format("/discovery"), http_method=_READ, opt={"root": "discovery"})
async def get_discovery(
    request: Asked, context: NamedDependency[Context]
) -> Encoded[wire.Discovery]:
    """Where the API is served, in which formats, and when its services last changed."""
    everywhere = await jurisdictions.list_all(context.db)
    base = request.path_params.get("base")
    only = await jurisdictions.find(context.db, base) if base else None
    return Encoded(discovery.discover(context.settings, everywhere, only))


@route(each_format("/services"), http_method=_READ, opt={"root": "services"})
async def get_services(
    context: NamedDependency[Context],
    jurisdiction: NamedDependency[Jurisdiction],
    fields: NamedDependency[Fields],
) -> Encoded[list[wire.Service]]:
    """The services that the jurisdiction offers, or (lat and long) offers at a place."""
    lat, long = read_point(fields)
    async with context.db.begin(jurisdiction.jurisdiction_id) as connection:
        if lat is not None and long is not None:
            inside = jurisdictions.covers(connection, jurisdiction.jurisdiction_id, lat, long)
            if not await inside:
                return Encoded([])
        return Encoded(await services.list_services(connection, jurisdiction))


@route("/services/{name:path}", http_method=_READ, opt={"root": "service_definition"})
async def get_service_definition(
    name: FromPath[str],
    context: NamedDependency[Context],
    jurisdiction: NamedDependency[Jurisdiction],
) -> Encoded[wire.ServiceDefinition]:
    """The attributes that a service asks for."""
    async with context.db.begin(jurisdiction.jurisdiction_id) as connection:
        service = await services.find(connection, jurisdiction, split_name(name))
    return Encoded(services.definition(service))


@post(each_format("/requests"), opt={"root": "service_requests"}, status_code=200)
async def post_request(
    context: NamedDependency[Context],
    jurisdiction: NamedDependency[Jurisdiction],
    fields: NamedDependency[Fields],
    caller: NamedDependency[Caller],
) -> Encoded[list[wire.Receipt]]:
    """File a request."""
    outcome = await submission.submit(context, jurisdiction, fields, caller)
    headers = {"Idempotent-Replayed": "true"} if outcome.replayed else {}
    if outcome.repeats:
        headers["Possible-Duplicate-Of"] = outcome.repeats
    return Encoded([outcome.receipt], headers=headers)


@route("/tokens/{name:path}", http_method=_READ, opt={"root": "service_requests"})
async def get_token(
    name: FromPath[str],
    context: NamedDependency[Context],
    jurisdiction: NamedDependency[Jurisdiction],
) -> Encoded[list[wire.Token]]:
    """The id of a request that was answered with a token."""
    async with context.db.begin(jurisdiction.jurisdiction_id) as connection:
        token = await tokens.find(connection, jurisdiction.jurisdiction_id, split_name(name))
    return Encoded([token])


@route(each_format("/requests"), http_method=_READ, opt={"root": "service_requests"})
async def get_requests(
    request: Asked,
    context: NamedDependency[Context],
    jurisdiction: NamedDependency[Jurisdiction],
    fields: NamedDependency[Fields],
) -> Encoded[list[wire.Request]]:
    """Requests, newest first."""
    filters = search.read_filters(fields, ZoneInfo(jurisdiction.time_zone), context.settings)
    jurisdiction_id = jurisdiction.jurisdiction_id
    async with context.db.begin(jurisdiction_id) as connection:
        found = await search.find(connection, jurisdiction_id, filters)
        shown = await presentation.present(
            connection, context.settings, jurisdiction_id, found.rows, filters.extensions
        )
    return Encoded(shown, headers=_page_headers(request, context, filters.page, found.total))


@route("/requests/{name:path}", http_method=_READ, opt={"root": "service_requests"})
async def get_request(
    name: FromPath[str],
    context: NamedDependency[Context],
    jurisdiction: NamedDependency[Jurisdiction],
    fields: NamedDependency[Fields],
) -> Encoded[list[wire.Request]]:
    """One request."""
    jurisdiction_id, extensions = jurisdiction.jurisdiction_id, search.read_extensions(fields)
    async with context.db.begin(jurisdiction_id) as connection:
        row = await search.find_one(connection, jurisdiction_id, split_name(name), extensions)
        return Encoded(
            await presentation.present(
                connection, context.settings, jurisdiction_id, [row], extensions
            )
        )


@route(each_format("/nearby"), http_method=_READ, opt={"root": "service_requests"})
async def get_nearby(
    context: NamedDependency[Context],
    jurisdiction: NamedDependency[Jurisdiction],
    fields: NamedDependency[Fields],
) -> Encoded[list[wire.Request]]:
    """Open requests of a service around a place, to look at before filing the same again."""
    async with context.db.begin(jurisdiction.jurisdiction_id) as connection:
        rows = await nearby.find(connection, context.settings, jurisdiction, fields)
    return Encoded(presentation.present_nearby(context.settings, rows))


@route(each_format("/servicerequestupdates"), http_method=_READ, opt={"root": _UPDATES})
async def get_updates(
    request: Asked,
    context: NamedDependency[Context],
    jurisdiction: NamedDependency[Jurisdiction],
    fields: NamedDependency[Fields],
) -> Encoded[list[wire.RequestUpdate]]:
    """Updates of requests, oldest first."""
    span = updates.read_updated(fields, ZoneInfo(jurisdiction.time_zone), context.settings)
    page = search.read_page(fields, context.settings)
    async with context.db.begin(jurisdiction.jurisdiction_id) as connection:
        shown, total = await updates.list_updates(
            connection, context.settings, jurisdiction.jurisdiction_id, span, page
        )
    return Encoded(shown, headers=_page_headers(request, context, page, total))


@post(each_format("/servicerequestupdates"), opt={"root": _UPDATES}, status_code=200)
async def post_update(
    context: NamedDependency[Context],
    jurisdiction: NamedDependency[Jurisdiction],
    fields: NamedDependency[Fields],
    caller: NamedDependency[Caller],
) -> Encoded[list[wire.UpdateReceipt]]:
    """Report what happened to a request."""
    return Encoded([await updates.post(context, jurisdiction, fields, caller)])


@route(
    [*each_format("/requests"), *each_format("/servicerequestupdates")],
    http_method=HttpMethod.OPTIONS,
    status_code=204,
)
async def get_methods() -> Response[None]:
    """What these addresses can do: two handlers share each, and the framework names only one's."""
    return Response(None, headers={"Allow": "GET, HEAD, OPTIONS, POST"})


@route([f"/bulk.{extension}" for extension in bulk.BULK_FORMATS], http_method=_READ)
async def get_bulk(
    request: Asked,
    context: NamedDependency[Context],
    jurisdiction: NamedDependency[Jurisdiction],
    fields: NamedDependency[Fields],
) -> Stream:
    """Every public request: GeoReport Bulk."""
    written = bulk.BULK_FORMATS[request.scope["path"].rpartition(".")[2]]
    span = read_span(fields, ZoneInfo(jurisdiction.time_zone), "start_date", "end_date")
    chunks = bulk.stream(context, jurisdiction.jurisdiction_id, span, written)
    whole = request.method == HttpMethod.GET
    return Stream(chunks if whole else iter(()), media_type=written.media_type)


def _page_headers(
    request: Asked, context: Context, page: search.Page, total: int
) -> Mapping[str, str]:
    """Totals and neighbours in headers: a wrapper around the list would break its readers."""
    last = max(1, -(-total // page.size))
    pages = {"first": 1, "prev": page.number - 1, "next": page.number + 1, "last": last}
    links = [
        f'<{_page_url(request, context, number)}>; rel="{name}"'
        for name, number in pages.items()
        if 1 <= number <= last and number != page.number
    ]
    totals, link = {"X-Total-Count": str(total)}, ", ".join(links)
    # a question of thousands of ids: clients and proxies refuse longer headers
    return totals | ({"Link": link} if 0 < len(link) <= _LONGEST_LINK else {})


def _page_url(request: Asked, context: Context, number: int) -> str:
    """This very question, for another page: without what it ignores, and without the key."""
    kept = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name in search.PARAMETERS
    ]
    query = urlencode([*kept, ("page", str(number))])
    return f"{context.settings.address}{quote(request.scope['path'])}?{query}"


_DEPENDENCIES = {
    "fields": Provide(provide_fields),
    "jurisdiction": Provide(provide_jurisdiction),
    "caller": Provide(provide_caller),
}
_V2 = [
    get_methods,  # before those whose methods it names
    get_services,
    get_service_definition,
    post_request,
    get_token,
    get_requests,
    get_request,
    get_nearby,
    get_updates,
    post_update,
    get_bulk,
]
routes = [
    Router("/open311", route_handlers=[get_discovery]),
    Router("/open311/{base:str}", route_handlers=[get_discovery]),
    Router("/open311/v2", route_handlers=_V2, dependencies=_DEPENDENCIES),
    Router("/open311/{base:str}/v2", route_handlers=_V2, dependencies=_DEPENDENCIES),
]


def alone(context: Context) -> Litestar:
    """The API by itself, for programs in the same process: they need no network to call it."""
    return Litestar(
        route_handlers=routes,
        dependencies={"context": Provide(lambda: context, sync_to_thread=False, use_cache=True)},
        exception_handlers={
            Problem: responses.tell_problem,
            HTTPException: responses.tell_http_error,
            Exception: responses.tell_failure,
        },
        request_max_body_size=context.settings.max_upload_bytes,
        openapi_config=None,
        logging_config=None,
    )
