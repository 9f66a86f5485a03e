"""`open311 serve`, `worker`, `migrate` and `settings`: run the server, all of it or one role."""

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Annotated, get_args, get_origin, get_type_hints

import click
import msgspec
import uvicorn
import uvloop
from msgspec import Meta

from open311 import logs, supervisor
from open311.commands.installation import Installation
from open311.environment import from_environment
from open311.migrate import migrate
from open311.settings import Settings


@click.command()
@click.option("--demo", is_flag=True, help="Load the demo's cities and requests first.")
@click.option(
    "--web-only", is_flag=True, help="Web processes alone: no migration and no worker here."
)
def serve(demo: bool, web_only: bool) -> None:
    """Serve: database, web and workers, until SIGTERM or Ctrl-C."""
    settings = from_environment(os.environ)
    logs.configure(settings)
    if web_only:
        settings = msgspec.structs.replace(settings, worker_processes=0)
    prepare: list[Callable[[Settings], None]] = [] if web_only else [_migrate]
    if demo:
        prepare.append(_load_demo)
    announce = partial(_announce, demo=demo)
    supervisor.serve(settings, supervisor.Roles(prepare, _serve_web, _work, announce))


@click.command()
@click.pass_obj
def worker(installation: Installation) -> None:
    """Work on tasks, until SIGTERM or Ctrl-C: a role for a machine of its own."""
    with installation() as settings:
        _work(settings)


@click.command("migrate")
@click.option("--revision", default="head", show_default=True, help="Where to go; `-1`: one back.")
@click.pass_obj
def migrate_schema(installation: Installation, revision: str) -> None:
    """Bring the database to a revision of the schema."""
    with installation() as settings:
        click.echo(asyncio.run(migrate(settings, revision)))


@click.command("settings")
def show_settings() -> None:
    """Print the table of settings, in Markdown."""
    click.echo(settings_table())


def settings_table() -> str:
    """Every setting with its default and its meaning, as a table in Markdown."""
    hints = get_type_hints(Settings, include_extras=True)
    rows = [
        f"| `{field.name.upper()}` | {_shown(field.default)} | {_description(hints[field.name])} |"
        for field in msgspec.structs.fields(Settings)
    ]
    return "\n".join(["| Variable | Default | Meaning |", "|---|---|---|", *rows])


def _shown(default: object) -> str:
    text = ",".join(default) if isinstance(default, tuple) else str(default)
    return f"`{text}`" if text else ""


def _description(hint: object) -> str:
    """What the field's annotations say, those of a named type included."""
    if get_origin(hint) is not Annotated:
        return ""
    described = [each.description for each in get_args(hint)[1:] if isinstance(each, Meta)]
    return " ".join(text for text in described if text)


def _serve_web(settings: Settings, listener: socket.socket) -> None:
    # only the web processes need it, and it takes a second
    from open311.app import create_app

    app = create_app(settings)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,  # it writes queries, where keys and addresses stand
        proxy_headers=False,  # the rate limits read them, by TRUSTED_PROXIES
        server_header=False,
        timeout_graceful_shutdown=settings.drain_seconds,
        backlog=supervisor.BACKLOG,
    )
    WebServer(config, app.state.hub.end).run(sockets=[listener])


class WebServer(uvicorn.Server):
    """Uvicorn, which waits for answers under way; those that never end have to be told."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let streams go, finish the rest."""
        self._end_streams()
        await super().shutdown(sockets)


def _work(settings: Settings) -> None:
    from open311.worker import run

    # whoever waits for an answer comes before what nobody waits for
    os.nice(settings.worker_nice)
    uvloop.run(run(settings))


def _migrate(settings: Settings) -> None:
    asyncio.run(migrate(settings))


def _load_demo(settings: Settings) -> None:
    from demo.load import load

    asyncio.run(load(settings))


def _announce(settings: Settings, demo: bool) -> None:
    """Tell a person where to go; this is no log, so it goes to standard output."""
    base = settings.address
    lines = [
        f"Open311 serves at {base}",
        f"  public page  {base}/",
        f"  discovery    {base}/open311/discovery.json",
        f"  API          {base}/docs",
        f"  health       {base}/health/ready",
    ]
    if demo:
        lines += _demo_lines(base)
    click.echo("\n".join(["", *lines, "Ctrl-C stops it.", ""]))


def _demo_lines(base: str) -> list[str]:
    from demo.load import API_KEY, CITIES

    cities = [city.jurisdiction_id for city in CITIES]
    urls = [f"{base}/open311/{city}/v2/requests.json" for city in cities]
    return [*(f"  requests     {url}" for url in urls), f"  API key      {API_KEY} (these cities)"]
