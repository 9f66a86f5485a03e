"""The command `open311`: the composition root of the command line."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import click

from open311 import embedded, logs
from open311.environment import from_environment
from open311.migrate import migrate
from open311.settings import Settings, SettingsError

# Where each command is; a module is imported when its command is called, for some take seconds.
COMMANDS = {
    "serve": "open311.commands.server:serve",
    "worker": "open311.commands.server:worker",
    "migrate": "open311.commands.server:migrate_schema",
    "settings": "open311.commands.server:show_settings",
    "jurisdiction": "open311.commands.catalogue:jurisdiction",
    "service": "open311.commands.catalogue:service",
    "key": "open311.commands.keys:key",
    "account": "open311.commands.accounts:account",
    "reporter": "open311.commands.reporters:reporter",
    "place": "open311.commands.places:place",
    "route": "open311.commands.places:route",
    "chat": "open311.commands.chat:chat",
    "task": "open311.commands.tasks:task",
    "boundary": "open311.commands.boundaries:boundary",
    "layer": "open311.commands.layers:layer",
    "map": "open311.commands.maps:maps",
    "train": "ingest.training_commands:train",
    "import": "ingest.commands:imports",
    "export": "open311.commands.export:exports",
    "demo": "ingest.commands:demo",
}


class Commands(click.Group):
    """The commands by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


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


@click.group(cls=Commands)
@click.version_option(package_name="open311")
@click.pass_context
def cli(context: click.Context) -> None:
    """One server for municipal service requests."""
    context.obj = installation


def main() -> None:
    """Run a command; what an operator must put right is one sentence and exit code 2."""
    try:
        cli()
    except SettingsError as error:
        click.echo(f"open311: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
