"""Load the demo: two cities, their catalogues, and the requests that their people really filed."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct
from sqlalchemy import text

from open311 import boundaries, db, keys, place_names, places
from open311.db import Database
from open311.settings import Settings

HERE = Path(__file__).parent
API_KEY = "demo"
"""The key that everybody knows: for the demo's cities, not for their test endpoints."""


class City(Struct, frozen=True):
    """A city of the demo; its files lie beside this module."""

    jurisdiction_id: str
    catalogue: str
    boundary: str
    requests: str
    columns: Mapping[str, str]


CITIES = (
    City(
        "capetown.gov.za",
        "capetown.yaml",
        "../geo/data/za_municipalities.geojson.gz",
        "capetown_requests.csv.gz",
        {
            "service_request_id": "notification_number",
            "service_code": "code",
            "requested_datetime": "creation_timestamp",
            "closed_datetime": "completion_timestamp",
            "agency_responsible": "department",
            "lat": "latitude",
            "long": "longitude",
        },
    ),
    City(
        "boston.gov",
        "boston.yaml",
        "boston.geojson.gz",
        "boston_requests.parquet",
        {
            "service_request_id": "case_enquiry_id",
            "service_code": "type",
            "description": "case_title",
            "requested_datetime": "open_dt",
            "closed_datetime": "closed_dt",
            "agency_responsible": "department",
            "lat": "latitude",
            "long": "longitude",
            "channel": "source",
        },
    ),
)

_LOADED = text("""
select exists (
    select from event
    where jurisdiction_id = :jurisdiction_id and subject = :subject and kind = 'demo.loaded'
)
""")
_RECORD = text("""
insert into event (jurisdiction_id, kind, subject, actor)
values (:jurisdiction_id, 'demo.loaded', :subject, 'demo')
""")


async def load(settings: Settings, report: Callable[[str], object] = print) -> None:
    """Load what is not there yet, and nothing twice; quick when there is nothing to do."""
    async with db.connected(settings) as database:
        await _load_places(settings, database, report)
        for city in CITIES:
            names = {"jurisdiction_id": city.jurisdiction_id, "subject": _digest(city)}
            async with database.begin(city.jurisdiction_id) as connection:
                loaded = (await connection.execute(_LOADED, names)).scalar_one()
            if not loaded:
                await _load_city(settings, database, city, report)
                async with database.begin(city.jurisdiction_id) as connection:
                    await connection.execute(_RECORD, names)
            await keys.ensure(
                database, city.jurisdiction_id, API_KEY, "Demo", keys.SCOPES, rate_class="demo"
            )


async def _load_places(
    settings: Settings, database: Database, report: Callable[[str], object]
) -> None:
    async with database.shared() as connection:
        if not await place_names.is_loaded(connection):
            names = await place_names.load_gazetteer(connection)
            report(f"{names} names of places loaded")
    if loaded := await boundaries.load_packaged(database):
        from ingest import history

        await history.analyze(settings, "boundary, boundary_part")
        report(f"{loaded} boundaries loaded")


def _digest(city: City) -> str:
    """Names the files as they are: when an upgrade brings others, they are loaded again."""
    names = (city.catalogue, city.boundary, city.requests)
    return hashlib.sha256(b"".join((HERE / name).read_bytes() for name in names)).hexdigest()


async def _load_city(
    settings: Settings, database: Database, city: City, report: Callable[[str], object]
) -> None:
    # a second of imports that later starts do not need
    from ingest import history
    from open311 import catalogue

    await catalogue.load(database, catalogue.read(HERE / city.catalogue), actor="demo")
    refused = Path(settings.var_dir) / f"{city.jurisdiction_id}.refused.csv"
    source = history.Source(HERE / city.requests, city.columns)
    counts = await history.import_file(
        database, city.jurisdiction_id, source, refused, actor="demo"
    )
    await history.analyze(settings)
    await places.derive_wards(database, city.jurisdiction_id)
    report(f"{city.jurisdiction_id}: {counts.inserted} requests of the demo loaded")
