"""How long after a POST was answered its tile is right, while others read 500 tiles a second."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.maps.data import CITY, Effort
from bench.measure import HERE, Server, environment, running
from geo.tiles import tile_at
from open311.settings import Settings

ROUNDS = 100
_LAT, _LON = -33.95, 18.70  # in the city, but not where the demo's requests are
_TILE = "/maps/{city}/tiles/requests/{z}/{x}/{y}.mvt"


def measure(settings: Settings, folder: Path, effort: Effort) -> None:
    """Print the median and the 99th percentile."""
    with (
        running(settings, "uvicorn", "open311.app:create_app_from_environment") as server,
        working(settings),
        reading(server, folder),
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        times = sorted(seconds_until_right(client) for _ in range(ROUNDS))
    median, last = statistics.median(times), times[int(0.99 * ROUNDS)]
    print(f"POST answered to new tile: median {median:.2f} s, 99th percentile {last:.2f} s")
    print((folder / "reading.log").read_text().partition("Requests/sec:")[2].split()[0], "tiles/s")


def seconds_until_right(client: httpx.Client) -> float:
    """File a request, and ask for its tile until it is there."""
    x, y = tile_at(_LON, _LAT, 15)
    path = _TILE.format(city=CITY, z=15, x=x, y=y)
    client.get(path)
    place = {"lat": str(_LAT), "long": str(_LON), "api_key": "demo", "service_code": "NO-POWER"}
    filed = client.post(f"/open311/{CITY}/v2/requests.json", data=place).raise_for_status()
    begin = time.perf_counter()
    request_id = filed.json()[0]["service_request_id"].encode()
    while request_id not in client.get(path, headers={"Accept-Encoding": "identity"}).content:
        time.sleep(0.01)
        if time.perf_counter() - begin > 30:
            raise SystemExit("The tile never showed the request.")
    return time.perf_counter() - begin


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    """A worker, which relays."""
    process = subprocess.Popen(
        [sys.executable, "-m", "open311.cli", "worker"], env=environment(settings)
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def reading(server: Server, folder: Path) -> Iterator[None]:
    """500 tiles a second, of many places and zooms."""
    with (folder / "reading.log").open("w") as log:
        command = ["wrk", "-t1", "-c10", "-d600", "-s", str(HERE / "maps" / "read.lua"), server.url]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(2)  # it then prints what it did
            process.wait()
