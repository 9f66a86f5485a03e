"""How fast maps answer, as ratios: python -m bench.maps [--requests 1000000 --requests 10000000]

Grows the demo's Cape Town in a private PostgreSQL under --folder (kept: ten million requests take
a while to make) and prints, at each size: tiles that are not cached against the same SQL sent by
pgbench, and that SQL against a plain ST_AsMVT over a GiST index on the same rows; cached tiles
against a bare server with the same bytes; both against TiPG on the same table; hexagons of the
whole city; and how long after a POST its tile is right while 500 tiles a second are read.
Needs wrk (Debian: wrk), pgbench (comes with PostgreSQL) and uv, which puts TiPG into the folder.
"""

import asyncio
from pathlib import Path

import click

from bench.maps import data, hexes, live, tiles
from open311 import embedded, logs
from open311.settings import Settings

PARTS = {"tiles": tiles.measure, "hexes": hexes.measure, "live": live.measure}


@click.command()
@click.option("--requests", "sizes", type=int, multiple=True, default=(1_000_000,))
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/bench-maps"))
@click.option("--part", "parts", type=click.Choice(list(PARTS)), multiple=True)
@click.option("--seconds", default=3, show_default=True, help="Length of each load.")
@click.option("--rounds", default=3, show_default=True, help="The median of so many is printed.")
def main(
    sizes: tuple[int, ...], folder: Path, parts: tuple[str, ...], seconds: int, rounds: int
) -> None:
    """Print each figure beside what it is measured against."""
    folder.mkdir(parents=True, exist_ok=True)
    given = Settings(var_dir=str(folder), log_level="error")
    logs.configure(given)
    with embedded.running(given) as settings:
        for size in sorted(sizes):
            asyncio.run(data.grow(settings, size))
            print(f"\n== {size:,} requests", flush=True)
            for part in parts or PARTS:
                PARTS[part](settings, folder, data.Effort(seconds, rounds))


if __name__ == "__main__":
    main()
