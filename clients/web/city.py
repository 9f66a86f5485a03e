"""One municipality's page: its map, its newest requests, its services, and how to connect."""

from functools import partial
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from litestar import HttpMethod, Request, Response, Router, route
from litestar.di import NamedDependency
from litestar.params import FromPath

from clients.web import translations
from clients.web.pages import page, refuse, tell_person
from clients.web.translations import words
from open311 import jurisdictions, presentation, search, services, wire
from open311.context import Context
from open311.errors import BadInput, Problem
from open311.extents import read_box, read_span
from open311.forms import Fields, read_query
from open311.jurisdictions import Jurisdiction
from open311.wire import PublicStatus

_FILTERS = ("service_code", "status", "start_date", "end_date")
_LISTED = 25
_LENGTH_OF_A_DAY = len("2020-03-31")


@route("/{jurisdiction_id:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def get_city(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    context: NamedDependency[Context],
) -> Response[Any]:
    """A municipality; its list of requests, and with scripts its map, as the query filters them."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    fields = await read_query(request, context.settings)
    shown = {"city": city, "address": context.settings.address} | words(request, city, "map.")
    shown |= await _services(context, city)
    shown["chosen"] = {name: fields.text(name) or "" for name in _FILTERS}
    shown["day"] = partial(translations.day, zone=ZoneInfo(city.time_zone))
    shown["is_discreet"] = city.settings.hex_minimum > 1
    shown["listed"] = []
    try:
        shown["listed"] = await _newest(context, city, fields)
    except BadInput as problem:
        return refuse("city.html", shown, problem)
    return page("city.html", shown)


async def _services(context: Context, city: Jurisdiction) -> dict[str, Any]:
    async with context.db.begin(city.jurisdiction_id) as connection:
        offered = await services.list_services(connection, city)
    by_group = groupby(sorted(offered, key=lambda s: s.group), key=lambda s: s.group)
    return {"groups": [(group, list(members)) for group, members in by_group]}


async def _newest(context: Context, city: Jurisdiction, fields: Fields) -> list[wire.Request]:
    """The newest requests that the filters leave, as many as a list shows."""
    filters = _read_filters(fields, ZoneInfo(city.time_zone))
    async with context.db.begin(city.jurisdiction_id) as connection:
        rows = await search.find_newest(connection, city.jurisdiction_id, filters)
        return await presentation.present(
            connection, context.settings, city.jurisdiction_id, rows, extensions=False
        )


def _read_filters(fields: Fields, zone: ZoneInfo) -> search.Filters:
    status = fields.text("status")
    if status and status not in list(PublicStatus):
        raise BadInput("status must be open or closed.")
    return search.Filters(
        search.Page(1, _LISTED),
        service_codes=fields.many("service_code"),
        status=PublicStatus(status) if status else None,
        requested=read_span(_with_whole_days(fields), zone, "start_date", "end_date"),
        box=read_box(fields),
    )


def _with_whole_days(fields: Fields) -> Fields:
    """Of a date alone, as forms send it, the end is meant to be included."""
    end = fields.text("end_date") or ""
    if len(end) != _LENGTH_OF_A_DAY:
        return fields
    return Fields({**fields.values, "end_date": [f"{end}T23:59:59"]}, {}, [])


routes = [
    Router("/", route_handlers=[get_city], exception_handlers={Problem: tell_person}),
]
