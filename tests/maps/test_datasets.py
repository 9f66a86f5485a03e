"""Datasets: files of every kind become layers, whole or not at all, seen once published."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import mapbox_vector_tile
import msgspec
import pytest
import shapely
from litestar import Litestar
from msgspec import structs
from sqlalchemy import text
from sqlalchemy.event import listen

from geo.tiles import tile_at
from ingest import datasets
from ingest.datasets import About, Outcome
from ingest.history import analyze
from ingest.layer_files import Source
from mapserve import datasets as layers
from mapserve.admin import changes
from mapserve.admin.changes import Changes
from mapserve.datasets import MAX_ZOOM
from mapserve.drawing import Drawing, Tile
from mapserve.filters import Selection
from open311 import db, jurisdictions
from open311.db import Database
from open311.errors import BadInput, NotFound
from open311.settings import Settings

pytestmark = pytest.mark.anyio

CLINICS = About("clinics", "Clinics", "Day clinics", "City of Test")
WHERE = (18.65, -33.92)
BOW_TIE = shapely.Polygon([(18.6, -33.9), (18.7, -34.0), (18.7, -33.9), (18.6, -34.0)])


def frame(number: int = 3) -> gpd.GeoDataFrame:
    """Points in a row, with a value of each type."""
    lon, lat = WHERE
    return gpd.GeoDataFrame(
        {
            "name": [f"Clinic {i}" for i in range(number)],
            "beds": [i * 10 for i in range(number)],
            "rate": [i / 8 for i in range(number)],
            "open": [i % 2 == 0 for i in range(number)],
        },
        geometry=[shapely.Point(lon + i / 1000, lat) for i in range(number)],
        crs=4326,
    )


def write(path: Path, shapes: gpd.GeoDataFrame) -> Path:
    if path.suffix == ".parquet":
        shapes.to_parquet(path)
    else:
        shapes.to_file(path)
    return path


@pytest.fixture
async def maps(app: Litestar, city: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the maps of the test's city."""
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://m.test/maps/{city}") as it:
        yield it


async def bring(
    database: Database,
    settings: Settings,
    city: str,
    path: Path,
    about: About = CLINICS,
    **more: Any,
) -> Outcome:
    source = Source(path, **more)
    return await datasets.import_file(database, settings, city, source, about)


async def features(maps: httpx.AsyncClient, zoom: int = 14, name: str = "clinics") -> list[Any]:
    """Those in the tile of the first clinic."""
    x, y = tile_at(*WHERE, zoom)
    answer = await maps.get(f"/tiles/{name}/{zoom}/{x}/{y}.mvt")
    if answer.status_code == 204:
        return []
    assert answer.status_code == 200, answer.text
    layer = mapbox_vector_tile.decode(answer.content).get(name)
    return [] if layer is None else list(layer["features"])


@pytest.mark.parametrize(
    ("suffix", "crs"),
    [
        ("geojson", 4326),  # always in degrees
        *((suffix, crs) for suffix in ("gpkg", "fgb", "parquet", "shp") for crs in (4326, 22234)),
    ],
)
async def test_a_file_of_any_kind_and_place_becomes_the_same_layer(
    maps: httpx.AsyncClient,
    database: Database,
    settings: Settings,
    city: str,
    tmp_path: Path,
    suffix: str,
    crs: int,
) -> None:
    path = write(tmp_path / f"clinics.{suffix}", frame().to_crs(crs))
    outcome = await bring(database, settings, city, path)
    assert (outcome.features, outcome.repaired, outcome.left_out) == (3, 0, 0)
    found = sorted((each["properties"] for each in await features(maps)), key=lambda p: p["name"])
    assert [each["name"] for each in found] == ["Clinic 0", "Clinic 1", "Clinic 2"]
    assert [each["beds"] for each in found] == [0, 10, 20]
    assert [each["rate"] for each in found] == [0, 0.125, 0.25]
    told = (await maps.get("/tiles/clinics.json")).json()
    assert told["vector_layers"][0]["fields"].keys() == {"name", "beds", "rate", "open"}
    assert told["vector_layers"][0]["fields"]["beds"] == "Number"
    assert told["attribution"] == "City of Test"


async def test_values_keep_their_types(
    database: Database, settings: Settings, city: str, tmp_path: Path
) -> None:
    properties = {"n": 2**40, "f": 1.5, "b": True, "s": "a", "d": "2024-01-02", "l": ["x"]}
    properties["t"] = "2024-01-02T03:04:05Z"
    empty = dict.fromkeys(properties)
    shape = {"type": "Point", "coordinates": WHERE}
    rows = [{"type": "Feature", "properties": p, "geometry": shape} for p in (properties, empty)]
    path = tmp_path / "typed.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    outcome = await bring(database, settings, city, path)
    assert len(outcome.fields_left_out) == 1
    assert outcome.fields_left_out[0].startswith("l (list")
    async with database.begin(city) as connection:
        stored = await connection.execute(text("select cast(properties as text) from feature"))
        first, second = (json.loads(each) for each in stored.scalars())
        fields = await connection.execute(text("select cast(fields as text) from dataset"))
        types = {each["name"]: each["type"] for each in json.loads(fields.scalar_one())}
    del properties["l"], empty["l"]
    assert (first, second) == (properties, empty)
    assert types == {
        **{"n": "integer", "f": "number", "b": "boolean", "s": "string"},
        **{"d": "date", "t": "date-time"},
    }


async def test_shapes_are_repaired_or_left_out_and_told(
    maps: httpx.AsyncClient, database: Database, settings: Settings, city: str, tmp_path: Path
) -> None:
    point = shapely.Point(*WHERE)
    shapes = [BOW_TIE, None, shapely.Point(18.6, 95), shapely.Point(), point]
    rows = gpd.GeoDataFrame({"n": range(5)}, geometry=shapes, crs=4326)
    outcome = await bring(database, settings, city, write(tmp_path / "odd.parquet", rows))
    assert (outcome.features, outcome.repaired, outcome.left_out) == (2, 1, 3)
    async with database.begin(city) as connection:
        found = await connection.execute(
            text("select feature_id, st_isvalid(geom), st_area(geom) from feature order by 1")
        )
        (number, valid, area), (last, _, _) = found.all()
    assert (number, valid, last) == (1, True, 5)
    assert area == pytest.approx(0.005)
    assert len(await features(maps, 10)) == 2


async def test_what_is_not_published_is_nowhere(
    maps: httpx.AsyncClient, database: Database, settings: Settings, city: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "clinics.gpkg", frame())
    await bring(database, settings, city, path, structs.replace(CLINICS, access="nobody"))
    x, y = tile_at(*WHERE, 14)
    for where in ("/tiles/clinics.json", f"/tiles/clinics/14/{x}/{y}.mvt"):
        answer = await maps.get(where)
        assert answer.status_code == 404
        assert answer.text.count("clinics") == 1
    await changes.change(database, city, "clinics", Changes(access="public"), "tests")
    assert len(await features(maps)) == 3
    await changes.change(database, city, "clinics", Changes(access="nobody"), "tests")
    assert (await maps.get("/tiles/clinics.json")).status_code == 404


async def test_a_kept_tile_changes_with_its_dataset(
    maps: httpx.AsyncClient,
    app: Litestar,
    database: Database,
    settings: Settings,
    city: str,
    tmp_path: Path,
) -> None:
    """Imported again, withdrawn, removed: each is heard, and what was kept is no longer sent."""
    hub = app.state.hub
    await bring(database, settings, city, write(tmp_path / "one.gpkg", frame()))
    await hub.catch_up()
    assert len(await features(maps)) == 3
    await bring(database, settings, city, write(tmp_path / "two.gpkg", frame(5)), About("clinics"))
    await hub.catch_up()
    assert len(await features(maps)) == 5
    await changes.remove(database, city, "clinics", "tests")
    await hub.catch_up()
    x, y = tile_at(*WHERE, 14)
    assert (await maps.get(f"/tiles/clinics/14/{x}/{y}.mvt")).status_code == 404
    async with database.begin(city) as connection:
        assert (await connection.execute(text("select count(*) from feature"))).scalar_one() == 0
        kinds = await connection.execute(
            text("select kind from event where kind like 'dataset.%' order by id")
        )
        assert list(kinds.scalars()) == ["dataset.imported"] * 2 + ["dataset.removed"]


async def test_a_file_that_fails_leaves_the_older_one(
    maps: httpx.AsyncClient, database: Database, settings: Settings, city: str, tmp_path: Path
) -> None:
    await bring(database, settings, city, write(tmp_path / "good.gpkg", frame()))
    nothing = gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(0, 95)], crs=4326)
    with pytest.raises(BadInput, match="holds nothing that is on the map"):
        await bring(database, settings, city, write(tmp_path / "bad.parquet", nothing))
    assert len(await features(maps)) == 3


async def test_what_cannot_be_read_is_told_in_a_sentence(
    database: Database, settings: Settings, city: str, tmp_path: Path
) -> None:
    nowhere = write(tmp_path / "nowhere.parquet", frame().set_crs(None, allow_override=True))
    several = tmp_path / "several.gpkg"
    for layer in ("north", "south"):
        frame().to_file(several, layer=layer)
    plain, broken = tmp_path / "plain.csv", tmp_path / "broken.gpkg"
    plain.write_text("a,b\n1,2\n")
    broken.write_text("not a file of shapes")
    few = msgspec.structs.replace(settings, max_dataset_features=2, max_dataset_fields=3)
    good = write(tmp_path / "good.gpkg", frame())
    cases = [
        (settings, nowhere, "does not say in which coordinate system"),
        (settings, several, "Say which layer of .*: north, south"),
        (settings, plain, "No column is named for coordinates"),
        (settings, broken, "broken.gpkg"),
        (few, good, "at most 2 features, and this has 3"),
        (msgspec.structs.replace(few, max_dataset_features=3), good, "at most 3 fields"),
    ]
    for limits, path, told in cases:
        with pytest.raises(BadInput, match=told):
            await bring(database, limits, city, path)
    assert (await bring(database, settings, city, several, layer="south")).features == 3
    assert (await bring(database, settings, city, nowhere, crs="EPSG:4326")).features == 3
    with pytest.raises(BadInput, match="letters, digits and hyphens"):
        await bring(database, settings, city, good, About("Clinics!", "Clinics"))
    with pytest.raises(NotFound, match="published no layer 'schools'"):
        await changes.change(database, city, "schools", Changes(access="public"), "tests")


async def test_small_shapes_are_first_seen_where_a_unit_shows_them(
    maps: httpx.AsyncClient, database: Database, settings: Settings, city: str, tmp_path: Path
) -> None:
    square = shapely.box(*WHERE, WHERE[0] + 0.0001, WHERE[1] + 0.0001)
    rows = gpd.GeoDataFrame({"n": [1]}, geometry=[square], crs=4326)
    await bring(database, settings, city, write(tmp_path / "roof.gpkg", rows))
    first = (await maps.get("/tiles/clinics.json")).json()["minzoom"]
    assert 0 < first <= MAX_ZOOM
    assert not await features(maps, first - 1)
    assert len(await features(maps, first)) == 1


async def test_when_a_tile_is_full_the_largest_stay_and_the_rest_is_counted(
    database: Database, settings: Settings, city: str, tmp_path: Path
) -> None:
    lon, lat = WHERE
    squares = [shapely.box(lon, lat, lon + i / 1e5, lat + i / 1e5) for i in range(1, 201)]
    rows = gpd.GeoDataFrame({"n": range(1, 201)}, geometry=squares, crs=4326)
    await bring(database, settings, city, write(tmp_path / "squares.gpkg", rows))
    town = await jurisdictions.find(database, city)
    tile = Tile(12, *tile_at(*WHERE, 12))

    async def drawn(**limits: int) -> tuple[bytes, int, list[int], int]:
        limited = msgspec.structs.replace(settings, **limits)
        async with database.begin(city) as connection:
            dataset = await layers.find(connection, city, "clinics")
            assert dataset is not None
            drawing = Drawing(connection, town, limited, tile, Selection(), 0)
            found = await layers.draw(dataset, drawing)
        decoded = mapbox_vector_tile.decode(found.data)
        numbers = sorted(each["properties"]["n"] for each in decoded["clinics"]["features"])
        (missing,) = decoded["clinics_truncated"]["features"]
        return found.data, found.truncated, numbers, missing["properties"]["truncated"]

    _, left_out, numbers, told = await drawn(max_tile_features=50)
    assert numbers == list(range(151, 201))
    seen = 200 - 1  # the smallest is under a unit of this tile, 2.1e-5 degrees of longitude
    assert left_out == told == seen - 50
    data, left_out, numbers, told = await drawn(max_tile_bytes=2000)
    assert 1000 < len(data) < 2100
    assert numbers == list(range(201 - len(numbers), 201))
    assert left_out == told == seen - len(numbers)


async def test_a_tile_reads_the_index_and_not_the_dataset(
    database: Database, settings: Settings, city: str, tmp_path: Path
) -> None:
    """Ranges of places are leakproof, so they are looked up, whatever row-level security asks."""
    rows = gpd.GeoDataFrame(
        {"n": range(20_000)},
        geometry=shapely.points(
            [(17 + i % 200 / 100, -34 + i // 200 / 100) for i in range(20_000)]
        ),
        crs=4326,
    )
    await bring(database, settings, city, write(tmp_path / "grid.gpkg", rows))
    await analyze(settings, "feature")
    caught: list[tuple[str, Any]] = []
    async with db.connected(settings, "map") as maps, maps.begin(city) as connection:
        dataset = await layers.find(connection, city, "clinics")
        assert dataset is not None
        listen(maps.engine.sync_engine, "before_cursor_execute", lambda *a: caught.append(a[2:4]))
        town = await jurisdictions.find(database, city)
        tile = Tile(12, *tile_at(*WHERE, 12))
        await layers.draw(dataset, Drawing(connection, town, settings, tile, Selection(), 0))
        ((statement, values),) = caught
        explained = await connection.exec_driver_sql(f"explain (analyze) {statement}", values)
        plan = "\n".join(explained.scalars())
    assert "Seq Scan on feature" not in plan, plan
    assert re.search(r"dataset_place_idx on feature.*\n\s+Index Cond: .*place >= ", plan), plan
