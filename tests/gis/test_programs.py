"""QGIS and GDAL, as they are: `make test-gis` installs them and runs these tests."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.operations.servers import serving

pytestmark = pytest.mark.gis

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("qgis_reading.py")
PYTHON = "/usr/bin/python3"
BOX = ("18.63", "-33.92", "18.64", "-33.91")
IN_BOX, OPEN, ALL = 1383, 227, 7753


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The maps of the demo's Cape Town, on a real server that has counted its requests."""
    with serving(tmp_path_factory.mktemp("programs"), "--demo") as server:
        maps = f"{server.base}/maps/capetown.gov.za"
        for _ in range(300):
            if httpx.get(f"{maps}/summary.json").json()["count"] == ALL:
                break
            time.sleep(0.1)
        yield maps


@pytest.fixture(scope="module")
def qgis(maps: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What QGIS tells of every service."""
    folder = tmp_path_factory.mktemp("qgis")
    # it keeps what it loaded under HOME
    environment = {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "QT_QPA_PLATFORM": "offscreen",
        "PATH": os.environ["PATH"],
    }
    folder.chmod(0o700)
    done = subprocess.run(
        [PYTHON, SCRIPT, maps, folder], env=environment, capture_output=True, timeout=180, text=True
    )
    assert (folder / "told.json").exists(), done.stderr[-3000:]
    return json.loads((folder / "told.json").read_text())


@pytest.mark.parametrize("service", ["wfs", "old_wfs", "oapif"])
def test_qgis_reads_features(qgis: Any, service: str) -> None:
    told = qgis[service]
    assert told["valid"]
    assert told["count"] == told["read"] == ALL
    assert told["in_box"] == IN_BOX
    assert told["drawn"] > 5_000
    assert {"service_code", "status", "requested_datetime"} <= told["fields"].keys()


def test_qgis_filters(qgis: Any) -> None:
    assert qgis["wfs"]["subset"] == qgis["old_wfs"]["subset"] == OPEN
    assert 0 < qgis["oapif"]["subset"] < ALL


@pytest.mark.parametrize("service", ["wms", "wmts", "tiles"])
def test_qgis_draws(qgis: Any, service: str) -> None:
    assert qgis[service]["valid"]
    assert qgis[service]["drawn"] > 20_000


def test_qgis_takes_all_layers_at_once(qgis: Any) -> None:
    told = qgis["definition"]
    assert (told["done"], told["layers"], told["invalid"]) == (True, 16, [])
    assert told["drawn"] > 30_000


def test_qgis_reads_our_sld(qgis: Any) -> None:
    assert qgis["sld"]["done"], qgis["sld"]["message"]
    assert qgis["sld"]["rules"] >= 3
    assert qgis["sld"]["drawn"] > 20_000


def run(*command: str | Path, folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize(
    ("source", "layer"),
    [("WFS:{}/wfs", "o311:requests"), ("OAPIF:{}", "requests")],
)
def test_gdal_reads_features(maps: str, tmp_path: Path, source: str, layer: str) -> None:
    options = ["-oo", "PAGE_SIZE=5000"] if source.startswith("OAPIF") else []
    told = run("ogrinfo", "-so", *options, source.format(maps), layer)
    assert f"Feature Count: {ALL}" in told
    path = tmp_path / "some.csv"
    what = [path, source.format(maps), layer]
    run("ogr2ogr", "-f", "CSV", *options, *what, "-where", "status='open'")
    assert len(path.read_text().splitlines()) == OPEN + 1
    path.unlink()
    run("ogr2ogr", "-f", "CSV", *options, *what, "-spat", *BOX)
    assert len(path.read_text().splitlines()) == IN_BOX + 1


@pytest.mark.parametrize(
    "source",
    [
        "WMS:{}/wms?SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS=hexes&SRS=EPSG:4326"
        "&BBOX=18.6,-33.95,18.7,-33.88&FORMAT=image/png",
        "WMTS:{}/wmts/1.0.0/WMTSCapabilities.xml,layer=hexes,tilematrixset=WebMercatorQuad",
    ],
)
def test_gdal_reads_pictures(maps: str, tmp_path: Path, source: str) -> None:
    path = tmp_path / "picture.png"
    window = ["-projwin", "2070000", "-4010000", "2082000", "-4020000"] if "WMTS" in source else []
    size = ["-outsize", "500", "400"]
    # it keeps tiles where it is run
    what = [*size, *window, source.format(maps), path]
    run("gdal_translate", "-q", "-of", "PNG", *what, folder=tmp_path)
    assert path.stat().st_size > 5_000


def documented(maps: str) -> str:
    address = "http://127.0.0.1:8311/maps/capetown.gov.za"
    return (ROOT / "docs" / "gis.md").read_text().replace(address, maps)


def test_the_documented_commands_work(maps: str, tmp_path: Path) -> None:
    section = documented(maps).partition("## GDAL")[2].partition("\n## ")[0]
    commands = [line.split() for line in section.splitlines() if line.startswith("    ogr")]
    assert len(commands) == 3
    for command in commands:
        done = subprocess.run(
            [each.strip('"') for each in command], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert len((tmp_path / "some.csv").read_text().splitlines()) == IN_BOX + 1


def test_the_documented_script_works(maps: str, tmp_path: Path) -> None:
    script = documented(maps).partition("```python\n")[2].partition("```")[0]
    told = run(sys.executable, "-W", "ignore", "-c", script)
    assert sum(int(line.split()[-1]) for line in told.splitlines()[1:-1]) == OPEN


def test_the_programs_are_those_of_the_system() -> None:
    assert shutil.which("ogrinfo")
    assert Path(PYTHON).exists()
