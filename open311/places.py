"""Where points lie: municipality, district and ward, by the boundaries in the database.

The rules are those of `geo.routing`.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.routing import MOST_METRES, NotHere, Routed
from open311.db import Database

_LOCATE = text((Path(__file__).parent / "places_locate.sql").read_text())
_DERIVE = text("""
with batch as (
    select service_request_id,
        ward_of(geom, cast(requested_datetime at time zone time_zone as date)) as ward
    from service_request r join jurisdiction using (jurisdiction_id)
    where jurisdiction_id = :jurisdiction_id and geom is not null
        and service_request_id > :after
    order by service_request_id
    limit :most
), changed as (
    update service_request r
    set ward = batch.ward
    from batch
    where r.jurisdiction_id = :jurisdiction_id
        and r.service_request_id = batch.service_request_id
        and r.ward is distinct from batch.ward
    returning 1
)
select (select max(service_request_id) from batch) as last,
    (select count(*) from batch) as looked_at, (select count(*) from changed) as changed
""")
_COUNT = text("""
select count(*) from service_request where jurisdiction_id = :jurisdiction_id and geom is not null
""")
_BATCH = 5000
_DEGREES_PER_METRE = 1 / 80_000  # of longitude, where it is widest at these latitudes

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


async def locate(
    connection: AsyncConnection,
    lat: float,
    long: float,
    day: date,
    most_metres: float = MOST_METRES,
) -> Routed:
    """The municipality and ward of a point (degrees, WGS84) on a day.

    Raises NotHere for a point in another country, or farther from any municipality than
    `most_metres`.
    """
    degrees = max(0.01, most_metres * _DEGREES_PER_METRE)
    names = {"lat": lat, "long": long, "day": day, "degrees": degrees}
    row = (await connection.execute(_LOCATE, names)).one_or_none()
    if row is not None and row.kind == "country" and row.metres <= most_metres:
        raise NotHere(lat, long, most_metres, row.name)
    if row is None or row.metres > most_metres:
        raise NotHere(lat, long, most_metres)
    how = "nearest" if row.metres else "inside"
    return Routed(row.code, row.name, row.district, row.ward, how, row.metres)


async def derive_wards(
    db: Database, jurisdiction_id: str, progress: Progress = lambda _done, _size: None
) -> int:
    """Give each request the ward in which it lay on its day; how many had another, or none.

    In batches, each in a transaction of its own: may be interrupted, and done again.
    """
    after, done, changed = "", 0, 0
    async with db.begin(jurisdiction_id) as connection:
        names = {"jurisdiction_id": jurisdiction_id}
        size = (await connection.execute(_COUNT, names)).scalar_one()
    while True:
        batch = names | {"after": after, "most": _BATCH}
        async with db.begin(jurisdiction_id) as connection:
            row = (await connection.execute(_DERIVE, batch)).one()
        changed += row.changed
        done += row.looked_at
        progress(done, size)
        if row.looked_at < _BATCH:
            return int(changed)
        after = row.last
