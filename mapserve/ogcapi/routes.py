"""OGC API over HTTP: landing page, conformance, collections, and features."""

from typing import Any

from litestar import Request, Router, route
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath

from mapserve.drawing import WORLD, Layer
from mapserve.export.formats import FORMATS
from mapserve.features.extents import extent
from mapserve.layers import LAYERS, find_features, list_features, opened
from mapserve.ogcapi import documents, items, map_routes, openapi, pages, problems, tile_routes
from mapserve.ogcapi.asking import check_names
from mapserve.ogcapi.calls import FORM_ONLY, READ, Answer, begin, root_of, told_as
from mapserve.ogcapi.documents import Collection
from mapserve.ogcapi.negotiation import HTML, JSON, choose
from open311.accounts import Account
from open311.context import Context
from open311.errors import NotFound, Problem
from open311.jurisdictions import Jurisdiction


@route("/maps/{jurisdiction_id:str}", http_method=READ)
async def get_landing(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """What there is of a municipality: for programs as links, for people as a page."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    form, root = choose(request, fields.text("f")), root_of(context, city)
    shown = await _landing_page(context, city, account, root) if form == HTML else {}
    return told_as(request, form, documents.landing(city, root, form), "maps.html", shown)


async def _landing_page(
    context: Context, city: Jurisdiction, account: Account | None, root: str
) -> dict[str, Any]:
    async with opened(context, city, LAYERS["hexes"]) as reading:
        where = await extent(reading)
    return {
        "city": city,
        "layers": await list_features(context, city, account),
        "root": root,
        "address": context.settings.address,
        "bounds": where.bounds or WORLD,
        "services": documents.services(root),
        "formats": list(FORMATS.values()),
    }


@route("/maps/{jurisdiction_id:str}/conformance", http_method=READ)
async def get_conformance(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """The classes of the standards that this keeps to."""
    city, fields, _ = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    form, root = choose(request, fields.text("f")), root_of(context, city)
    links = documents.itself(f"{root}/conformance", form, "This document")
    told = {"conformsTo": documents.CONFORMANCE, "links": links}
    return told_as(request, form, told, "conformance.html", {"city": city, "root": root})


@route("/maps/{jurisdiction_id:str}/api", http_method=READ)
async def get_api(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """The OpenAPI 3.0 definition."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    form, root = choose(request, fields.text("f"), ("openapi", HTML)), root_of(context, city)
    layers = await list_features(context, city, account)
    told = openapi.describe(city, layers, root, context.settings)
    return told_as(request, form, told, "api.html", {"city": city, "root": root})


@route("/maps/{jurisdiction_id:str}/collections", http_method=READ)
async def get_collections(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """Every layer."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    form, root = choose(request, fields.text("f")), root_of(context, city)
    layers = await list_features(context, city, account)
    told = {
        "links": documents.itself(f"{root}/collections", form, "Layers"),
        "collections": [await _describe(context, city, layer, JSON) for layer in layers],
    }
    return told_as(request, form, told, "collections.html", {"city": city, "root": root})


@route("/maps/{jurisdiction_id:str}/collections/{layer:str}", http_method=READ)
async def get_collection(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    layer: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """A layer."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    form, root = choose(request, fields.text("f")), root_of(context, city)
    found = await find_features(context, city, layer, account)
    told = await _describe(context, city, found, form)
    shown = {"city": city, "root": root, "layer": found}
    return told_as(request, form, told, "collection.html", shown)


async def _describe(context: Context, city: Jurisdiction, layer: Layer, form: str) -> Collection:
    async with opened(context, city, layer) as reading:
        where = await extent(reading)
    return documents.collection(layer, where, city, root_of(context, city), form)


@route("/maps/{jurisdiction_id:str}/collections/{layer:str}/{about:str}", http_method=READ)
async def get_schema(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    layer: FromPath[str],
    about: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """The properties of a layer: `schema`, `queryables` or `sortables`."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    check_names(fields, FORM_ONLY)
    if about not in ("schema", "queryables", "sortables"):
        raise NotFound(f"A layer has schema, queryables, sortables and items, but no {about[:60]}.")
    form, root = choose(request, fields.text("f"), ("schema", HTML)), root_of(context, city)
    found = await find_features(context, city, layer, account)
    told = documents.schema(found, f"{root}/collections/{found.name}", about)
    shown = {"city": city, "root": root, "layer": found, "about": about}
    return told_as(request, form, told, "schema.html", shown)


@route("/maps/{jurisdiction_id:str}/collections/{layer:str}/items", http_method=READ)
async def get_items(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    layer: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """Features: limited by place, time, properties and CQL2, page by page."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    form, root = choose(request, fields.text("f"), ("geojson", HTML)), root_of(context, city)
    found = await find_features(context, city, layer, account)
    url = f"{root}/collections/{found.name}/items"
    if form == HTML and "limit" not in fields.values:
        fields = pages.with_short_pages(fields)
    page, asked = await items.read_page(context, city, found, fields, url)
    shown = {"city": city, "root": root, "layer": found}
    return told_as(request, form, page, "items.html", shown, {"Content-Crs": f"<{asked.crs.uri}>"})


@route("/maps/{jurisdiction_id:str}/collections/{layer:str}/items/{name:str}", http_method=READ)
async def get_item(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    layer: FromPath[str],
    name: FromPath[str],
    context: NamedDependency[Context],
) -> Answer:
    """One feature."""
    city, fields, account = await begin(request, context, jurisdiction_id)
    form, root = choose(request, fields.text("f"), ("geojson", HTML)), root_of(context, city)
    found = await find_features(context, city, layer, account)
    url = f"{root}/collections/{found.name}/items/{name}"
    feature, asked = await items.read_one(context, city, found, name, fields, url)
    shown = {"city": city, "root": root, "layer": found}
    return told_as(
        request, form, feature, "item.html", shown, {"Content-Crs": f"<{asked.crs.uri}>"}
    )


_HANDLERS = [
    *(get_landing, get_conformance, get_api, get_collections, get_collection),
    *(get_schema, get_items, get_item),
    *tile_routes.routes,
    *map_routes.routes,
]
routes = [
    Router(
        "/",
        route_handlers=_HANDLERS,
        exception_handlers={
            Problem: problems.tell_problem,
            HTTPException: problems.tell_http_error,
        },
    )
]
