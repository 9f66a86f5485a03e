"""How fast GeoReport answers, as ratios: python -m bench.georeport [--server granian]

Starts a private PostgreSQL with the demo's data, one web process, and a bare server of the same
kind; loads each with wrk, and PostgreSQL with pgbench, in turns within one run. Needs wrk (Debian:
wrk) and pgbench (comes with PostgreSQL); granian has to be installed to be compared.
"""

import asyncio
import tempfile

import click

from bench.measure import SERVERS, compare, pgbench, running, wrk
from demo.load import load
from open311 import embedded, logs
from open311.migrate import migrate
from open311.settings import Settings

CITY = "capetown.gov.za"
LIST = f"/open311/{CITY}/v2/requests.{{}}?end_date=2020-12-30"
ONE = f"/open311/{CITY}/v2/requests/001016502955.json"


@click.command()
@click.option("--server", type=click.Choice(list(SERVERS)), default="uvicorn", show_default=True)
@click.option("--seconds", default=4, show_default=True, help="Length of each load.")
@click.option("--rounds", default=3, show_default=True, help="The median of so many is printed.")
def main(server: str, seconds: int, rounds: int) -> None:
    """Print each figure beside what it is measured against."""
    with tempfile.TemporaryDirectory() as folder:
        given = Settings(var_dir=folder, log_level="error", pool_size=16)
        logs.configure(given)
        with embedded.running(given) as settings:
            asyncio.run(migrate(settings))
            asyncio.run(load(settings, report=lambda _line: None))
            measure(settings, server, seconds, rounds)


def measure(settings: Settings, kind: str, seconds: int, rounds: int) -> None:
    """Load the server, the database and the bare server, each pair of a comparison in turns."""
    with (
        running(settings, kind, "open311.app:create_app_from_environment") as ours,
        running(settings, kind, "bench.bare:create_app") as bare,
    ):
        compare(
            rounds,
            ("POST request", lambda: wrk(ours, "/", seconds, 16, "post.lua")),
            ("pgbench, the same inserts", lambda: pgbench(settings, "post", seconds, 16)),
        )
        for extension in ("json", "xml"):
            path = LIST.format(extension)
            compare(
                rounds,
                (f"GET 1000 requests, {extension}", lambda path=path: wrk(ours, path, seconds, 1)),
                ("pgbench, the same query", lambda: pgbench(settings, "list", seconds, 1)),
            )
        for path, what in (("/one", "bare server, same query"), ("/", "bare server, fixed text")):
            compare(
                rounds,
                ("GET one request", lambda: wrk(ours, ONE, seconds, 16)),
                (what, lambda path=path: wrk(bare, path, seconds, 16)),
            )


if __name__ == "__main__":
    main()
