"""`open311 import …` and `open311 demo`: bring in requests of the past, or make them."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ingest import growth, history
from ingest.history import Counts, Progress, Source
from open311 import db
from open311.errors import Problem
from open311.settings import Settings

Installation = Callable[[], AbstractContextManager[Settings]]
"""How a command comes by the settings, with the database they name running."""

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("import")
def imports() -> None:
    """Data of other systems."""


@imports.command("requests")
@click.argument("file", type=_FILE)
@click.option("--jurisdiction", "jurisdiction_id", required=True, help="Whose requests they are.")
@click.option("--map", "pairs", multiple=True, metavar="FIELD=COLUMN", help="May be repeated.")
@click.option("--map-file", type=_FILE, help="Such pairs, one a line; # begins a comment.")
@click.option("--time-zone", help="Of dates without an offset; else the jurisdiction's.")
@click.option("--date-format", help="As of strptime; else ISO 8601.")
@click.option("--create-services", is_flag=True, help="Make a service of each unknown code.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where refused rows are listed; else FILE's name with .refused.csv, here.",
)
@click.pass_obj
def import_requests(
    installation: Installation,
    file: Path,
    jurisdiction_id: str,
    pairs: tuple[str, ...],
    map_file: Path | None,
    time_zone: str | None,
    date_format: str | None,
    create_services: bool,
    report: Path | None,
) -> None:
    """Import past requests from CSV (.gz), Parquet or GeoJSON (.gz).

    May be repeated, also after an interruption: what is there already stays as it is.
    """
    columns = _columns([*_lines(map_file), *pairs])
    source = Source(file, columns, time_zone, date_format, create_services)
    report = report or Path(f"{file.name}.refused.csv")

    async def work(settings: Settings, progress: Progress) -> Counts:
        async with db.connected(settings) as database:
            return await history.import_file(
                database, jurisdiction_id, source, report, progress=progress
            )

    counts = _run(installation, work)
    click.echo(f"{counts.inserted} imported, {counts.known} known before, {counts.refused} refused")
    if counts.refused:
        click.echo(f"Refused rows are listed in {report}", err=True)


@click.command()
@click.option(
    "--requests", "number", type=click.IntRange(1), required=True, help="How many in all."
)
@click.option("--jurisdiction", "jurisdiction_id", default="capetown.gov.za", show_default=True)
@click.option(
    "--years",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="How long before the real ones they begin.",
)
@click.pass_obj
def demo(installation: Installation, number: int, jurisdiction_id: str, years: int) -> None:
    """Grow a jurisdiction's real requests to any number, for benchmarks."""

    async def work(settings: Settings, progress: Progress) -> Counts:
        async with db.connected(settings) as database:
            return await growth.grow(database, jurisdiction_id, number, years, progress)

    counts = _run(installation, work)
    click.echo(f"{counts.inserted} requests made for {jurisdiction_id}")


def _run(
    installation: Installation, work: Callable[[Settings, Progress], Awaitable[Counts]]
) -> Counts:
    async def all_of_it(settings: Settings) -> Counts:
        with bar() as progress:
            counts = await work(settings, progress)
        await history.analyze(settings)
        return counts

    try:
        with installation() as settings:
            return asyncio.run(all_of_it(settings))
    except Problem as problem:
        raise click.ClickException(" ".join(problem.descriptions)) from None


@contextmanager
def bar() -> Iterator[Progress]:
    """A progress bar on standard error, on a terminal only."""
    columns = BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn()
    with Bar(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("rows")
        yield lambda done, size: bar.update(task, completed=done, total=size)


def _lines(map_file: Path | None) -> list[str]:
    if map_file is None:
        return []
    lines = (line.partition("#")[0].strip() for line in map_file.read_text("utf-8").splitlines())
    return [line for line in lines if line]


def _columns(pairs: list[str]) -> dict[str, str]:
    columns = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair} is not FIELD=COLUMN.")
        columns[field.strip()] = column.strip()
    return columns
