"""The services of a jurisdiction: their list, their definitions, and what answers they accept."""

import math
from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Struct
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import wire
from open311.dates import format_instant, parse_instant
from open311.errors import BadInput, NotFound

_LIST = text("""
select service_code, service_name, description, attributes, type, keywords, "group"
from service
where jurisdiction_id = :jurisdiction_id and active
order by position, service_code
""").columns(attributes=JSONB)
_FIND = text("""
select service_code, service_name, type, attributes, sla_hours, sensitive,
    agency_responsible, service_notice, team
from service
where jurisdiction_id = :jurisdiction_id and service_code = :service_code and active
""").columns(attributes=JSONB)


class Service(Struct, frozen=True):
    """What filing a request needs to know of its service."""

    service_code: str
    service_name: str
    type: wire.ServiceType
    attributes: list[wire.Attribute]
    sla_hours: int | None
    sensitive: bool
    agency_responsible: str | None
    service_notice: str | None
    team: str | None


async def list_services(connection: AsyncConnection, jurisdiction_id: str) -> list[wire.Service]:
    """The active services in the order of the jurisdiction's own file."""
    rows = await connection.execute(_LIST, {"jurisdiction_id": jurisdiction_id})
    return [
        wire.Service(
            service_code=row.service_code,
            service_name=row.service_name,
            description=row.description,
            metadata=bool(row.attributes),
            type=wire.ServiceType(row.type),
            keywords=",".join(row.keywords),
            group=row.group,
        )
        for row in rows
    ]


async def find(connection: AsyncConnection, jurisdiction_id: str, service_code: str) -> Service:
    """One active service. Raises NotFound when the jurisdiction does not offer it."""
    found = await connection.execute(
        _FIND, {"jurisdiction_id": jurisdiction_id, "service_code": service_code}
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound(f"service_code {service_code[:80]!r} does not exist in {jurisdiction_id}.")
    return msgspec.convert(dict(row), Service)


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
            _check_number(attribute, checked)
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


def _check_number(attribute: wire.Attribute, values: list[str]) -> None:
    if attribute.variable and attribute.required and not values:
        raise BadInput(f"attribute[{attribute.code}] is required: {attribute.description}")
    if len(values) > 1 and attribute.datatype is not wire.Datatype.MULTIVALUELIST:
        raise BadInput(f"attribute[{attribute.code}] takes one value.")


def _as_text(_attribute: wire.Attribute, value: str, _zone: ZoneInfo) -> str:
    return value


def _as_number(attribute: wire.Attribute, value: str, _zone: ZoneInfo) -> str:
    try:
        if not math.isfinite(float(value)):
            raise ValueError
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
