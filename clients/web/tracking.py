"""One public request for whoever follows it: where it stands, what happened, and where it is."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from litestar import HttpMethod, Request, Router, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from msgspec import UNSET, Struct

from clients.web.pages import page, tell_person
from clients.web.translations import day, words
from geo import cells
from open311 import jurisdictions, presentation, search, wire, workflow
from open311.context import Context
from open311.errors import Problem
from open311.jurisdictions import Jurisdiction
from open311.workflow import Status

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_WAY = (Status.RECEIVED, Status.ACKNOWLEDGED, Status.ASSIGNED, Status.IN_PROGRESS)
_DONE = "done"  # the last step of what is open; once closed, it is the outcome
# Hexagons of 36 square kilometres: near enough to say how long it takes here, and seldom empty.
_NEIGHBOURHOOD = 6


class Step(Struct, frozen=True):
    """One step of a request's way, and whether it lies behind, is now, or lies ahead."""

    name: str
    when: str


class Photo(Struct, frozen=True):
    """A photo of ours as paths; one that lies elsewhere has no small one, and is only a link."""

    url: str
    small: str | None


class Change(Struct, frozen=True):
    """Something that happened to a request: the status it got, if any, and the words."""

    at: datetime
    status: str
    words: str | None


@route("/{jurisdiction_id:str}/requests/{service_request_id:str}", http_method=_READ)
async def get_tracking(
    request: Request[Any, Any, Any],
    jurisdiction_id: FromPath[str],
    service_request_id: FromPath[str],
    context: NamedDependency[Context],
) -> Template:
    """A public request; any other, of whatever kind, is not there."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    found = await _find(context, city, service_request_id)
    shown = {"city": city, "same": "same" in request.query_params}
    return page("tracking.html", shown | words(request, city) | _shown(context, city, found))


async def _find(context: Context, city: Jurisdiction, request_id: str) -> wire.Request:
    async with context.db.begin(city.jurisdiction_id) as connection:
        row = await search.find_one(connection, city.jurisdiction_id, request_id, extensions=True)
        (found,) = await presentation.present(
            connection, context.settings, city.jurisdiction_id, [row], extensions=True
        )
    return found


def _shown(context: Context, city: Jurisdiction, found: wire.Request) -> dict[str, Any]:
    notes, more = found.notes or [], found.extended_attributes
    status = Status(more.detailed_status) if more else Status.RECEIVED
    urls = more.media_urls if more else []
    here = found.lat is not None and found.long is not None
    return {
        "found": found,
        "address": context.settings.address,
        "status": status,
        "steps": steps(status, notes),
        "changes": [_change(note) for note in notes],
        "photos": [photo(url, context.settings.address) for url in urls],
        "answers": [] if found.attributes is UNSET else found.attributes,
        "closed": more.closed_datetime if more else None,
        "parent": more.parent_service_request_id if more else None,
        "day": partial(day, zone=ZoneInfo(city.time_zone)),
        "link": f"{context.settings.address}/{city.jurisdiction_id}/requests/"
        f"{found.service_request_id}",
        "cell": _neighbourhood(found.lat, found.long) if here else None,
    }


def _neighbourhood(lat: float | None, long: float | None) -> str:
    return cells.text_of(cells.cell_at(lat or 0.0, long or 0.0, _NEIGHBOURHOOD))


def steps(status: Status, notes: Sequence[wire.Note]) -> list[Step]:
    """The way so far, by what is known to have happened, and what of it lies ahead."""
    told = {workflow.FROM_UPDATE.get(note.summary) for note in notes}
    reached = {Status.RECEIVED, status, *told}
    if status in workflow.CLOSED:
        behind = [Step(step, "past") for step in _WAY if step in reached]
        return [*behind, Step(status, "now")]
    now = Status.RECEIVED if status is Status.REOPENED else status
    place = _WAY.index(now)
    behind = [Step(step, "past") for step in _WAY[:place] if step in reached]
    ahead = [Step(step, "ahead") for step in (*_WAY[place + 1 :], _DONE)]
    return [*behind, Step(status, "now"), *ahead]


def photo(url: str, address: str) -> Photo:
    """A photo by its address; only ours are loaded by our pages."""
    if not url.startswith(f"{address}/media/"):
        return Photo(url, None)
    path = url.removeprefix(address)
    return Photo(path, re.sub(r"(\.\w+)$", r"-small\1", path))


def _change(note: wire.Note) -> Change:
    status = workflow.FROM_UPDATE.get(note.summary)
    first = Status.RECEIVED if note.type == "submitted" else "note"
    return Change(note.datetime, status or first, note.description)


routes = [
    Router("/", route_handlers=[get_tracking], exception_handlers={Problem: tell_person}),
]
