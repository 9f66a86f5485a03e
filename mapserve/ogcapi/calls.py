"""What all calls of OGC API have in common: whom they are of, and the form of their answers."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import HttpMethod, Request, Response
from litestar.response import Template

from mapserve.answers import answer
from mapserve.ogcapi import pages
from mapserve.ogcapi.negotiation import HTML, MEDIA_TYPES
from open311 import accounts, jurisdictions
from open311.accounts import Account
from open311.context import Context
from open311.forms import Fields, read_query
from open311.jurisdictions import Jurisdiction

Answer = Response[bytes] | Template
READ = [HttpMethod.GET, HttpMethod.HEAD]
FORM_ONLY = ("f",)
"""The parameters of documents that have no others."""


def root_of(context: Context, city: Jurisdiction) -> str:
    """The address of a city's landing page, without the slash."""
    return f"{context.settings.address}/maps/{city.jurisdiction_id}"


async def begin(
    request: Request[Any, Any, Any], context: Context, jurisdiction_id: str
) -> tuple[Jurisdiction, Fields, Account | None]:
    """The municipality of a call, its parameters, and who calls if they say so.

    Raises NotFound and BadInput; Unauthorized for wrong credentials.
    """
    city = await jurisdictions.find(context.db, jurisdiction_id)
    fields = await read_query(request, context.settings)
    return city, fields, await accounts.identify(request, context)


def told_as(
    request: Request[Any, Any, Any],
    form: str,
    document: Any,
    template: str,
    shown: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """A document in its form: a page shows it, programs get it as JSON."""
    if form == HTML:
        return pages.page(template, {"document": document, **shown})
    more = {"Vary": "Accept, Accept-Encoding", **(headers or {})}
    return answer(request, msgspec.json.encode(document), MEDIA_TYPES[form], more)
