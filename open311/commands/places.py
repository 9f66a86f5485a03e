"""`open311 place …` and `open311 route`: names of places, and who would get a report."""

from pathlib import Path

import click

from geo.gazetteer import Refused, Source, read_addresses, read_rows
from open311 import geocoding, jurisdictions, place_names, services, teams
from open311.commands.installation import Installation, work_on
from open311.db import Database
from open311.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = 20


@click.group()
def place() -> None:
    """Names of places and addresses, by which reports and searches are located."""


@place.command("load")
@click.pass_obj
def load_places(installation: Installation) -> None:
    """Load the South African gazetteer, and the names of the boundaries that were imported."""

    async def load(_: Settings, database: Database) -> str:
        async with database.shared() as connection:
            places = await place_names.load_gazetteer(connection)
            boundaries = await place_names.name_boundaries(connection)
        return f"{places} names of places, {boundaries} of boundaries"

    click.echo(work_on(installation, load))


@place.command("import")
@click.argument("file", type=_FILE)
@click.option("--municipality", required=True, help="Code of the municipality they are of.")
@click.pass_obj
def import_addresses(installation: Installation, file: Path, municipality: str) -> None:
    """Replace a municipality's list of addresses.

    Any format that GDAL reads, gzipped or not; columns address_id, address and perhaps suburb; lat
    and long as columns, or points.
    """
    try:
        rows = list(read_addresses(read_rows(file), municipality))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    taken = [row for row in rows if isinstance(row, Source)]
    refused = [row for row in rows if isinstance(row, Refused)]

    async def store(_: Settings, database: Database) -> str:
        async with database.shared() as connection:
            await place_names.replace_addresses(connection, municipality, taken)
        addresses = len({row.place.address_id for row in taken})
        return f"{municipality}: {addresses} addresses, {len(refused)} rows refused"

    click.echo(work_on(installation, store))
    for row in refused[:_SHOWN]:
        click.echo(f"  row {row.row}: {row.reason}", err=True)
    if len(refused) > _SHOWN:
        click.echo(f"  and {len(refused) - _SHOWN} more", err=True)


@place.command("find")
@click.argument("address")
@click.option("--municipality", help="Code of the municipality whose places come first.")
@click.pass_obj
def find_place(installation: Installation, address: str, municipality: str | None) -> None:
    """Tell what an address in words may mean, the likeliest first."""

    async def find(_: Settings, database: Database) -> str:
        async with database.shared() as connection:
            found = await geocoding.find(connection, address, municipality)
        return "\n".join(_line(candidate) for candidate in found) or "nothing"

    click.echo(work_on(installation, find))


def _line(found: geocoding.Candidate) -> str:
    where = f"{found.name} ({found.kind}, {found.municipality_code or 'no municipality'})"
    rest = f"; left over: {found.rest}" if found.rest else ""
    return f"{found.score:.3f}  {where} at {found.lat:.5f},{found.long:.5f} by {found.how}{rest}"


@click.command()
@click.option("--at", required=True, metavar="LAT,LONG", help="Where, in degrees.")
@click.option("--service", "service_code", required=True, help="Code of the service.")
@click.option("--jurisdiction", "named", help="Whose teams; by default, of the point's.")
@click.pass_obj
def route(installation: Installation, at: str, service_code: str, named: str | None) -> None:
    """Tell which team a report would go to, step by step, and why; nothing is filed."""
    try:
        lat, long = (float(degrees) for degrees in at.split(","))
    except ValueError:
        raise click.BadParameter(
            "two numbers of degrees: -33.93,18.42", param_hint="--at"
        ) from None

    async def explain(_: Settings, database: Database) -> str:
        city = await _city(database, named, lat, long)
        async with database.begin(city.jurisdiction_id) as connection:
            inside = await jurisdictions.covers(connection, city.jurisdiction_id, lat, long)
            described = await geocoding.describe(connection, lat, long)
            service = await services.find(connection, city, service_code)
            where = teams.Where(lat, long, described.ward)
            found = await teams.stand(connection, city.jurisdiction_id, service, where)
        lies = "inside" if inside else "outside"
        return "\n".join(
            [f"{lies} {city.name}", *_described(described), *teams.explain(found, service)]
        )

    click.echo(work_on(installation, explain))


async def _city(
    database: Database, named: str | None, lat: float, long: float
) -> jurisdictions.Jurisdiction:
    if named is None:
        return await jurisdictions.around(database, lat, long)
    return await jurisdictions.find(database, named)


def _described(found: geocoding.Described) -> list[str]:
    lines = []
    if found.municipality_code:
        lines.append(f"municipality {found.municipality_code} ({found.municipality})")
    if found.ward:
        lines.append(f"ward {found.ward}")
    if found.name is not None and found.metres is not None:
        lines.append(f"{found.metres / 1000:.1f} km from {found.name}")
    return lines
