"""The municipalities that one installation serves, found by the standard's `jurisdiction_id`."""

import time
from datetime import datetime
from typing import Annotated, Literal
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311.db import Database
from open311.errors import NotFound

_COLUMNS = "jurisdiction_id, name, time_zone, languages, contact, settings, changeset, test_of"
_FIND = text(f"select {_COLUMNS} from jurisdiction where jurisdiction_id = :jurisdiction_id")  # noqa: S608
_LIST = text(f"select {_COLUMNS} from jurisdiction order by jurisdiction_id")  # noqa: S608
_COVERS = text("""
select boundary is null or st_covers(boundary, st_setsrid(st_makepoint(:long, :lat), 4326))
from jurisdiction where jurisdiction_id = :jurisdiction_id
""")

_AROUND = text("""
select jurisdiction_id from jurisdiction
where test_of is null and st_covers(boundary, st_setsrid(st_makepoint(:long, :lat), 4326))
order by st_area(boundary), jurisdiction_id
limit 1
""")

CACHE_SECONDS = 3.0
MOST_SUBURBS = 9
"""With one more for none of them, as many as a list of WhatsApp has."""


class JurisdictionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What a municipality decides for itself; its catalogue says it."""

    outside_boundary: Annotated[
        Literal["reject", "accept"],
        Meta(description="What becomes of a report whose point lies outside the boundary."),
    ] = "reject"
    emergency: Annotated[
        str,
        Meta(description="Whom a citizen in danger is told to call: `112`, or several numbers."),
    ] = "112"
    categories: Annotated[
        dict[str, str],
        Meta(
            description="Which service a category of messages is, such as `WATER_LEAK: BURST-PIPE`;"
            " those left out go by the names of the services ([languages.md](languages.md))."
        ),
    ] = {}
    suburbs: Annotated[
        list[str],
        Meta(
            max_length=MOST_SUBURBS,
            description="What citizens who write no place that is known are asked to choose from, "
            f"{MOST_SUBURBS} at most; where there are none, where the latest requests are.",
        ),
    ] = []
    hex_minimum: Annotated[
        int,
        Meta(
            ge=1,
            description="Maps show no hexagon of fewer requests; above 1 they show hexagons only, "
            "rounded down to multiples of it, and no single requests.",
        ),
    ] = 1


class Jurisdiction(Struct, frozen=True):
    """One municipality. Its boundary stays in the database: what needs it is asked there."""

    jurisdiction_id: str
    name: str
    time_zone: str
    languages: list[str]
    contact: str
    settings: JurisdictionSettings
    changeset: datetime
    test_of: str | None
    """The jurisdiction that this one is the test endpoint of, if it is one."""


# Every call looks its jurisdiction up, and the answer hardly ever changes: what was found is kept
# until its catalogue is said to have changed, and no longer than CACHE_SECONDS, so it is in force
# everywhere after those. Only what exists is kept, so strangers asking for made-up names cannot
# fill the memory.
_found: WeakKeyDictionary[Database, dict[str, tuple[float, Jurisdiction]]] = WeakKeyDictionary()


async def find(db: Database, jurisdiction_id: str) -> Jurisdiction:
    """One jurisdiction, in whatever case its id is written. Raises NotFound."""
    jurisdiction_id = jurisdiction_id.strip().lower()
    known = _found.setdefault(db, {})
    until, jurisdiction = known.get(jurisdiction_id, (0.0, None))
    if jurisdiction is None or until < time.monotonic():
        jurisdiction = await _read(db, jurisdiction_id)
        known[jurisdiction_id] = time.monotonic() + CACHE_SECONDS, jurisdiction
    return jurisdiction


def forget(db: Database) -> None:
    """Look everything up again: a catalogue changed. What is being read now is not kept either."""
    _found.pop(db, None)


async def list_all(db: Database) -> list[Jurisdiction]:
    """Every jurisdiction, the test endpoints (`test_of` is set) too, ordered by id."""
    async with db.shared() as connection:
        rows = (await connection.execute(_LIST)).mappings().all()
    return [msgspec.convert(dict(row), Jurisdiction) for row in rows]


async def covers(
    connection: AsyncConnection, jurisdiction_id: str, lat: float, long: float
) -> bool:
    """Whether a point (degrees) lies in the jurisdiction, its border included."""
    point = {"jurisdiction_id": jurisdiction_id, "lat": lat, "long": long}
    return bool((await connection.execute(_COVERS, point)).scalar_one())


async def around(db: Database, lat: float, long: float) -> Jurisdiction:
    """The jurisdiction that a point (degrees) lies in; of several, that of the smallest area.

    Raises NotFound.
    """
    async with db.shared() as connection:
        found = await connection.execute(_AROUND, {"lat": lat, "long": long})
    jurisdiction_id = found.scalar_one_or_none()
    if jurisdiction_id is None:
        raise NotFound(f"lat {lat} and long {long} lie in no jurisdiction of this installation.")
    return await find(db, jurisdiction_id)


def test_id(jurisdiction_id: str) -> str:
    """The id of a jurisdiction's test endpoint."""
    return f"test.{jurisdiction_id}"


async def _read(db: Database, jurisdiction_id: str) -> Jurisdiction:
    # PostgreSQL cannot even be asked for a text with a NUL in it.
    if "\0" not in jurisdiction_id:
        async with db.shared() as connection:
            found = await connection.execute(_FIND, {"jurisdiction_id": jurisdiction_id})
        row = found.mappings().one_or_none()
        if row is not None:
            return msgspec.convert(dict(row), Jurisdiction)
    raise NotFound(f"jurisdiction_id {jurisdiction_id[:80]!r} does not exist here.")
