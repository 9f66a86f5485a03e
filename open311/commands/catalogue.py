"""`open311 jurisdiction …` and `open311 service …`: load catalogues."""

import asyncio
from pathlib import Path

import click

from open311 import catalogue, db, jurisdictions
from open311.catalogue import Catalogue, Changes
from open311.commands.installation import Installation
from open311.errors import Problem
from open311.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def jurisdiction() -> None:
    """Municipalities that this installation serves."""


@jurisdiction.command("add")
@click.argument("file", type=_FILE)
@click.pass_obj
def add_jurisdiction(installation: Installation, file: Path) -> None:
    """Add or update a jurisdiction with its services, as a catalogue in YAML says."""
    _load(installation, file, new=True)


@jurisdiction.command("list")
@click.pass_obj
def list_jurisdictions(installation: Installation) -> None:
    """List the jurisdictions and their test endpoints."""
    with installation() as settings:
        for found in asyncio.run(_list(settings)):
            click.echo(f"{found.jurisdiction_id}\t{found.name}")


@click.group()
def service() -> None:
    """Kinds of requests that a jurisdiction takes."""


@service.command("import")
@click.argument("file", type=_FILE)
@click.pass_obj
def import_services(installation: Installation, file: Path) -> None:
    """Update the services of a jurisdiction that is there already, from its catalogue."""
    _load(installation, file, new=False)


def _load(installation: Installation, file: Path, new: bool) -> None:
    try:
        wanted = catalogue.read(file)
        with installation() as settings:
            changes = asyncio.run(_load_into(settings, wanted, new))
    except Problem as problem:
        raise click.ClickException(" ".join(problem.descriptions)) from None
    click.echo(f"{wanted.jurisdiction_id}: {_summary(changes)}")


async def _load_into(settings: Settings, wanted: Catalogue, new: bool) -> Changes:
    async with db.connected(settings) as database:
        if not new:
            await jurisdictions.find(database, wanted.jurisdiction_id)
        return await catalogue.load(database, wanted)


async def _list(settings: Settings) -> list[jurisdictions.Jurisdiction]:
    async with db.connected(settings) as database:
        return await jurisdictions.list_all(database)


def _summary(changes: Changes) -> str:
    if not changes:
        return "nothing changed"
    numbers = {
        "added": len(changes.added),
        "changed": len(changes.changed),
        "retired": len(changes.retired),
    }
    services = ", ".join(f"{number} {what}" for what, number in numbers.items())
    return f"services: {services}; teams: {len(changes.teams)} changed"
