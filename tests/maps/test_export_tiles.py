"""PMTiles: the tiles that the server sends, all of them, in one file."""

import gzip
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import msgspec
import pytest
import shapely
from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import Compression, TileType

from geo.tiles import tile_at
from ingest import datasets
from ingest.datasets import About
from ingest.layer_files import Source
from mapserve.admin import changes
from mapserve.filters import CLOSED_STATUSES, OPEN_STATUSES, Selection
from mapserve.pmtiles_export import Wanted, Written, export
from open311 import db, jurisdictions
from open311.db import Database
from open311.errors import BadInput, NotFound
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings
from tests.maps.conftest import CAPE_TOWN
from tests.maps.truth import Row

pytestmark = pytest.mark.anyio

PARKS = About("parks", "Parks")


@pytest.fixture
async def demo_maps(demo: Settings) -> AsyncIterator[Database]:
    async with db.connected(demo, "map") as made:
        yield made


@pytest.fixture
async def city(demo: Settings) -> Jurisdiction:
    async with db.connected(demo) as database:
        return await jurisdictions.find(database, CAPE_TOWN)


@pytest.fixture
async def parks(demo: Settings, tmp_path: Path) -> AsyncIterator[str]:
    """Two parks, one of them far outside the city."""
    shapes = [shapely.Point(18.65, -33.92).buffer(0.02), shapely.box(20, -32, 20.01, -31.99)]
    path = tmp_path / "parks.gpkg"
    gpd.GeoDataFrame({"n": [1, 2]}, geometry=shapes, crs=4326).to_file(path)
    async with db.connected(demo) as database:
        await datasets.import_file(database, demo, CAPE_TOWN, Source(path), PARKS)
        yield PARKS.dataset
        await changes.remove(database, CAPE_TOWN, PARKS.dataset, "tests")


@contextmanager
def opened(path: Path) -> Iterator[tuple[Reader, dict[tuple[int, int, int], bytes]]]:
    with path.open("rb") as file:
        source = MmapSource(file)
        yield Reader(source), {place: gzip.decompress(data) for place, data in all_tiles(source)}


def wanted(layers: str, first: int, last: int, **only: Any) -> Wanted:
    return Wanted(layers, Selection(**only), first, last)


async def served(
    client: httpx.AsyncClient, layers: str, place: tuple[int, ...], query: str
) -> bytes:
    zoom, x, y = place
    answer = await client.get(f"/tiles/{layers}/{zoom}/{x}/{y}.mvt?{query}")
    assert answer.status_code in (200, 204)
    return answer.content


@pytest.mark.parametrize(
    ("layers", "first", "last", "query", "only"),
    [
        ("requests", 0, 11, "", {}),
        ("requests", 13, 14, "", {}),
        ("requests", 14, 14, "status=closed", {"statuses": CLOSED_STATUSES}),
        ("hexes", 4, 10, "status=open", {"statuses": OPEN_STATUSES}),
        ("requests,parks", 6, 10, "", {}),
        ("parks", 0, 12, "", {}),
    ],
)
async def test_the_file_has_the_tiles_that_the_server_sends_and_no_others(
    cape_town: httpx.AsyncClient,
    demo: Settings,
    demo_maps: Database,
    city: Jurisdiction,
    parks: str,
    rows: list[Row],
    tmp_path: Path,
    layers: str,
    first: int,
    last: int,
    query: str,
    only: dict[str, Any],
) -> None:
    path = tmp_path / "city.pmtiles"
    written = await export(demo_maps, demo, city, wanted(layers, first, last, **only), path)
    with opened(path) as (_, found):
        assert len(found) == written.tiles > 0
        for place, body in found.items():
            assert body == await served(cape_town, layers, place, query), place
        beside = {
            (zoom, x + across, y + down)
            for zoom, x, y in found
            for across in (-1, 0, 1)
            for down in (-1, 0, 1)
            if 0 <= x + across < 1 << zoom and 0 <= y + down < 1 << zoom
        }
        there = {(zoom, *tile_at(row.lon, row.lat, zoom)) for row in rows for zoom in (first, last)}
        for place in sorted((beside | there) - found.keys()):
            assert await served(cape_town, layers, place, query) == b"", place


async def test_the_file_says_what_is_in_it(
    demo: Settings, demo_maps: Database, city: Jurisdiction, parks: str, tmp_path: Path
) -> None:
    path = tmp_path / "city.pmtiles"
    await export(demo_maps, demo, city, wanted("requests,parks", 3, 9), path)
    with opened(path) as (reader, found):
        header, metadata = reader.header(), reader.metadata()
        assert reader.get(9, *tile_at(20.005, -31.995, 9)) is not None
    assert (header["min_zoom"], header["max_zoom"]) == (3, 9)
    assert header["clustered"]
    assert header["tile_type"] == TileType.MVT
    assert header["tile_compression"] == Compression.GZIP
    assert header["addressed_tiles_count"] == len(found)
    # a map reads no tile outside the bounds
    west, south, east, north = (
        header[f"{end}_{side}_e7"] / 1e7
        for end, side in (("min", "lon"), ("min", "lat"), ("max", "lon"), ("max", "lat"))
    )
    assert east - west < 3
    for zoom, x, y in found:
        left, top = tile_at(west, north, zoom)
        right, bottom = tile_at(east, south, zoom)
        assert left <= x <= right
        assert top <= y <= bottom
    ids = [layer["id"] for layer in metadata["vector_layers"]]
    assert ids == ["requests", "requests_truncated", "parks", "parks_truncated"]
    assert metadata["vector_layers"][2]["fields"] == {"n": "Number"}


async def test_a_failure_leaves_the_file_that_was_there(
    demo: Settings, demo_maps: Database, city: Jurisdiction, tmp_path: Path
) -> None:
    path = tmp_path / "city.pmtiles"
    path.write_bytes(b"older")
    never = wanted("requests", 14, 14, start=datetime(2050, 1, 1, tzinfo=UTC))
    for what, error, told in (
        (never, BadInput, "Nothing of this"),
        (wanted("parks", 0, 5), NotFound, "no layer 'parks'"),
        (wanted("hexes", 0, 17), BadInput, "Zooms are 0 to 16"),
        (wanted("hexes", 5, 4), BadInput, "Zooms are 0 to 16"),
    ):
        with pytest.raises(error, match=told):
            await export(demo_maps, demo, city, what, path)
    assert path.read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["city.pmtiles"]


async def test_a_city_that_publishes_hexagons_only_exports_nothing_else(
    demo: Settings, demo_maps: Database, city: Jurisdiction, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(city.settings, hex_minimum=20)
    careful = msgspec.structs.replace(city, settings=settings)
    path = tmp_path / "city.pmtiles"

    async def write(what: Wanted) -> Written:
        return await export(demo_maps, demo, careful, what, path)

    with pytest.raises(BadInput, match="hexagons cannot be filtered"):
        await write(wanted("requests", 10, 14, statuses=OPEN_STATUSES))
    await write(wanted("requests", 14, 15))
    with opened(path) as (_, found):
        assert found
        assert not any(b"service_request_id" in body for body in found.values())
