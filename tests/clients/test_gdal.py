"""GDAL, and so every GIS on it, reads tiles from the server and from an exported file."""

import csv
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import pyogrio
import pytest
import shapely

from ingest import datasets
from ingest.datasets import About
from ingest.layer_files import Source
from mapserve.filters import Selection
from mapserve.pmtiles_export import Wanted, export
from open311 import db, jurisdictions
from open311.settings import Settings
from tests.clients.conftest import BUSY_DAY_ROWS, JURISDICTION, Town

# other tests file more
EXPECTED = {f"RECENT-{number}" for number in range(10)}
EXPECTED |= {f"BUSY-{number}" for number in range(BUSY_DAY_ROWS)}
COUNT_SECONDS = 30
ROOF = shapely.box(18.65, -33.93, 18.66, -33.92)


@pytest.fixture
def tiles(town: Town) -> str:
    """The address of the town's tiles, once its requests are counted."""
    maps = f"{town.address}/maps/{town.jurisdiction_id}"
    end = time.monotonic() + COUNT_SECONDS
    while _count(maps, "count") < len(EXPECTED) and time.monotonic() < end:
        time.sleep(0.1)
    return f"{maps}/tiles"


def _count(maps: str, column: str) -> int:
    answer = httpx.get(f"{maps}/h3/3.csv").raise_for_status()
    return sum(int(row[column]) for row in csv.DictReader(answer.text.splitlines()))


def read(tiles: str, layer: str, zoom: int) -> gpd.GeoDataFrame:
    """All features of a zoom, in degrees, with the columns that TileJSON tells of."""
    address = f"{tiles}/{layer}"
    found = pyogrio.read_dataframe(
        f"MVT:{address}/{zoom}", layer=layer, METADATA_FILE=f"{address}.json"
    )
    return found.to_crs(4326)


def test_points_of_all_tiles(tiles: str) -> None:
    found = read(tiles, "requests", 12)
    assert set(found["service_request_id"]) >= EXPECTED
    assert found["service_request_id"].is_unique
    states = dict(zip(found["service_request_id"], found["status"], strict=True))
    assert (states["RECENT-0"], states["RECENT-1"]) == ("open", "closed")
    places = dict(zip(found["service_request_id"], found.geometry, strict=True))
    assert places["RECENT-3"].distance(shapely.Point(18.65, -33.923)) < 0.0001


def test_hexagons_have_numbers(tiles: str) -> None:
    found = read(tiles, "hexes", 11).drop_duplicates("cell")
    maps = tiles.removesuffix("/tiles")
    assert found["count"].sum() == _count(maps, "count") >= len(EXPECTED)
    assert found["open"].sum() == _count(maps, "open")
    assert found["median_days"].min() < 1
    assert set(found.geom_type) == {"Polygon"}


@pytest.mark.anyio
async def test_a_dataset_with_its_columns(tiles: str, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "roofs.gpkg"
    roofs = gpd.GeoDataFrame({"height": [7.5], "use": ["hall"]}, geometry=[ROOF], crs=4326)
    roofs.to_file(path)
    about = About("roofs", "Roofs")
    async with db.connected(settings) as database:
        await datasets.import_file(database, settings, JURISDICTION, Source(path), about)
    found = read(tiles, "roofs", 14)
    assert set(found["height"]) == {7.5}
    assert set(found["use"]) == {"hall"}
    whole = shapely.union_all(found.geometry.array)
    assert whole.symmetric_difference(ROOF).area < ROOF.area / 100


@pytest.mark.anyio
async def test_an_exported_file(tiles: str, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "town.pmtiles"
    async with db.connected(settings) as database:
        city = await jurisdictions.find(database, JURISDICTION)
    async with db.connected(settings, "map") as maps:
        await export(maps, settings, city, Wanted("requests", Selection(), 9, 13), path)
    found: Any = pyogrio.read_dataframe(path, layer="requests")
    assert set(found["service_request_id"]) >= EXPECTED
    assert found.crs.to_epsg() == 3857
