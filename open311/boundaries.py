"""Boundaries of municipalities, wards and areas: one version after the other, none ever forgotten.

They are reference data of the whole installation, and belong to no jurisdiction.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import shapely
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.boundary_files import PACKAGED, Boundary, packaged
from open311 import events, jurisdictions, place_names
from open311.db import Database
from open311.errors import BadInput

KINDS = ("district", "municipality", "ward", "suburb", "service-area")
OF_CITIES = ("suburb", "service-area")
"""Kinds that each municipality has for itself."""

_SOURCE = "Municipal Demarcation Board 2020, Natural Earth"

_LOCK = text("select pg_advisory_xact_lock(hashtext('boundaries'))")
_TAKE_TIME = text("set local statement_timeout = '10min'")
_CLEAR = text("""
delete from boundary
where kind = :kind and valid_from = :valid_from
    and (cast(:within as text) is null or parent_code = :within)
""")
_STORE = text(Path(__file__).with_suffix(".sql").read_text())
_VERSIONS = text("""
select kind, valid_from, valid_to, source, count(*) as number
from boundary
group by kind, valid_from, valid_to, source
order by kind, valid_from, source
""")
_ARE_THERE = text("select exists (select from boundary where kind = 'ward')")
# They are of 2020. Whatever was reported before has no better ones, until somebody imports them.
_EARLIEST = date(1994, 1, 1)


class Version(Struct, frozen=True):
    """Boundaries of a kind that came together: from when, until when (not included), how many."""

    kind: str
    valid_from: date
    valid_to: date | None
    source: str
    number: int


async def replace(
    db: Database,
    kind: str,
    boundaries: Sequence[Boundary],
    valid_from: date,
    source: str,
    within: str | None = None,
) -> None:
    """Store a version of a kind, instead of one that began on the same day; all of it, or nothing.

    `within` is the municipality whose areas they are; those of others stay. Raises BadInput.
    """
    if kind in OF_CITIES and within is None:
        raise BadInput(f"Whose they are has to be said: each municipality has its own {kind}s.")
    async with db.shared() as connection:
        await _store(connection, kind, boundaries, valid_from, source, within)
        await place_names.name_boundaries(connection)
    for city in await jurisdictions.list_all(db):
        async with db.begin(city.jurisdiction_id) as connection:
            await events.announce(connection, city.jurisdiction_id, None)


async def _store(
    connection: AsyncConnection,
    kind: str,
    boundaries: Sequence[Boundary],
    valid_from: date,
    source: str,
    within: str | None,
) -> None:
    scope = {"kind": kind, "valid_from": valid_from, "within": within}
    await connection.execute(_LOCK)
    await connection.execute(_TAKE_TIME)
    await connection.execute(_CLEAR, scope)
    columns = {
        "codes": [each.code for each in boundaries],
        "names": [each.name for each in boundaries],
        "parents": [each.parent_code for each in boundaries],
        "shapes": [shapely.to_wkb(each.area) for each in boundaries],
    }
    await connection.execute(_STORE, scope | columns | {"source": source})


async def load_packaged(db: Database) -> int:
    """Store South Africa's boundaries and its neighbours; 0 when there are wards already."""
    async with db.shared() as connection:
        if (await connection.execute(_ARE_THERE)).scalar_one():
            return 0
        for kind, name in PACKAGED.items():
            await _store(connection, kind, packaged(name), _EARLIEST, _SOURCE, None)
        await place_names.name_boundaries(connection)
    return sum(len(packaged(name)) for name in PACKAGED.values())


async def list_versions(db: Database) -> list[Version]:
    """Every version, by kind and day."""
    async with db.shared() as connection:
        return [Version(*row) for row in await connection.execute(_VERSIONS)]
