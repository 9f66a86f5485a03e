"""`open311 key …`: make, approve and revoke API keys."""

import click

from open311 import keys
from open311.commands.installation import ACTOR, Installation, of_jurisdiction, work_in
from open311.db import Database
from open311.keys import ApiKey
from open311.settings import Settings


@click.group()
def key() -> None:
    """API keys, of which only digests are kept."""


@key.command("create")
@of_jurisdiction
@click.option("--name", required=True, help="Of the app that will use it.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(keys.SCOPES),
    multiple=True,
    default=keys.DEFAULT_SCOPES,
    show_default=True,
    help="What it allows; may be repeated.",
)
@click.option(
    "--rate-class",
    type=click.Choice(("standard", "high")),
    default="standard",
    show_default=True,
    help="How many calls it may make.",
)
@click.option(
    "--channel",
    default=keys.API,
    show_default=True,
    help="How what is filed with it was reported.",
)
@click.pass_obj
def create_key(
    installation: Installation,
    named: str,
    name: str,
    scopes: tuple[str, ...],
    rate_class: str,
    channel: str,
) -> None:
    """Make a key that works at once, and print it: it is not shown again."""

    async def work(settings: Settings, db: Database, jurisdiction_id: str) -> str:
        return await keys.create(
            *(db, settings, jurisdiction_id, name),
            scopes=scopes,
            rate_class=rate_class,
            channel=channel,
        )

    click.echo(work_in(installation, named, work))


@key.command("list")
@of_jurisdiction
@click.pass_obj
def list_keys(installation: Installation, named: str) -> None:
    """List keys, and applications for keys (`pending`), oldest first."""

    async def work(_: Settings, db: Database, jurisdiction_id: str) -> list[ApiKey]:
        return await keys.list_all(db, jurisdiction_id)

    for found in work_in(installation, named, work):
        scopes, day = ",".join(found.scopes), f"{found.created_at:%Y-%m-%d}"
        told = (found.key_id, found.state, found.rate_class, scopes, day, found.name)
        click.echo("\t".join(told))


@key.command("approve")
@of_jurisdiction
@click.argument("key_id")
@click.pass_obj
def approve_key(installation: Installation, named: str, key_id: str) -> None:
    """Let a key work that was asked for on the web, or was revoked."""
    _move(installation, named, key_id, "active")


@key.command("revoke")
@of_jurisdiction
@click.argument("key_id")
@click.pass_obj
def revoke_key(installation: Installation, named: str, key_id: str) -> None:
    """Stop a key from working, at once."""
    _move(installation, named, key_id, "revoked")


def _move(installation: Installation, named: str, key_id: str, state: str) -> None:
    async def work(_: Settings, db: Database, jurisdiction_id: str) -> None:
        await keys.set_state(db, jurisdiction_id, key_id, state, ACTOR)

    work_in(installation, named, work)
    click.echo(f"{key_id} is {state}")
