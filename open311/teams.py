"""Which team a request goes to: by service, service area, ward, nearest base, and load."""

from pathlib import Path

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311.services import Service

_STAND = text(Path(__file__).with_name("teams.sql").read_text())

_SERVICES = {1: "does this service", 2: "does this group of services", 3: "does every service"}
_PLACES = {1: "has this area", 2: "has this ward", 3: "goes everywhere"}


class Where(Struct, frozen=True):
    """Where a request lies: degrees (WGS84), both or neither, and its ward's code if it is known.

    Otherwise it is that of the ward around the point.
    """

    lat: float | None = None
    long: float | None = None
    ward: str | None = None


class Standing(Struct, frozen=True):
    """How a team stands to a request; of `by_service` and `by_place` the smaller comes first."""

    team: str
    name: str
    active: bool
    by_service: int | None
    """1: named by its code, 2: by its group, 3: the team does everything; None: not its work."""
    by_place: int | None
    """1: one of its areas, 2: one of its wards, 3: it goes everywhere; None: not its place."""
    kilometres: float | None
    """From its base, to the kilometre."""
    open: int | None
    """Its open requests, at most 1000; counted where nothing before decided."""
    able: bool


async def stand(
    connection: AsyncConnection, jurisdiction_id: str, service: Service, where: Where
) -> list[Standing]:
    """Every team of the jurisdiction, the one that gets the request first, if any is `able`."""
    names = {
        "jurisdiction_id": jurisdiction_id,
        "service_code": service.service_code,
        "group": service.group,
        "lat": where.lat,
        "long": where.long,
        "ward": where.ward,
    }
    rows = (await connection.execute(_STAND, names)).mappings()
    return [msgspec.convert(dict(row), Standing) for row in rows]


def choose(standings: list[Standing], service: Service) -> str | None:
    """The team that gets the request; the service's own one when no rule fits."""
    if standings and standings[0].able:
        return standings[0].team
    return service.team


async def assign(
    connection: AsyncConnection, jurisdiction_id: str, service: Service, where: Where
) -> str | None:
    """The team of a new request."""
    return choose(await stand(connection, jurisdiction_id, service, where), service)


def explain(standings: list[Standing], service: Service) -> list[str]:
    """Why it is that team: a line for each team that was considered, and one for the outcome."""
    best = standings[0] if standings and standings[0].able else None
    lines = [f"{each.team} ({each.name}): {_reason(each, best)}" for each in standings]
    chosen = choose(standings, service)
    if best is not None:
        return [*lines, f"-> {chosen}"]
    return [*lines, f"-> {chosen or 'nobody'}: no team fits, so the service's own"]


def _reason(each: Standing, best: Standing | None) -> str:
    if not each.active:
        return "out: not active"
    if each.by_service is None:
        return "out: not its service"
    if each.by_place is None:
        return "out: not its area or ward"
    facts = [_SERVICES[each.by_service], _PLACES[each.by_place]]
    if each.kilometres is not None:
        facts.append(f"base at {each.kilometres:.0f} km")
    if each.open is not None:
        facts.append(f"{each.open} open")
    verdict = "gets it" if each is best or best is None else f"after {best.team} {_why(each, best)}"
    return f"{', '.join(facts)}; {verdict}"


def _why(each: Standing, best: Standing) -> str:
    """The first rule in which they differ."""
    if each.by_service != best.by_service:
        return "by service"
    if each.by_place != best.by_place:
        return "by area or ward"
    if each.kilometres != best.kilometres:
        return "by distance"
    return "by load" if each.open != best.open else "by their order in the catalogue"
