"""Downloads of layers whose fields have names and values that formats trip over."""

import csv
import io
import zipfile
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import openpyxl
import pytest
from litestar import Litestar

from ingest import datasets
from ingest.datasets import About
from ingest.layer_files import Source
from open311.db import Database
from open311.settings import Settings

pytestmark = pytest.mark.anyio

Bring = Callable[[dict[str, list[Any]], str], Awaitable[Path]]
FILES = ["gpkg", "fgb", "parquet", "shp.zip"]


@pytest.fixture
def bring(
    app: Litestar, database: Database, settings: Settings, city: str, tmp_path: Path
) -> Bring:
    """Publish two points with some fields, and download them as a file of an extension."""

    async def publish_and_download(fields: dict[str, list[Any]], extension: str) -> Path:
        source, path = tmp_path / "layer.parquet", tmp_path / f"fields.{extension}"
        places = gpd.points_from_xy([18.65, 18.66], [-33.92, -33.93])
        shapes = gpd.GeoSeries(places, crs=4326)
        gpd.GeoDataFrame({**fields, "the_geom": shapes}, geometry="the_geom").to_parquet(source)
        await datasets.import_file(database, settings, city, Source(source), About("fields"))
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
        base = f"http://maps.test/maps/{city}"
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            answer = await client.get(f"/export/fields.{extension}")
        assert answer.status_code == 200, answer.text
        path.write_bytes(answer.content)
        return path

    return publish_and_download


def read(path: Path) -> gpd.GeoDataFrame:
    return gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)


@pytest.mark.parametrize("extension", FILES)
@pytest.mark.parametrize("names", [["id", "geometry", "fid"], ["ID", "Geometry", "FID"],
                                   ["GEOMETRY", "geom", "ogc_fid"]])  # fmt: skip
@pytest.mark.parametrize("values", [["x", "y"], [7, 8]], ids=["texts", "numbers"])
async def test_any_name_of_a_field(
    bring: Bring, extension: str, names: list[str], values: list[Any]
) -> None:
    found = read(await bring(dict.fromkeys(names, values), extension))
    shapes = found.geometry
    for name in names:
        # GeoPandas calls the shapes of what GDAL read `geometry`, and so hides a field of that name
        if name != "geometry" or extension == "parquet":
            assert found.drop(columns=shapes.name)[name].tolist() == values
    assert shapes.x.tolist() == pytest.approx([18.65, 18.66])


@pytest.mark.parametrize("extension", FILES)
async def test_names_that_differ_by_case(bring: Bring, extension: str) -> None:
    found = read(await bring({"Name": ["a", "b"], "name": ["c", "d"]}, extension))
    assert found["Name"].tolist() == ["a", "b"]
    assert found["name_1"].tolist() == ["c", "d"]


async def test_long_names_of_a_shapefile(bring: Bring) -> None:
    fields = {"é" * 9 + "1": [1, 2], "é" * 9 + "2": [3, 4], "=1+1, a comma": ["a", "b"]}
    path = await bring(fields, "shp.zip")
    told = zipfile.ZipFile(path).read("fields.csv").decode()
    names = {row["name"]: row["short"] for row in csv.DictReader(io.StringIO(told))}
    assert list(names) == ["é" * 9 + "1", "é" * 9 + "2", "'=1+1, a comma"]
    found = read(path)
    assert found[names["é" * 9 + "2"]].tolist() == [3, 4]


async def test_no_name_is_a_formula(bring: Bring) -> None:
    path = await bring({'=HYPERLINK("http://x")': ["a", "=1+1"], "latitude": [1.5, 2.5]}, "csv")
    with path.open(newline="") as file:
        header, _, second = csv.reader(file)
    assert header == ["id", '\'=HYPERLINK("http://x")', "latitude", "longitude", "latitude_1"]
    assert second == ["2", "'=1+1", "2.5", "18.66", "-33.93"]


async def test_values_in_excel(bring: Bring) -> None:
    fields = {
        "=1+1": ["=2+2", "🚧\x08 pothole"],
        "number": [2**53 + 1, -(2**53)],
        "day": [date(1652, 4, 6), date(2026, 2, 1)],
        "id": [5, 6],
    }
    sheet = openpyxl.load_workbook(await bring(fields, "xlsx")).active
    header, first, second = sheet.iter_rows()
    assert [each.value for each in header][:5] == ["id_1", "=1+1", "number", "day", "id"]
    assert {each.data_type for each in (*header, first[1], second[1])} == {"s"}
    assert [each.value for each in first][1:5] == ["=2+2", str(2**53 + 1), "1652-04-06", 5]
    assert second[2].value == -(2**53)
    assert second[3].value.date() == date(2026, 2, 1)
