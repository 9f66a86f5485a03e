"""Fill the table of places: the gazetteer, the names of boundaries, and cities' own addresses."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import gazetteer
from geo.candidates import Listed
from geo.gazetteer import Source

ADDRESSES = "addresses"
BOUNDARIES = "boundaries"

_CHUNK = 20_000
# A municipality mostly has the name of its town, and whoever says it means the town.
_BOUNDARY_WEIGHT = 0.3
_WARD_WEIGHT = 0.1

_LOCK = text("select pg_advisory_xact_lock(hashtext('place names'))")
# a city has a million addresses
_TAKE_TIME = text("set local statement_timeout = '10min'")
_IS_LOADED = text("select exists (select from place where source = 'wof')")
_CLEAR_GAZETTEER = text("delete from place where source not in ('addresses', 'boundaries')")
_CLEAR_BOUNDARIES = text("delete from place where source = 'boundaries'")
_CLEAR_ADDRESSES = text("""
delete from place where source = 'addresses' and municipality_code = :municipality_code
""")
_INSERT = text("""
insert into place (name, search, kind, municipality_code, geom, address_id, weight, source)
select name, search, kind, municipality_code, st_setsrid(st_makepoint(long, lat), 4326),
    address_id, weight, source
from unnest(
    cast(:names as text[]), cast(:searches as text[]), cast(:kinds as text[]),
    cast(:municipality_codes as text[]), cast(:lats as double precision[]),
    cast(:longs as double precision[]), cast(:address_ids as text[]), cast(:weights as real[]),
    cast(:sources as text[])
) as row (name, search, kind, municipality_code, lat, long, address_id, weight, source)
""")
_BOUNDARIES = text("""
select kind, code, name, case kind when 'municipality' then code else parent_code end as inside,
    st_y(point) as lat, st_x(point) as long
from boundary cross join lateral st_pointonsurface(geom) as point
where valid_from <= current_date and (valid_to is null or valid_to > current_date)
order by boundary_id
""")


async def is_loaded(connection: AsyncConnection) -> bool:
    """Whether the gazetteer is there."""
    return bool((await connection.execute(_IS_LOADED)).scalar_one())


async def load_gazetteer(connection: AsyncConnection) -> int:
    """Put the packaged gazetteer in place of an earlier one; how many names it has."""
    await _prepare(connection)
    await connection.execute(_CLEAR_GAZETTEER)
    return await _insert(connection, list(gazetteer.read_gazetteer()))


async def name_boundaries(connection: AsyncConnection) -> int:
    """List the boundaries of today by their own names; again after each import of boundaries.

    How many names there are.
    """
    await _prepare(connection)
    await connection.execute(_CLEAR_BOUNDARIES)
    rows = (await connection.execute(_BOUNDARIES)).all()
    named = [
        Source(_boundary(row, search), BOUNDARIES)
        for row in rows
        for search in gazetteer.names_of_boundary(row.kind, row.code, row.name)
    ]
    return await _insert(connection, named)


async def replace_addresses(
    connection: AsyncConnection, municipality_code: str, listed: Sequence[Source]
) -> int:
    """Put a city's addresses in place of its earlier ones; how many names they have."""
    await _prepare(connection)
    await connection.execute(_CLEAR_ADDRESSES, {"municipality_code": municipality_code})
    return await _insert(connection, listed)


async def _prepare(connection: AsyncConnection) -> None:
    await connection.execute(_LOCK)
    await connection.execute(_TAKE_TIME)


def _boundary(row: Any, search: str) -> Listed:
    weight = _WARD_WEIGHT if row.kind == "ward" else _BOUNDARY_WEIGHT
    shown = search.capitalize() if row.kind == "ward" else row.name
    return Listed(shown, search, row.kind, row.inside, row.lat, row.long, weight=weight)


async def _insert(connection: AsyncConnection, listed: Sequence[Source]) -> int:
    for start in range(0, len(listed), _CHUNK):
        chunk = listed[start : start + _CHUNK]
        places = [each.place for each in chunk]
        await connection.execute(
            _INSERT,
            {
                "names": [place.name for place in places],
                "searches": [place.search for place in places],
                "kinds": [place.kind for place in places],
                "municipality_codes": [place.municipality_code for place in places],
                "lats": [place.lat for place in places],
                "longs": [place.long for place in places],
                "address_ids": [place.address_id for place in places],
                "weights": [place.weight for place in places],
                "sources": [each.source for each in chunk],
            },
        )
    return len(listed)
