"""Pages for people: what they share, the municipalities served here, and how apps get a key."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litestar import HttpMethod, Request, Router, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.template import TemplateConfig
from litestar.types import ControllerRouterHandler
from markupsafe import Markup, escape

from clients.web import assets
from open311 import jurisdictions, keys, rates, reporters
from open311.context import Context
from open311.errors import STATUS, BadInput, Problem
from open311.forms import Fields, read_body

_HERE = Path(__file__).parent
_READ = [HttpMethod.GET, HttpMethod.HEAD]
_HEADERS = {
    "Content-Security-Policy": (
        # maps decode pictures from memory, and their buttons' are in the style sheet
        "default-src 'self'; img-src 'self' data: blob:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LONGEST_NAME = 100


def mark_code(text: str) -> Markup:
    """Set what stands in backticks as code; the rest is escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def _add_filters(engine: JinjaTemplateEngine) -> None:
    engine.engine.filters["code"] = mark_code
    engine.engine.globals["static"] = assets.PATH


def templates(*more: Path) -> TemplateConfig[JinjaTemplateEngine]:
    """Ours, and folders of others whose pages stand in our frame."""
    return TemplateConfig(
        directory=[_HERE / "templates", *more],
        engine=JinjaTemplateEngine,
        engine_callback=_add_filters,
    )


@route("/", http_method=_READ)
async def get_home(context: NamedDependency[Context]) -> Template:
    """Every municipality; test endpoints are found by those who need them."""
    everywhere = await jurisdictions.list_all(context.db)
    cities = [each for each in everywhere if each.test_of is None]
    return page("home.html", {"cities": cities, "address": context.settings.address})


@route("/open311/{jurisdiction_id:str}/key", http_method=_READ)
async def get_key_form(
    jurisdiction_id: FromPath[str], context: NamedDependency[Context]
) -> Template:
    """The application for an API key."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    return page("key.html", {"city": city, "given": {}})


@post("/open311/{jurisdiction_id:str}/key", status_code=200)
async def post_key_form(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Template:
    """Make the key; a test endpoint's works at once, any other's when an operator approves it."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    fields = await read_body(request, context.settings)
    given = {name: fields.text(name) or "" for name in ("app", "first_name", "email")}
    shown = {"city": city, "given": given, "address": context.settings.address}
    try:
        caller = rates.address(request.scope, context.settings)
        key = await _apply(context, city, fields, caller)
    except Problem as problem:
        return refuse("key.html", shown, problem)
    return page("key.html", shown | {"key": key})


async def _apply(
    context: Context, city: jurisdictions.Jurisdiction, fields: Fields, caller: rates.Address
) -> str:
    """Check an application and make its key. Raises BadInput or TooMany."""
    settings = context.settings
    bucket = f"key-request:{caller.bucket}"
    await rates.spend(context.redis, settings, bucket, settings.rate_key_requests)
    app, contact = fields.text("app"), reporters.read_contact(fields.values)
    if fields.text("website"):
        raise BadInput("The application was not accepted.")
    if not (app and contact.email and contact.first_name) or len(app) > _LONGEST_NAME:
        raise BadInput("The app's name, your name and your email are needed.")
    state = "active" if city.test_of else "pending"
    return await keys.create(
        context.db, settings, city.jurisdiction_id, app, state=state, contact=contact
    )


def page(name: str, shown: Mapping[str, Any]) -> Template:
    """A page of ours: nothing in it runs or loads but what is ours too."""
    return Template(name, context=dict(shown), headers=_HEADERS)


def refuse(name: str, shown: Mapping[str, Any], problem: Problem) -> Template:
    """A page again, with what was `wrong`, and the status that says so."""
    refused = page(name, {**shown, "wrong": problem.descriptions})
    refused.status_code = STATUS[type(problem)]
    if problem.retry_after:
        refused.headers["Retry-After"] = str(problem.retry_after)
    return refused


def tell_person(_: Request[Any, Any, Any], problem: Problem) -> Template:
    """What went wrong, as a page."""
    return refuse("wrong.html", {}, problem)


_PAGES = [get_home, get_key_form, post_key_form]
routes: list[ControllerRouterHandler] = [
    Router("/", route_handlers=_PAGES, exception_handlers={Problem: tell_person}),
    *assets.routes,
]
