"""`open311 boundary …`: municipalities, wards and areas, as maps and teams know them."""

from datetime import date, datetime
from pathlib import Path

import click

from geo.boundary_files import Repair, read_boundaries
from ingest.commands import bar
from ingest.history import analyze
from open311 import boundaries, places
from open311.commands.installation import Installation, of_jurisdiction, work_in, work_on
from open311.db import Database
from open311.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = 20


@click.group()
def boundary() -> None:
    """Boundaries of municipalities, districts, wards, suburbs and service areas."""


@boundary.command("import")
@click.argument("file", type=_FILE)
@click.option("--kind", type=click.Choice(boundaries.KINDS), required=True)
@click.option("--within", help="Code of the municipality whose suburbs or service areas they are.")
@click.option(
    "--valid-from",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First day on which they count; today if it is not said.",
)
@click.option("--source", default="", help="Whom they come from.")
@click.option("--code-column", help="Which column is the code, if it is not clear.")
@click.option("--name-column", help="Which column is the name.")
@click.option("--parent-column", help="Which column is the code of what they are in.")
@click.pass_obj
def import_boundaries(
    installation: Installation,
    file: Path,
    kind: str,
    within: str | None,
    valid_from: datetime | None,
    source: str,
    code_column: str | None,
    name_column: str | None,
    parent_column: str | None,
) -> None:
    """Import all boundaries of a kind, as they are from a day on.

    Reads GeoJSON, Shapefile, GeoPackage, FlatGeobuf, and what else GDAL does, gzipped or not, in
    any coordinate system. Those that were valid until then end on that day; requests of before
    keep their ward. A file of the same day replaces the earlier one.
    """
    given = {"code": code_column, "name": name_column, "parent": parent_column}
    try:
        reading = read_boundaries(file, {what: name for what, name in given.items() if name})
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    day = valid_from.date() if valid_from else date.today()  # noqa: DTZ011 the operator's day

    async def store(settings: Settings, database: Database) -> None:
        await boundaries.replace(
            database, kind, reading.boundaries, day, source or file.name, within
        )
        await analyze(settings, "boundary, boundary_part")

    work_on(installation, store)
    click.echo(f"{len(reading.boundaries)} boundaries of kind {kind}, valid from {day}")
    _tell(reading.repairs)


def _tell(repairs: list[Repair]) -> None:
    for each in repairs[:_SHOWN]:
        change = f"{(each.change - 1) * 100:+.2f} % of its area"
        click.echo(f"  {each.code} repaired: {each.reason}; {change}", err=True)
    if len(repairs) > _SHOWN:
        click.echo(f"  and {len(repairs) - _SHOWN} more", err=True)


@boundary.command("load")
@click.pass_obj
def load_boundaries(installation: Installation) -> None:
    """Load South Africa's municipalities, districts and wards of 2020, unless there are wards."""

    async def load(settings: Settings, database: Database) -> None:
        number = await boundaries.load_packaged(database)
        await analyze(settings, "boundary, boundary_part")
        click.echo(f"{number} boundaries loaded" if number else "there are boundaries already")

    work_on(installation, load)


@boundary.command("list")
@click.pass_obj
def list_boundaries(installation: Installation) -> None:
    """List the versions: kind, number, first day, first day on which it is no longer, source."""

    async def tell(_: Settings, database: Database) -> None:
        for each in await boundaries.list_versions(database):
            days = (str(each.valid_from), str(each.valid_to or ""))
            click.echo("\t".join((each.kind, str(each.number), *days, each.source)))

    work_on(installation, tell)


@boundary.command()
@of_jurisdiction
@click.pass_obj
def rederive(installation: Installation, named: str) -> None:
    """Give each request the ward in which it lay on its day, by the boundaries as they are now."""

    async def work(_: Settings, database: Database, jurisdiction_id: str) -> int:
        with bar() as progress:
            return await places.derive_wards(database, jurisdiction_id, progress)

    click.echo(f"requests with another ward: {work_in(installation, named, work)}")
