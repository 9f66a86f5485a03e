"""The services of a jurisdiction: their list, their definitions, and what answers they accept."""

from collections.abc import Callable
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Struct
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from open311 import wire
from open311.dates import format_instant, parse_instant
from open311.errors import BadInput, NotFound
from open311.forms import parse_number
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

_CATALOGUE = text("""
select service_code, service_name, description, attributes, type, keywords, "group", sla_hours,
    duplicate_metres, duplicate_days, sensitive, agency_responsible, service_notice, team
from service
where jurisdiction_id = :jurisdiction_id and active
order by position, service_code
""").columns(attributes=JSONB)


class Service(Struct, frozen=True):
    """A kind of request that a jurisdiction takes, with what filing one needs to know."""

    service_code: str
    service_name: str
    description: str
    attributes: list[wire.Attribute]
    type: wire.ServiceType
    keywords: list[str]
    group: str
    sla_hours: int | None
    duplicate_metres: int | None
    duplicate_days: int | None
    sensitive: bool
    agency_responsible: str | None
    service_notice: str | None
    team: str | None


Catalogue = dict[str, Service]


def duplicates_within(service: Service, settings: Settings) -> tuple[float, timedelta]:
    """How near (metres) and how recent an open request of a service may be the same fault.

    A burst pipe is heard of along a street, a pothole is where it is: each may say its own.
    """
    metres = service.duplicate_metres or settings.duplicate_metres
    return metres, timedelta(days=service.duplicate_days or settings.duplicate_days)


# The services of a jurisdiction as of its changeset, which moves with every change of them; only
# the latest is kept.
_known: WeakKeyDictionary[AsyncEngine, dict[str, tuple[datetime, Catalogue]]] = WeakKeyDictionary()


async def catalogue(connection: AsyncConnection, jurisdiction: Jurisdiction) -> Catalogue:
    """The active services by their codes, in the order of the jurisdiction's own file."""
    known = _known.setdefault(connection.engine, {})
    changeset, services = known.get(jurisdiction.jurisdiction_id, (None, {}))
    if changeset != jurisdiction.changeset:
        names = {"jurisdiction_id": jurisdiction.jurisdiction_id}
        rows = (await connection.execute(_CATALOGUE, names)).mappings()
        services = {row["service_code"]: msgspec.convert(dict(row), Service) for row in rows}
        known[jurisdiction.jurisdiction_id] = jurisdiction.changeset, services
    return services


async def list_services(
    connection: AsyncConnection, jurisdiction: Jurisdiction
) -> list[wire.Service]:
    """The active services as the standard lists them."""
    return [
        wire.Service(
            service_code=service.service_code,
            service_name=service.service_name,
            description=service.description,
            metadata=bool(service.attributes),
            type=service.type,
            keywords=",".join(service.keywords),
            group=service.group,
        )
        for service in (await catalogue(connection, jurisdiction)).values()
    ]


async def find(
    connection: AsyncConnection, jurisdiction: Jurisdiction, service_code: str
) -> Service:
    """One active service. Raises NotFound when the jurisdiction does not offer it."""
    service = (await catalogue(connection, jurisdiction)).get(service_code)
    if service is None:
        where = jurisdiction.jurisdiction_id
        raise NotFound(f"service_code {service_code[:80]!r} does not exist in {where}.")
    return service


def definition(service: Service) -> wire.ServiceDefinition:
    """The questions of a service; none is an empty list, not an error."""
    return wire.ServiceDefinition(service.service_code, service.attributes)


def check_answers(
    service: Service, answers: dict[str, list[str]], zone: ZoneInfo
) -> tuple[dict[str, str | list[str]], list[str]]:
    """Check the answers to a service's attributes: what to store, and what is wrong with them.

    An attribute that the service does not know is kept as it came: clients cache definitions.
    """
    known = {attribute.code: attribute for attribute in service.attributes}
    kept: dict[str, str | list[str]] = {}
    wrong: list[str] = []
    for code, attribute in known.items():
        values = answers.get(code, [])
        try:
            checked = [_DATATYPES[attribute.datatype](attribute, v, zone) for v in values]
            _check_count(attribute, checked)
        except BadInput as error:
            wrong += error.descriptions
            continue
        if checked:
            many = attribute.datatype is wire.Datatype.MULTIVALUELIST
            kept[code] = checked if many else checked[0]
    for code, values in answers.items():
        if code not in known and values:
            kept[code] = values[0] if len(values) == 1 else values
    return kept, wrong


def _check_count(attribute: wire.Attribute, values: list[str]) -> None:
    if attribute.variable and attribute.required and not values:
        raise BadInput(f"attribute[{attribute.code}] is required: {attribute.description}")
    if len(values) > 1 and attribute.datatype is not wire.Datatype.MULTIVALUELIST:
        raise BadInput(f"attribute[{attribute.code}] takes one value.")


def _as_text(_attribute: wire.Attribute, value: str, _zone: ZoneInfo) -> str:
    return value


def _as_number(attribute: wire.Attribute, value: str, _zone: ZoneInfo) -> str:
    try:
        parse_number(value)
    except ValueError:
        raise BadInput(f"attribute[{attribute.code}] must be a number.") from None
    return value.strip()


def _as_datetime(attribute: wire.Attribute, value: str, zone: ZoneInfo) -> str:
    return format_instant(parse_instant(value, zone, f"attribute[{attribute.code}]"))


def _as_key(attribute: wire.Attribute, value: str, _zone: ZoneInfo) -> str:
    keys = [] if attribute.values is UNSET else [choice.key for choice in attribute.values]
    if value not in keys:
        raise BadInput(f"attribute[{attribute.code}] must be one of {', '.join(keys)}.")
    return value


_DATATYPES: dict[wire.Datatype, Callable[[wire.Attribute, str, ZoneInfo], str]] = {
    wire.Datatype.STRING: _as_text,
    wire.Datatype.TEXT: _as_text,
    wire.Datatype.NUMBER: _as_number,
    wire.Datatype.DATETIME: _as_datetime,
    wire.Datatype.SINGLEVALUELIST: _as_key,
    wire.Datatype.MULTIVALUELIST: _as_key,
}
