"""`open311 layer …`: layers of a municipality's own on its maps."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import click

from ingest import datasets
from ingest.commands import bar
from ingest.datasets import About, Mode, Outcome
from ingest.history import analyze
from ingest.layer_files import Source
from ingest.layer_relations import copied
from mapserve import datasets as layers
from mapserve.admin import changes, restyling
from mapserve.admin.changes import Changes
from mapserve.admin.names import check_name
from mapserve.datasets import Dataset
from open311 import jurisdictions
from open311.commands.installation import ACTOR, Installation, of_jurisdiction, work_in
from open311.db import Database
from open311.errors import BadInput
from open311.settings import Settings

Access = Literal["public", "staff", "nobody"]
_NAME = click.argument("name")
_ACCESS = click.Choice(["public", "staff", "nobody"])


@click.group()
def layer() -> None:
    """Layers of roads, clinics, drains: what a municipality shows beside its requests."""


@layer.command("publish")
@click.argument("file_or_table")
@of_jurisdiction
@click.option("--name", required=True, help="Of the layer: letters, digits, hyphens.")
@click.option("--title", help="What people call it.")
@click.option("--description", help="What it shows, in a sentence.")
@click.option("--attribution", help="Whom maps name as its source.")
@click.option("--licence", help="On which terms others may use it.")
@click.option("--keyword", "keywords", multiple=True, help="May be repeated.")
@click.option("--access", type=_ACCESS, help="Whom it is for; of a new one: public.")
@click.option("--append", is_flag=True, help="Add to what the layer has.")
@click.option("--layer", "within", help="Which of the file, where it has several.")
@click.option("--crs", help="Of the coordinates if the file does not say, as EPSG:22234.")
@click.option("--x", help="Column of a CSV with longitudes, or x.")
@click.option("--y", help="Column of a CSV with latitudes, or y.")
@click.pass_obj
def publish_layer(
    installation: Installation,
    file_or_table: str,
    named: str,
    name: str,
    title: str | None,
    description: str | None,
    attribution: str | None,
    licence: str | None,
    keywords: Sequence[str],
    access: Access | None,
    append: bool,
    within: str | None,
    crs: str | None,
    x: str | None,
    y: str | None,
) -> None:
    """Make a layer of a file or table, or replace the features of the one of that name.

    A table or view is one of the schema that LAYER_SCHEMAS names for the municipality. Of files it
    reads GeoPackage, Shapefile (zipped too), GeoJSON, FlatGeobuf, GeoParquet, CSV, and what else
    GDAL does, in any coordinate system. Maps show the older one until all of the new one is in.
    """
    about = About(name, title, description, attribution, licence, list(keywords) or None, access)
    mode: Mode = "append" if append else "replace"

    async def work(settings: Settings, db: Database, jurisdiction_id: str) -> Outcome:
        check_name(name)
        with bar() as progress:
            async with _source(settings, db, jurisdiction_id, file_or_table) as path:
                source = Source(path, within, crs, x, y)
                outcome = await datasets.import_file(
                    db, settings, jurisdiction_id, source, about, mode, ACTOR, progress
                )
        await analyze(settings, "feature")
        return outcome

    _tell(work_in(installation, named, work))


@asynccontextmanager
async def _source(
    settings: Settings, db: Database, jurisdiction_id: str, file_or_table: str
) -> AsyncIterator[Path]:
    path = Path(file_or_table)
    if await asyncio.to_thread(path.exists):
        yield path
        return
    if path.suffix or "/" in file_or_table:
        raise BadInput(f"There is no file {file_or_table}.")
    async with copied(db, settings, jurisdiction_id, file_or_table) as path:
        yield path


def _tell(outcome: Outcome) -> None:
    click.echo(
        f"{outcome.features} features, {outcome.repaired} of them repaired; "
        f"{outcome.left_out} left out, without a shape or off the map"
    )
    if outcome.fields_left_out:
        click.echo(f"Fields left out: {', '.join(outcome.fields_left_out)}", err=True)


@layer.command("list")
@of_jurisdiction
@click.pass_obj
def list_layers(installation: Installation, named: str) -> None:
    """List them: name, whom for, features, kind of shapes, title."""

    async def work(_settings: Settings, db: Database, jurisdiction_id: str) -> list[Dataset]:
        async with db.begin(jurisdiction_id) as connection:
            return await layers.list_all(connection, jurisdiction_id)

    for each in work_in(installation, named, work):
        row = (each.dataset, each.access, str(each.features), each.geometry_type, each.title)
        click.echo("\t".join(row))


@layer.command("access")
@_NAME
@click.argument("access", type=_ACCESS)
@of_jurisdiction
@click.pass_obj
def set_access(installation: Installation, named: str, name: str, access: Access) -> None:
    """Say whom it is for: everybody, the staff, or nobody for now."""

    async def work(_settings: Settings, db: Database, jurisdiction_id: str) -> None:
        await changes.change(db, jurisdiction_id, name, Changes(access=access), ACTOR)

    work_in(installation, named, work)


@layer.command("style")
@_NAME
@click.argument("file", type=click.File("rb"), required=False)
@of_jurisdiction
@click.option("--plain", is_flag=True, help="Go back to the look that all layers get.")
@click.pass_obj
def set_style(
    installation: Installation, named: str, name: str, file: BinaryIO | None, plain: bool
) -> None:
    """Draw it in the style of a file: SLD, or a MapLibre style."""
    if plain == (file is not None):
        raise click.UsageError("Name a file, or say --plain.")
    body = None if file is None else file.read()

    async def work(settings: Settings, db: Database, jurisdiction_id: str) -> list[str]:
        if body is None:
            await changes.change(db, jurisdiction_id, name, Changes(style=None), ACTOR)
            return []
        city = await jurisdictions.find(db, jurisdiction_id)
        return await restyling.restyle(db, settings, city, name, body, ACTOR)

    for note in work_in(installation, named, work):
        click.echo(note, err=True)


@layer.command("remove")
@_NAME
@of_jurisdiction
@click.pass_obj
def remove_layer(installation: Installation, named: str, name: str) -> None:
    """Delete it with all its features."""

    async def work(_settings: Settings, db: Database, jurisdiction_id: str) -> None:
        await changes.remove(db, jurisdiction_id, name, ACTOR)

    work_in(installation, named, work)
