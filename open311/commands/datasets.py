"""`open311 dataset …`: layers of a municipality's own on its maps."""

from pathlib import Path

import click

from ingest import datasets
from ingest.commands import bar
from ingest.datasets import About, Outcome, Source
from ingest.history import analyze
from mapserve import datasets as layers
from mapserve.datasets import Dataset
from mapserve.layers import LAYERS
from mapserve.styles import LOOKS
from mapserve.themes import THEMES
from open311.commands.installation import ACTOR, Installation, of_jurisdiction, work_in
from open311.db import Database
from open311.settings import Settings

_TAKEN = {*LAYERS, *LOOKS, *THEMES}
_NAME = click.argument("name")


@click.group()
def dataset() -> None:
    """Layers of roads, clinics, drains: what a municipality shows beside its requests."""


@dataset.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@of_jurisdiction
@click.option("--name", required=True, help="Of the layer: small letters, digits, hyphens.")
@click.option("--title", required=True, help="What people call it.")
@click.option("--description", default="", help="What it shows, in a sentence.")
@click.option("--attribution", default="", help="Whom maps name as its source.")
@click.option("--layer", help="Which of the file, where it has several.")
@click.option("--crs", help="Of the coordinates if the file does not say, as EPSG:22234.")
@click.option("--publish", is_flag=True, help="Show it to everybody at once.")
@click.pass_obj
def import_dataset(
    installation: Installation,
    file: Path,
    named: str,
    name: str,
    title: str,
    description: str,
    attribution: str,
    layer: str | None,
    crs: str | None,
    publish: bool,
) -> None:
    """Make a layer of a file, or replace the one of that name.

    Reads GeoPackage, Shapefile, GeoJSON, FlatGeobuf, GeoParquet, and what else GDAL does, in any
    coordinate system. Maps show the older one until all of the new one is in.
    """
    if name in _TAKEN:
        raise click.BadParameter(f"Every map has {name} already.", param_hint="--name")
    source, about = Source(file, layer, crs), About(name, title, description, attribution)

    async def work(settings: Settings, db: Database, jurisdiction_id: str) -> Outcome:
        with bar() as progress:
            outcome = await datasets.import_file(
                db, settings, jurisdiction_id, source, about, publish, ACTOR, progress
            )
        await analyze(settings, "feature")
        return outcome

    _tell(work_in(installation, named, work))


def _tell(outcome: Outcome) -> None:
    click.echo(
        f"{outcome.features} features, {outcome.repaired} of them repaired; "
        f"{outcome.left_out} left out, without a shape or off the map"
    )
    if outcome.fields_left_out:
        click.echo(f"Fields left out: {', '.join(outcome.fields_left_out)}", err=True)


@dataset.command("list")
@of_jurisdiction
@click.pass_obj
def list_datasets(installation: Installation, named: str) -> None:
    """List them: name, whether published, features, kind of shapes, title."""

    async def work(_settings: Settings, db: Database, jurisdiction_id: str) -> list[Dataset]:
        async with db.begin(jurisdiction_id) as connection:
            return await layers.list_all(connection, jurisdiction_id)

    for each in work_in(installation, named, work):
        state = "published" if each.published else "not published"
        row = (each.dataset, state, str(each.features), each.geometry_type, each.title)
        click.echo("\t".join(row))


@dataset.command("publish")
@_NAME
@of_jurisdiction
@click.pass_obj
def publish_dataset(installation: Installation, named: str, name: str) -> None:
    """Show it to everybody."""
    _set_published(installation, named, name, True)


@dataset.command("withdraw")
@_NAME
@of_jurisdiction
@click.pass_obj
def withdraw_dataset(installation: Installation, named: str, name: str) -> None:
    """Show it to nobody; it stays here."""
    _set_published(installation, named, name, False)


def _set_published(installation: Installation, named: str, name: str, published: bool) -> None:
    async def work(_settings: Settings, db: Database, jurisdiction_id: str) -> None:
        await datasets.publish(db, jurisdiction_id, name, published, ACTOR)

    work_in(installation, named, work)


@dataset.command("remove")
@_NAME
@of_jurisdiction
@click.pass_obj
def remove_dataset(installation: Installation, named: str, name: str) -> None:
    """Delete it with all its features."""

    async def work(_settings: Settings, db: Database, jurisdiction_id: str) -> None:
        await datasets.remove(db, jurisdiction_id, name, ACTOR)

    work_in(installation, named, work)
