"""`open311 reporter …`: forget people who ask for it."""

import click

from open311 import erasure, reporters
from open311.commands.installation import ACTOR, Installation, of_jurisdiction, work_in
from open311.db import Database
from open311.reporters import Contact
from open311.settings import Settings


@click.group()
def reporter() -> None:
    """People who reported; what is known of them is encrypted."""


@reporter.command("erase")
@of_jurisdiction
@click.option("--email", help="As they gave it.")
@click.option("--phone", help="As they gave it; blanks and dashes do not matter.")
@click.pass_obj
def erase_reporter(
    installation: Installation, named: str, email: str | None, phone: str | None
) -> None:
    """Forget a person for good, by email or phone; the requests stay, without them."""
    if not (email or phone):
        raise click.UsageError("--email or --phone is needed.")

    async def work(settings: Settings, db: Database, jurisdiction_id: str) -> int:
        wanted = Contact(email=email, phone=phone)
        async with db.begin(jurisdiction_id) as connection:
            found = await reporters.find_by(connection, settings, jurisdiction_id, wanted)
        return sum([await erasure.erase(db, jurisdiction_id, each, ACTOR) for each in found])

    click.echo(f"{work_in(installation, named, work)} entries erased")
