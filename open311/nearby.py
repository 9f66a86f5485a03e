"""Open requests that may be of the same fault, to look at before filing it again."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import dates, search, services
from open311.errors import BadInput
from open311.forms import Fields
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings


async def find(
    connection: AsyncConnection, settings: Settings, jurisdiction: Jurisdiction, fields: Fields
) -> Sequence[Row[Any]]:
    """Those of a service around a point, nearest first; how far, the caller says or the service.

    Raises BadInput, or NotFound for a service that there is not.
    """
    service_code = fields.text("service_code")
    if service_code is None:
        raise BadInput("service_code, lat and long are needed.")
    service = await services.find(connection, jurisdiction, service_code)
    metres, span = services.duplicates_within(service, settings)
    circle = search.read_circle(fields, metres)
    if circle is None:
        raise BadInput("service_code, lat and long are needed.")
    return await search.find_nearby(
        connection, jurisdiction.jurisdiction_id, circle, service_code, dates.now() - span
    )
