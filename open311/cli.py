"""The command `open311`: the composition root of the command line."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ingest import commands as ingest_commands
from open311 import embedded, logs
from open311.commands import catalogue, keys, server, tasks
from open311.migrate import migrate
from open311.settings import Settings, SettingsError, from_environment


@contextmanager
def installation() -> Iterator[Settings]:
    """The settings of the environment, with the services that they leave out running.

    An embedded database is ours to keep current; another is its operator's (`open311 migrate`).
    """
    given = from_environment(os.environ)
    logs.configure(given)
    with embedded.running(given) as settings:
        if not given.database_url:
            asyncio.run(migrate(settings))
        yield settings


@click.group()
@click.version_option(package_name="open311")
@click.pass_context
def cli(context: click.Context) -> None:
    """One server for municipal service requests."""
    context.obj = installation


_COMMANDS: tuple[click.Command, ...] = (
    server.serve,
    server.worker,
    server.migrate_schema,
    server.show_settings,
    catalogue.jurisdiction,
    catalogue.service,
    keys.key,
    tasks.task,
    ingest_commands.imports,
    ingest_commands.demo,
)
for _command in _COMMANDS:
    cli.add_command(_command)


def main() -> None:
    """Run a command; what an operator must put right is one sentence and exit code 2."""
    try:
        cli()
    except SettingsError as error:
        click.echo(f"open311: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
