"""Vector tiles in longitude and latitude, against the features that they are made of."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import mapbox_vector_tile
import msgspec
import numpy as np
import pytest
import shapely
from litestar import Litestar
from shapely.geometry import shape

from ingest import datasets
from ingest.datasets import About
from ingest.layer_files import Source
from open311.app import create_app
from open311.db import Database
from open311.settings import Settings
from tests.gis.test_ogcapi import all_of, get
from tests.maps.conftest import Row

pytestmark = pytest.mark.anyio

EXTENT = 4096
LON, LAT = 18.64, -33.92
"""In the middle of the demo's requests."""


def tile_of(zoom: int, lon: float = LON, lat: float = LAT) -> tuple[int, int, float]:
    """Row, column and width in degrees."""
    wide = 180 / (1 << zoom)
    return int((90 - lat) / wide), int((lon + 180) / wide), wide


async def tile(maps: httpx.AsyncClient, layer: str, zoom: int, **query: str) -> dict[str, Any]:
    """The layers of the tile in the middle, their shapes in degrees."""
    row, column, wide = tile_of(zoom)
    path = f"/collections/{layer}/tiles/WorldCRS84Quad/{zoom}/{row}/{column}"
    answer = await maps.get(path, params=query or None)
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    found = mapbox_vector_tile.decode(answer.content, default_options={"y_coord_down": True})
    west, north = column * wide - 180, 90 - row * wide
    for each in found.values():
        assert each["extent"] == EXTENT
        for feature in each["features"]:
            feature["shape"] = shapely.transform(
                shape(feature["geometry"]),
                lambda xy: np.column_stack(
                    (west + xy[:, 0] / EXTENT * wide, north - xy[:, 1] / EXTENT * wide)
                ),
            )
    return found


def box_of(zoom: int) -> tuple[float, float, float, float]:
    row, column, wide = tile_of(zoom)
    west, north = column * wide - 180, 90 - row * wide
    return west, north - wide, west + wide, north


def _text(box: tuple[float, float, float, float]) -> str:
    return ",".join(map(str, box))


async def test_points_are_those_of_the_layer(cape_town: httpx.AsyncClient) -> None:
    zoom = 14
    found = (await tile(cape_town, "requests", zoom))["requests"]["features"]
    box = _text(box_of(zoom))
    items = await all_of(cape_town, "/collections/requests/items", bbox=box, limit=1000)
    places = {each["id"]: shape(each["geometry"]) for each in items}
    assert {each["properties"]["service_request_id"] for each in found} == set(places)
    assert len(found) > 20
    unit = tile_of(zoom)[2] / EXTENT
    for each in found:
        name = each["properties"]["service_request_id"]
        assert each["shape"].distance(places[name]) < 2 * unit
        assert set(each["properties"]) == {
            "service_request_id", "service_code", "status", "requested_datetime",
        }  # fmt: skip
        assert each["properties"]["requested_datetime"].endswith("Z")


async def test_what_limits_requests_limits_tiles(cape_town: httpx.AsyncClient) -> None:
    found = (await tile(cape_town, "requests", 14, status="open"))["requests"]["features"]
    assert {each["properties"]["status"] for each in found} == {"open"}


async def test_hexagons_are_drawn_where_there_are_many_requests(
    cape_town: httpx.AsyncClient, rows: list[Row]
) -> None:
    found = (await tile(cape_town, "requests", 6))["requests"]["features"]
    assert {each["geometry"]["type"] for each in found} == {"Polygon"}
    assert sum(each["properties"]["count"] for each in found) == len(rows)
    assert all(each["shape"].is_valid for each in found)


async def test_outlines_are_cut_at_the_tile_and_named(cape_town: httpx.AsyncClient) -> None:
    zoom = 12
    found = await tile(cape_town, "wards", zoom)
    west, south, east, north = box_of(zoom)
    buffer = (east - west) * 65 / EXTENT
    around = shapely.box(west - buffer, south - buffer, east + buffer, north + buffer)
    drawn = {each["properties"]["code"]: each["shape"] for each in found["wards"]["features"]}
    box = _text(box_of(zoom))
    items = await get(cape_town, "/collections/wards/items", bbox=box, limit=1000)
    whole = {each["properties"]["code"]: shape(each["geometry"]) for each in items["features"]}
    assert set(whole) <= set(drawn)
    inner = shapely.box(west, south, east, north)
    for code, outline in whole.items():
        assert drawn[code].within(around)
        kept = drawn[code].intersection(inner).area
        assert kept == pytest.approx(outline.intersection(inner).area, abs=inner.area / 1000)
    for label in found["wards_labels"]["features"]:
        assert label["geometry"]["type"] == "Point"


async def test_tiles_say_what_they_leave_out(demo: Settings) -> None:
    app = create_app(msgspec.structs.replace(demo, max_tile_features=40))
    async with app.lifespan():
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
        base = "http://maps.test/maps/capetown.gov.za"
        async with httpx.AsyncClient(transport=transport, base_url=base) as few:
            layers = await tile(few, "requests", 15)
            items = await get(few, "/collections/requests/items", bbox=_text(box_of(15)))
    assert len(layers["requests"]["features"]) == 40
    (note,) = layers["requests_truncated"]["features"]
    assert note["properties"] == {"truncated": items["numberMatched"] - 40}


async def test_fields_of_any_name_are_drawn(
    app: Litestar, database: Database, settings: Settings, city: str, tmp_path: Path
) -> None:
    names = ["Wyk", "geom", "shape", 'it\'s "quoted"', *(f"field {n}" for n in range(60))]
    fields = {name: [number, number + 1] for number, name in enumerate(names)}
    places = gpd.points_from_xy([LON, LON + 0.001], [LAT, LAT])
    frame = gpd.GeoDataFrame(fields, geometry=gpd.GeoSeries(places, crs=4326))
    frame.to_parquet(tmp_path / "layer.parquet")
    source = Source(tmp_path / "layer.parquet")
    await datasets.import_file(database, settings, city, source, About("fields"))
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://maps.test/maps/{city}"
    ) as maps:
        found = (await tile(maps, "fields", 10))["fields"]["features"]
    assert {each["properties"]["Wyk"] for each in found} == {0, 1}
    first = next(each["properties"] for each in found if each["properties"]["Wyk"] == 0)
    assert first == {name: number for number, name in enumerate(names)}


async def test_a_set_of_tiles_tells_where_they_are(cape_town: httpx.AsyncClient) -> None:
    sets = await get(cape_town, "/collections/wards/tiles")
    assert [each["tileMatrixSetId"] for each in sets["tilesets"]] == [
        "WebMercatorQuad",
        "WorldCRS84Quad",
    ]
    told = await get(cape_town, "/collections/wards/tiles/WorldCRS84Quad")
    assert told["crs"].endswith("CRS84")
    limits = {int(each["tileMatrix"]): each for each in told["tileMatrixSetLimits"]}
    assert set(limits) == set(range(8, 16))
    row, column, _ = tile_of(12)
    assert limits[12]["minTileRow"] <= row <= limits[12]["maxTileRow"]
    assert limits[12]["minTileCol"] <= column <= limits[12]["maxTileCol"]
    told = await get(cape_town, "/collections/boundaries/tiles/WorldCRS84Quad")
    world = told["tileMatrixSetLimits"][0]
    assert (world["tileMatrix"], world["minTileRow"], world["maxTileRow"]) == ("0", 0, 0)


@pytest.mark.parametrize("where", ["0/0/2", "0/1/0", "23/0/0", "12/x/0", "3/1/1", "16/1/1"])
async def test_tiles_elsewhere_are_not_found(cape_town: httpx.AsyncClient, where: str) -> None:
    answer = await cape_town.get(f"/collections/wards/tiles/WorldCRS84Quad/{where}")
    assert answer.status_code == 404
