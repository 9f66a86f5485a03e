"""Report a problem on the web: step by step on the server, which scripts show as one page."""

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import HttpMethod, Request, Response, Router, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from clients.web import filing, report_form, tracking, translations
from clients.web.pages import page, refuse, tell_person
from clients.web.report_form import Fault, Report
from clients.web.translations import words
from open311 import jurisdictions, rates, services
from open311.context import Context
from open311.errors import BadInput, Busy, Forbidden, Problem, TooMany
from open311.forms import read_body, read_query
from open311.jurisdictions import Jurisdiction

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_KEPT = ("lat", "long", "address_string", "service_code", "lang")
_MEGABYTE = 1_048_576

Asked = Request[Any, Any, Any]


@route("/{jurisdiction_id:str}/report", http_method=_READ)
async def get_report(
    request: Asked, jurisdiction_id: FromPath[str], context: NamedDependency[Context]
) -> Template:
    """The form, as far as the address says what is reported and where."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    fields = await read_query(request, context.settings)
    report = await report_form.read(context, city, fields)
    return page("report.html", await _shown(request, context, city, report))


@post("/{jurisdiction_id:str}/report", status_code=200)
async def post_report(
    request: Asked, jurisdiction_id: FromPath[str], context: NamedDependency[Context]
) -> Response[Any]:
    """File a report, and lead to its receipt; or show the form again, with what is wrong."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    filing.check_origin(request, context.settings)
    fields = await read_body(request, context.settings)
    report = await report_form.read(context, city, fields)
    problem, faults = await _file(
        context, city, report, rates.address(request.scope, context.settings)
    )
    if problem is None:
        return _lead_to_receipt(request, city, report)
    refused = msgspec.structs.replace(report, faults=faults)
    return refuse("report.html", await _shown(request, context, city, refused), problem)


@route("/{jurisdiction_id:str}/report/filed/{form_key:str}", http_method=_READ)
async def get_filed(
    request: Asked,
    jurisdiction_id: FromPath[str],
    form_key: FromPath[str],
    context: NamedDependency[Context],
) -> Template:
    """The receipt of a form; only who sent it knows the address."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    filed = await filing.find(context, city, form_key)
    shown = page("report_filed.html", {"city": city, "filed": filed, **words(request, city)})
    shown.headers["Cache-Control"] = "no-store"
    return shown


async def _file(
    context: Context, city: Jurisdiction, report: Report, address: rates.Address
) -> tuple[Problem | None, list[Fault]]:
    """File a report; else the reason, and what to tell beside which field."""
    if report.fields.text("website"):
        return BadInput(), [Fault("form", "report.wrong.refused")]
    if faults := report_form.check(report, city, context.settings):
        return BadInput(), faults
    try:
        await filing.file(context, city, report, address)
    except BadInput as problem:
        return problem, report_form.told(problem, report.fields)
    except TooMany as problem:
        seconds = {"seconds": problem.retry_after}
        return problem, [Fault("form", "report.wrong.too_many", seconds)]
    except Busy as problem:
        return problem, [Fault("form", "report.wrong.busy")]
    except Forbidden as problem:
        return problem, [Fault("form", "report.wrong.closed", {"city": city.name})]
    return None, []


def _lead_to_receipt(request: Asked, city: Jurisdiction, report: Report) -> Redirect:
    """See other: who loads the receipt anew, or goes back, sends nothing a second time."""
    query = words(request, city)["query"]
    path = f"/{city.jurisdiction_id}/report/filed/{report.form_key}{query}"
    return Redirect(path, status_code=303)


async def _shown(
    request: Asked, context: Context, city: Jurisdiction, report: Report
) -> dict[str, Any]:
    """All that the form shows at the step that the report has reached."""
    step, settings = report.step, context.settings
    shown: dict[str, Any] = {"city": city, "report": report, "step": step}
    shown["address"] = settings.address
    shown |= words(request, city)
    shown["faults"] = {fault.field: fault for fault in report.faults}
    shown["kept"] = {name: value for name in _KEPT if (value := report.fields.text(name))}
    if step == "service":
        async with context.db.begin(city.jurisdiction_id) as connection:
            offered = await services.catalogue(connection, city)
        shown["findable"] = report_form.findable
        shown["groups"] = report_form.groups(offered, report.fields.text("q"))
    if step == "details":
        shown["duplicates"] = await report_form.find_duplicates(context, city, report)
        shown["photo"] = partial(tracking.photo, address=settings.address)
        shown["day"] = partial(translations.day, zone=ZoneInfo(city.time_zone))
        shown["most_photos"] = settings.max_media_files
        shown["most_megabytes"] = settings.max_upload_bytes // _MEGABYTE
        shown["longest"] = settings.max_description
    return shown


routes = [
    Router(
        "/",
        route_handlers=[get_report, post_report, get_filed],
        exception_handlers={Problem: tell_person},
    )
]
