"""`open311 map …`: the counts that hexagons are drawn from, checked or made anew."""

import click

from mapserve import recount
from open311.commands.installation import Installation, of_jurisdiction, work_in
from open311.db import Database
from open311.settings import Settings


@click.group("map")
def maps() -> None:
    """What maps are drawn from."""


@maps.command()
@of_jurisdiction
@click.pass_obj
def rebuild(installation: Installation, named: str) -> None:
    """Count the requests of every hexagon anew.

    Maps show the old counts until it is done. Changes are followed by themselves; this is for
    counts that `open311 map check` finds wrong.
    """

    async def work(_: Settings, db: Database, jurisdiction_id: str) -> None:
        await recount.rebuild(db, jurisdiction_id)

    work_in(installation, named, work)
    click.echo("counted anew")


@maps.command()
@of_jurisdiction
@click.pass_obj
def check(installation: Installation, named: str) -> None:
    """Compare all counts with the requests; exit code 1 when one differs."""

    async def work(_: Settings, db: Database, jurisdiction_id: str) -> int:
        return await recount.check(db, jurisdiction_id)

    differences = work_in(installation, named, work)
    click.echo(f"counts that differ: {differences}")
    if differences:
        raise click.exceptions.Exit(1)
