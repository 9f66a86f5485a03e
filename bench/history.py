"""How fast history goes in: python bench/history.py [--rows 300000]

Imports a CSV made of the demo's requests into an indexed table under row-level security, in a
database of its own on the server of DATABASE_URL, and compares with a bare COPY of the same file.
"""

import asyncio
import csv
import gzip
import os
import tempfile
import time
import uuid
from pathlib import Path

import click
import msgspec
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from demo.load import CITIES, HERE
from ingest import history
from open311 import catalogue, db
from open311.environment import from_environment
from open311.migrate import migrate
from open311.settings import Settings

CITY = CITIES[0]


@click.command()
@click.option("--rows", default=300_000, show_default=True)
def main(rows: int) -> None:
    """Print rows a second, and the ratio to a bare COPY."""
    given = from_environment(os.environ)
    name = f"bench_{uuid.uuid4().hex[:12]}"
    admin = db.owner_url(given)
    asyncio.run(run_sql(admin, f"create database {name}"))
    url = admin.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    settings = msgspec.structs.replace(given, database_url=url)
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "history.csv"
            write(file, rows)
            asyncio.run(measure(settings, file, rows))
    finally:
        asyncio.run(run_sql(admin, f"drop database {name} with (force)"))
        for role in db.ROLES:
            asyncio.run(run_sql(admin, f"drop role if exists {name}_{role}"))


def write(file: Path, rows: int) -> None:
    """The demo's rows again and again, under numbers of their own."""
    with gzip.open(HERE / CITY.requests, "rt", newline="") as source:
        header, *real = csv.reader(source)
    with file.open("w", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(header)
        writer.writerows([f"{n:012}", *real[n % len(real)][1:]] for n in range(rows))


async def measure(settings: Settings, file: Path, rows: int) -> None:
    """Import the file into the server's own table, and copy it into a bare one."""
    await migrate(settings)
    async with db.connected(settings) as database:
        await catalogue.load(database, catalogue.read(HERE / CITY.catalogue))
        begin = time.perf_counter()
        source = history.Source(file, CITY.columns)
        counts = await history.import_file(
            database, CITY.jurisdiction_id, source, file.with_suffix(".refused.csv")
        )
        imported = time.perf_counter() - begin
    assert counts.inserted == rows, counts
    bare = await bare_copy(settings, file)
    print(f"import: {rows / imported:,.0f} rows a second ({rows:,} rows in {imported:.1f} s)")
    print(f"bare COPY of the same file, no index: {rows / bare:,.0f} rows a second")
    print(f"ratio: {imported / bare:.1f}")


async def bare_copy(settings: Settings, file: Path) -> float:
    """Seconds that COPY takes into a table of texts without index, policy or check."""
    header = file.open().readline().strip().split(",")
    engine = create_async_engine(db.owner_url(settings))
    async with engine.begin() as connection:
        columns = ", ".join(f"{name} text" for name in header)
        await connection.exec_driver_sql(f"create table bare ({columns})")
        driver = (await connection.get_raw_connection()).driver_connection
        begin = time.perf_counter()
        await driver.copy_to_table("bare", source=file, format="csv", header=True)
        seconds = time.perf_counter() - begin
    await engine.dispose()
    return seconds


async def run_sql(url: sqlalchemy.URL, statement: str) -> None:
    """One statement outside a transaction."""
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(statement)
    await engine.dispose()


if __name__ == "__main__":
    main()
