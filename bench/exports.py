"""How fast layers are exported, and in what memory: python -m bench.exports [--requests 1000000]

Grows the demo's Cape Town in a private PostgreSQL under --folder. Prints, for each format and with
a server of its own, rows a second, the ratio to COPY of the same rows to text by PostgreSQL itself
in the same run, and the memory of the server's process: before, at most, and what was added; and at
most that of the process that writes the file, for formats that have one.
"""

import asyncio
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from bench.maps import data
from bench.measure import Server, running
from mapserve.export.formats import FORMATS
from open311 import db, embedded, logs
from open311.settings import Settings

_CHUNK = 1 << 20
_COPY = f"""
copy (
    select service_request_id, status, status_notes, service_code, description, agency_responsible,
        requested_datetime, updated_datetime, expected_datetime, closed_datetime, address, zipcode,
        ward, st_x(geom), st_y(geom)
    from service_request where jurisdiction_id = '{data.CITY}' order by service_request_id
) to stdout
"""


def copy_out(settings: Settings) -> float:
    """Seconds that PostgreSQL itself takes for the same rows."""
    url = db.owner_url(settings).set(drivername="postgresql")
    target = url.render_as_string(hide_password=False)
    begin = time.perf_counter()
    command = ["psql", "-q", target, "-c", _COPY]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def download(server: Server, extension: str) -> tuple[float, int]:
    """Seconds until the last byte, and how many bytes there were."""
    url, size = f"{server.url}/maps/{data.CITY}/export/requests.{extension}", 0
    begin = time.perf_counter()
    with urllib.request.urlopen(url) as answer:  # noqa: S310 (our own address)
        while piece := answer.read(_CHUNK):
            size += len(piece)
    return time.perf_counter() - begin, size


def memory(pid: int) -> int:
    """Most memory that a process had so far, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


@contextmanager
def watching(server: Server) -> Iterator[list[int]]:
    """The most memory that any process which the server starts has in the block, in MB."""
    most, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            for file in Path(f"/proc/{server.pid}/task").glob("*/children"):
                with suppress(FileNotFoundError, ProcessLookupError, IndexError):
                    most[0] = max(
                        [most[0], *(memory(int(pid)) for pid in file.read_text().split())]
                    )

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        over.set()
        thread.join()


def measure(settings: Settings, extension: str, rows: int, copied: float) -> None:
    with running(settings, "uvicorn", "open311.app:create_app_from_environment") as server:
        before = memory(server.pid)
        with watching(server) as writers:
            took, size = download(server, extension)
        most = memory(server.pid)
    print(
        f"  {extension}: {rows / took:,.0f} rows/s, x{took / copied:.1f} the time of COPY, "
        f"{size / 1e6:,.0f} MB; memory {before} MB before, {most} MB at most, +{most - before}"
        + (f"; its writer {writers[0]} MB" if writers[0] else ""),
        flush=True,
    )


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/bench-exports"))
@click.option("--requests", "rows", default=1_000_000, show_default=True)
@click.option("--format", "formats", multiple=True, default=list(FORMATS))
def main(folder: Path, rows: int, formats: tuple[str, ...]) -> None:
    """Print each figure beside what it is measured against."""
    folder.mkdir(parents=True, exist_ok=True)
    given = Settings(var_dir=str(folder), log_level="error")
    logs.configure(given)
    with embedded.running(given) as settings:
        asyncio.run(data.grow(settings, rows))
        copied = min(copy_out(settings) for _ in range(2))
        print(f"\n{rows:,} requests; COPY to text: {rows / copied:,.0f} rows/s", flush=True)
        for extension in formats:
            measure(settings, extension, rows, copied)


if __name__ == "__main__":
    main()
