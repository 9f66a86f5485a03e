"""Maps of the real command: two web processes keep tiles, a worker follows what changes."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import mapbox_vector_tile
import pytest

from geo.tiles import tile_at
from tests.operations.servers import Server, run, serving

CITY = Path(__file__).parent.parent / "city.yaml"
HERE = (18.65, -33.92)
# Each is a connection of its own, which either process may take.
MANY = 24
PATIENCE_SECONDS = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A town on a server of two web processes and a worker."""
    with serving(tmp_path_factory.mktemp("maps"), WEB_PROCESSES="2") as started:
        done = run(started.environment, "jurisdiction", "add", str(CITY))
        assert done.returncode == 0, done.stderr
        yield started


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    done = run(server.environment, "key", "create", "--jurisdiction", "city.test", "--name", "maps")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def shown(server: Server, zoom: int) -> int:
    """How many requests a tile shows."""
    path = "maps/city.test/tiles/requests/{}/{}/{}.mvt".format(zoom, *tile_at(*HERE, zoom))
    answer = httpx.get(f"{server.base}/{path}", timeout=10)
    assert answer.status_code in (200, 204), answer.text
    if not answer.content:
        return 0
    features = mapbox_vector_tile.decode(answer.content)["requests"]["features"]
    return sum(each["properties"].get("count", 1) for each in features)


def file(server: Server, key: str) -> None:
    form = {"api_key": key, "service_code": "POTHOLE", "long": str(HERE[0]), "lat": str(HERE[1])}
    answer = httpx.post(f"{server.base}/open311/city.test/v2/requests.json", data=form, timeout=10)
    assert answer.status_code == 200, answer.text


def all_show(server: Server, zoom: int) -> set[int]:
    return {shown(server, zoom) for _ in range(MANY)}


def test_every_process_shows_a_report_however_often_it_kept_the_tile(
    server: Server, key: str
) -> None:
    for wanted in (1, 2, 3):
        for zoom in (8, 16):
            assert all_show(server, zoom) == {wanted - 1}
        file(server, key)
        end = time.monotonic() + PATIENCE_SECONDS
        for zoom in (8, 16):
            while all_show(server, zoom) != {wanted}:
                assert time.monotonic() < end
                time.sleep(0.1)


def test_counts_are_checked_and_made_anew_by_a_command(server: Server) -> None:
    for command in ("check", "rebuild", "check"):
        done = run(server.environment, "map", command, "--jurisdiction", "city.test")
        assert done.returncode == 0, done.stderr
    assert done.stdout == "counts that differ: 0\n"
