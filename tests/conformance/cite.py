"""The layers that the suite for WMS knows the pictures of: lakes, roads and houses at 0 degrees."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.operations.servers import Server, run

CITY = "capetown.gov.za"
_LAYERS = (
    "BasicPolygons",
    "Bridges",
    "Buildings",
    "DividedRoutes",
    "Forests",
    "Lakes",
    "MapNeatline",
    "NamedPlaces",
    "Ponds",
    "RoadSegments",
    "Streams",
)


@contextmanager
def published(server: Server, data: Path, folder: Path) -> Iterator[None]:
    """The layers, published as an analyst does it, until the block is over."""
    try:
        for name in _LAYERS:
            file = _zipped(sorted(data.glob(f"{name}.*")), folder / f"{name}.zip")
            _layer(server, "publish", str(file), "--name", name, "--title", f"cite:{name}")
        yield
    finally:
        for name in _LAYERS:
            _layer(server, "remove", name)


def _zipped(parts: list[Path], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for part in parts:
            archive.write(part, part.name)
    return path


def _layer(server: Server, command: str, *arguments: str) -> None:
    done = run(server.environment, "layer", command, *arguments, "--jurisdiction", CITY)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
