"""File what came through the web: with a key of the web's own, once for each form."""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from msgspec import Struct

from clients.web import report_form
from clients.web.report_form import Report
from open311 import idempotency, keys, rates, search, secrets, submission, tokens, wire
from open311.context import Context
from open311.errors import Conflict, Forbidden, NotFound
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings
from open311.submission import Caller

_OURS = ("same-origin", "none")


class Filed(Struct, frozen=True):
    """What came of a form: its request's id, or token, or neither, and whether all can see it."""

    service_request_id: str | None
    token: str | None
    service_notice: str | None
    is_public: bool


def check_origin(request: Request[Any, Any, Any], settings: Settings) -> None:
    """Raise Forbidden for a form that another site's page sent.

    Nobody is logged in, so it could only make its visitors file what it likes. Browsers say where a
    form comes from, and pages cannot change that; older ones tell the origin alone, or nothing.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    ours = {request.headers.get("host"), urlsplit(settings.address).netloc}
    if site not in _OURS if site else origin and urlsplit(origin).netloc not in ours:
        raise Forbidden("This form was sent by a page of another site.")


async def file(
    context: Context, city: Jurisdiction, report: Report, address: rates.Address
) -> None:
    """File a report; the same form again, changed or not, files nothing more.

    Raises what `submission.submit` raises, and TooMany when the address has filed too many.
    """
    await _spend(context, address)
    api_key = _key(context.settings, city)
    await keys.ensure(
        context.db, city.jurisdiction_id, api_key, "web", ("requests",), "high", keys.WEB
    )
    caller = Caller(api_key, address, idempotency_key=report.form_key)
    try:
        await submission.submit(context, city, report_form.to_file(report), caller)
    except Conflict:
        return  # the first try had arrived, and the person changed something before the next


async def _spend(context: Context, address: rates.Address) -> None:
    """Count a report by where it comes from: the key is everybody's."""
    if not address.exempt:
        limit = context.settings.rate_reports
        await rates.spend(context.redis, context.settings, f"report:{address.bucket}", limit)


def _key(settings: Settings, city: Jurisdiction) -> str:
    """The key of a city's web page: every process knows it, and nothing stores it."""
    purpose = f"web\0{city.jurisdiction_id}"
    return secrets.derive(settings.secret_keys[-1], purpose).hex()


async def find(context: Context, city: Jurisdiction, form_key: str) -> Filed:
    """What came of a form, for as long as its key is remembered. Raises NotFound."""
    jurisdiction_id = city.jurisdiction_id
    async with context.db.begin(jurisdiction_id) as connection:
        api_key = _key(context.settings, city)
        try:
            key = await keys.check(connection, jurisdiction_id, api_key, "requests")
        except Forbidden:
            raise NotFound("Nothing was reported here on the web.") from None
        names = {"jurisdiction_id": jurisdiction_id, "key_id": key.key_id}
        names["idempotency_key"] = form_key
        receipt = await idempotency.find(connection, names, wire.Receipt)
        request_id, token = receipt.service_request_id or None, receipt.token or None
        if token is not None:
            request_id = (await tokens.find(connection, jurisdiction_id, token)).service_request_id
    is_public = request_id is not None and await _is_public(context, city, request_id)
    return Filed(request_id, token, receipt.service_notice, is_public)


async def _is_public(context: Context, city: Jurisdiction, request_id: str) -> bool:
    async with context.db.begin(city.jurisdiction_id) as connection:
        try:
            await search.find_one(connection, city.jurisdiction_id, request_id, extensions=False)
        except NotFound:
            return False
    return True
