"""File a request: who may, what is valid, where it lies, and one transaction that keeps it."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import cells, tiles
from geo.routing import NotHere
from open311 import (
    dates,
    geocoding,
    idempotency,
    identifiers,
    jurisdictions,
    keys,
    media,
    new_request,
    pictures,
    places,
    rates,
    remote_media,
    reporters,
    services,
    teams,
    tokens,
)
from open311.context import Context
from open311.errors import BadInput
from open311.forms import Fields
from open311.geocoding import Address
from open311.jurisdictions import Jurisdiction
from open311.new_request import Faults, NewRequest, Place
from open311.services import Service
from open311.wire import Receipt, ServiceType

_SUBMIT = text(Path(__file__).with_name("submit.sql").read_text())


class Caller(Struct, frozen=True):
    """Who files: the API key as sent, the address for rate limits, and the key for retries."""

    api_key: str | None
    address: rates.Address
    idempotency_key: str | None = None


class Authorized(Struct, frozen=True):
    """A transaction under a key, and the photos that are kept for it."""

    connection: AsyncConnection
    key: keys.ApiKey
    kept: list[media.Kept]


class Outcome(Struct, frozen=True):
    """What the client is told, and what became of it."""

    receipt: Receipt
    replayed: bool = False
    repeats: str | None = None
    has_tasks: bool = False


@asynccontextmanager
async def authorized(
    context: Context, jurisdiction: Jurisdiction, fields: Fields, caller: Caller, scope: str
) -> AsyncIterator[Authorized]:
    """A transaction for a caller who may write, with the photos that came along.

    Photos are decoded and stored only for those who may, and outside of transactions, for they
    take long; when the transaction fails they are taken back. Raises Forbidden or TooMany.
    """
    jurisdiction_id = jurisdiction.jurisdiction_id
    async with context.db.begin(jurisdiction_id) as connection:
        key = await _check_key(connection, context, jurisdiction_id, caller, scope)
        if not fields.files:
            yield Authorized(connection, key, [])
            return
    photos = await pictures.prepare(fields.files, context.settings)
    kept = await media.keep(context.store, jurisdiction_id, photos)
    try:
        async with context.db.begin(jurisdiction_id) as connection:
            yield Authorized(connection, key, kept)
    except BaseException:
        await media.discard(context.store, kept)
        raise


async def _check_key(
    connection: AsyncConnection,
    context: Context,
    jurisdiction_id: str,
    caller: Caller,
    scope: str,
) -> keys.ApiKey:
    """Check the caller's key and take one call from its rate; until then its address is charged."""
    key = await keys.check(connection, jurisdiction_id, caller.api_key, scope)
    await rates.spend_key(context.redis, context.settings, key, caller.address)
    return key


async def submit(
    context: Context, jurisdiction: Jurisdiction, fields: Fields, caller: Caller
) -> Outcome:
    """File a request and answer with its id, its token, or neither, by its service's type.

    Raises Forbidden, TooMany, NotFound (service), Conflict (retry with another body), and BadInput
    with everything that is wrong; then nothing is stored.
    """
    async with authorized(context, jurisdiction, fields, caller, "requests") as allowed:
        filing = _Filing(
            context, jurisdiction, fields, allowed.key, allowed.kept, allowed.connection
        )
        outcome = await _once(filing, caller.idempotency_key)
    if outcome.replayed:
        await media.discard(context.store, allowed.kept)
    elif outcome.has_tasks:
        context.bell.ring()
    return outcome


class _Filing(Struct, frozen=True):
    """One call of `submit`, in its transaction."""

    context: Context
    jurisdiction: Jurisdiction
    fields: Fields
    key: keys.ApiKey
    kept: list[media.Kept]
    connection: AsyncConnection


async def _once(filing: _Filing, idempotency_key: str | None) -> Outcome:
    if idempotency_key is None:
        return await _file(filing)
    names = {
        "jurisdiction_id": filing.jurisdiction.jurisdiction_id,
        "key_id": filing.key.key_id,
        "idempotency_key": idempotency_key,
    }
    seen = idempotency.digest(filing.fields)
    settings = filing.context.settings
    known = await idempotency.recall(filing.connection, settings, names, seen, Receipt)
    if known is not None:
        return Outcome(known, replayed=True)
    outcome = await _file(filing)
    await idempotency.keep(filing.connection, names, seen, outcome.receipt)
    return outcome


async def _file(filing: _Filing) -> Outcome:
    connection, jurisdiction_id = filing.connection, filing.jurisdiction.jurisdiction_id
    service_code = filing.fields.text("service_code")
    if service_code is None:
        raise BadInput("service_code is missing.")
    service = await services.find(connection, filing.jurisdiction, service_code)
    new, answers = await _validate(filing, service)
    reporter_id = await reporters.store(
        connection, filing.context.settings, jurisdiction_id, new.contact
    )
    address = await _find_address(filing, new.place)
    row = _row(filing, service, new, answers) | {"reporter_id": reporter_id}
    row |= _located(new.place, address)
    where = teams.Where(row["lat"], row["long"])
    row["team"] = await teams.assign(connection, jurisdiction_id, service, where)
    request_id, repeats = await _insert(connection, row, address)
    await media.record(connection, jurisdiction_id, filing.kept, service_request_id=request_id)
    receipt = await _receipt(filing, service, request_id)
    copies = await remote_media.plan(
        connection, filing.context.settings, jurisdiction_id, request_id, row["media_urls"]
    )
    is_batch = service.type is ServiceType.BATCH
    return Outcome(receipt, repeats=repeats, has_tasks=copies or is_batch)


async def _validate(filing: _Filing, service: Service) -> tuple[NewRequest, dict[str, Any]]:
    faults = Faults()
    new = new_request.read(filing.fields, filing.context.settings, faults)
    zone = ZoneInfo(filing.jurisdiction.time_zone)
    answers, wrong = services.check_answers(service, filing.fields.attributes, zone)
    faults.extend(wrong)
    faults.tell()
    await _check_inside(filing, new.place)
    return new, answers


async def _check_inside(filing: _Filing, place: Place) -> None:
    """Refuse what lies outside, and say where it lies; always what lies in another country."""
    if place.lat is None or place.long is None:
        return
    where, connection = filing.jurisdiction, filing.connection
    if await jurisdictions.covers(connection, where.jurisdiction_id, place.lat, place.long):
        return
    try:
        lies = await places.locate(connection, place.lat, place.long, dates.now().date())
    except NotHere as elsewhere:
        if where.settings.outside_boundary == "accept" and not elsewhere.country:
            return
        raise BadInput(f"{elsewhere} That is outside {where.name}.") from None
    if where.settings.outside_boundary == "reject":
        raise BadInput(
            f"lat {place.lat} and long {place.long} lie outside {where.name}, "
            f"{'in' if lies.how == 'inside' else 'near'} {lies.name} ({lies.municipality})."
        )


def _row(
    filing: _Filing, service: Service, new: NewRequest, answers: dict[str, Any]
) -> dict[str, Any]:
    now = dates.now()
    place = new.place
    own = [f"/media/{kept.object_key}" for kept in filing.kept]
    return {
        "jurisdiction_id": filing.jurisdiction.jurisdiction_id,
        "service_code": service.service_code,
        "description": new.description,
        "agency_responsible": service.agency_responsible,
        "now": now,
        "since": now - timedelta(minutes=filing.context.settings.repeat_minutes),
        "expected": _expected(service, now),
        "address": place.address_string,
        "address_id": place.address_id,
        "media_urls": own or new.media_urls,
        "attributes": msgspec.json.encode(answers).decode(),
        "channel": filing.key.channel,
        "actor": f"key:{filing.key.key_id}",
        "content_hash": _content_hash(filing.key, service, new),
    }


async def _find_address(filing: _Filing, place: Place) -> Address | None:
    """The address of a report without a point, if it is known for sure and inside."""
    if place.lat is not None:
        return None
    connection, jurisdiction_id = filing.connection, filing.jurisdiction.jurisdiction_id
    least = filing.context.settings.address_score
    found = await geocoding.look_up(
        connection, jurisdiction_id, place.address_id, place.address_string, least
    )
    if found and await jurisdictions.covers(connection, jurisdiction_id, found.lat, found.long):
        return found
    return None


def _located(place: Place, address: Address | None) -> dict[str, Any]:
    """The point, of the report or its address, and the numbers that find it."""
    lat, long = (address.lat, address.long) if address else (place.lat, place.long)
    if lat is None or long is None:
        return {"lat": None, "long": None, "quadkey": None, "h3": None, "cells": None}
    return {
        "lat": lat,
        "long": long,
        "quadkey": tiles.quadkey(long, lat),
        "h3": cells.cell_at(lat, long),
        "cells": cells.map_cells(lat, long),
    }


def _expected(service: Service, now: datetime) -> datetime | None:
    return now + timedelta(hours=service.sla_hours) if service.sla_hours else None


def _content_hash(key: keys.ApiKey, service: Service, new: NewRequest) -> bytes:
    """The same client's same words about the same service and place, for the same device."""
    device = new.contact.device_id or ""
    content = (key.key_id, device, service.service_code, new.description, new.place)
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=16).digest()


async def _insert(
    connection: AsyncConnection, row: dict[str, Any], address: Address | None
) -> tuple[str, str | None]:
    """The new request's id, and that of one of the last minutes that says exactly the same."""
    after = {name: row[name] for name in ("service_code", "lat", "long", "channel", "team")}
    if address:
        after["located"] = msgspec.to_builtins(address)
    told = msgspec.json.encode(after).decode()
    while True:
        ids = {"service_request_id": identifiers.short(), "after": told}
        filed = (await connection.execute(_SUBMIT, row | ids)).one_or_none()
        if filed is not None:
            return filed[0], filed[1]


async def _receipt(filing: _Filing, service: Service, request_id: str) -> Receipt:
    jurisdiction_id = filing.jurisdiction.jurisdiction_id
    match service.type:
        case ServiceType.BATCH:
            token = await tokens.give(filing.connection, jurisdiction_id, request_id)
            return Receipt(token=token, service_notice=service.service_notice)
        case ServiceType.BLACKBOX:
            return Receipt(service_notice=service.service_notice)
        case ServiceType.REALTIME:
            return Receipt(request_id, service_notice=service.service_notice)
