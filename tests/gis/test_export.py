"""Downloads of layers, read back by the libraries that people read them with."""

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import openpyxl
import pandas as pd
import pytest
import shapely
from lxml import etree

from mapserve.export.formats import FORMATS
from tests.maps.truth import Row

pytestmark = pytest.mark.anyio

READ_BY_GDAL = ["geojson", "ndjson", "gpkg", "fgb", "shp.zip", "gml", "kml"]


async def bring(client: httpx.AsyncClient, name: str, expected: int = 200, **query: Any) -> bytes:
    answer = await client.get(f"/export/{name}", params=query or None)
    assert answer.status_code == expected, answer.text[:300]
    if expected == 200:
        extension = name.partition(".")[2]
        assert answer.headers["content-type"].startswith(
            FORMATS[extension].media_type.split(";")[0]
        )
        assert f'filename="capetown.gov.za-{name}"' in answer.headers["content-disposition"]
    return answer.content


async def frame(
    client: httpx.AsyncClient, folder: Path, name: str, **query: Any
) -> gpd.GeoDataFrame:
    path = folder / name.replace("ndjson", "geojsonl")
    path.write_bytes(await bring(client, name, **query))
    return gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)


@pytest.mark.parametrize("extension", [*READ_BY_GDAL, "parquet"])
async def test_a_file_holds_every_feature(
    cape_town: httpx.AsyncClient, rows: list[Row], tmp_path: Path, extension: str
) -> None:
    found = await frame(cape_town, tmp_path, f"requests.{extension}")
    assert len(found) == len(rows)
    names = {"gml": "gml_id", "kml": "Name", "shp.zip": "service_re"}
    key = names.get(extension, "service_request_id")
    places = dict(zip(found[key].str.removeprefix("requests."), found.geometry, strict=True))
    for row in rows[::500]:
        told = places[row.service_request_id]
        # GML has latitude first, which GDAL knows of a system named by URN
        assert (told.x, told.y) == pytest.approx((row.lon, row.lat), abs=1e-6)
    assert found.crs is None or found.crs.to_epsg() == 4326 or found.crs.name == "WGS 84 (CRS84)"


@pytest.mark.parametrize("extension", ["gpkg", "fgb", "parquet"])
async def test_types_stay(cape_town: httpx.AsyncClient, tmp_path: Path, extension: str) -> None:
    found = await frame(cape_town, tmp_path, f"requests.{extension}")
    assert isinstance(found.requested_datetime.dtype, pd.DatetimeTZDtype)
    hexes = await frame(cape_town, tmp_path, f"hexes.{extension}")
    assert hexes["count"].dtype.kind == "i"
    assert hexes["count"].sum() == len(found)
    assert (hexes.geom_type == "MultiPolygon").all()


@pytest.mark.parametrize("extension", [each for each in FORMATS if each not in ("kml", "xlsx")])
async def test_another_system(cape_town: httpx.AsyncClient, tmp_path: Path, extension: str) -> None:
    plain = await frame(cape_town, tmp_path, "wards.gpkg")
    if extension == "csv":
        text = (await bring(cape_town, "requests.csv", crs="EPSG:2048")).decode()
        header = next(csv.reader(io.StringIO(text)))
        assert header[-2:] == ["x", "y"]
        return
    found = await frame(cape_town, tmp_path, f"wards.{extension}", crs="EPSG:2048")
    bounds = plain.to_crs(2048).total_bounds
    assert found.total_bounds == pytest.approx(bounds, abs=0.5) or extension == "ndjson"
    assert len(found) == len(plain)


async def test_csv(cape_town: httpx.AsyncClient, rows: list[Row]) -> None:
    told = list(csv.DictReader(io.StringIO((await bring(cape_town, "requests.csv")).decode())))
    by_id = {each["service_request_id"]: each for each in told}
    for row in rows[::700]:
        each = by_id[row.service_request_id]
        assert (float(each["longitude"]), float(each["latitude"])) == pytest.approx(
            (row.lon, row.lat)
        )
        assert each["status"] == ("open" if row.closed_datetime is None else "closed")
    wards = csv.DictReader(io.StringIO((await bring(cape_town, "wards.csv")).decode()))
    assert shapely.from_wkt(next(wards)["wkt"]).geom_type == "MultiPolygon"


async def test_excel(cape_town: httpx.AsyncClient, rows: list[Row]) -> None:
    book = openpyxl.load_workbook(
        io.BytesIO(await bring(cape_town, "requests.xlsx")), read_only=True
    )
    header, *lines = book.active.iter_rows(values_only=True)
    assert len(lines) == len(rows)
    first = dict(zip(header, lines[0], strict=True))
    assert first["requested_datetime"].year in (2019, 2020)
    assert -34 < first["latitude"] < -33.9


async def test_limits_and_columns(cape_town: httpx.AsyncClient, tmp_path: Path) -> None:
    query = {"status": "open", "properties": "service_code,status", "filter": "ward IS NOT NULL"}
    found = await frame(cape_town, tmp_path, "requests.gpkg", **query)
    assert set(found.columns) == {"id", "service_code", "status", "geometry"}
    assert set(found.status) == {"open"}
    inside = await frame(cape_town, tmp_path, "requests.fgb", bbox="18.63,-33.92,18.64,-33.91")
    assert len(inside) == 1383


@pytest.mark.parametrize("extension", ["ndjson", "csv"])
async def test_a_cut_download_goes_on(cape_town: httpx.AsyncClient, extension: str) -> None:
    whole = (await bring(cape_town, f"requests.{extension}")).splitlines()
    head = 1 if extension == "csv" else 0
    cut = whole[: 3000 + head]
    last = cut[-1].split(b",")[0].decode() if head else json.loads(cut[-1])["id"]
    rest = (await bring(cape_town, f"requests.{extension}", after_id=last)).splitlines()
    assert cut + rest[head:] == whole


async def test_nothing_to_write(cape_town: httpx.AsyncClient, tmp_path: Path) -> None:
    for extension in FORMATS:
        body = await bring(cape_town, f"requests.{extension}", bbox="0,0,1,1")
        assert body or extension == "ndjson"
    assert len(await frame(cape_town, tmp_path, "requests.gpkg", bbox="0,0,1,1")) == 0


@pytest.mark.parametrize(
    ("name", "query", "status"),
    [
        ("requests.pdf", {}, 404),
        ("nothing.csv", {}, 404),
        ("requests.csv", {"limit": "5"}, 400),
        ("requests.csv", {"filter": "x ="}, 400),
        ("requests.gpkg", {"after_id": "1"}, 400),
        ("requests.kml", {"crs": "EPSG:2048"}, 400),
        ("requests.csv", {"properties": "nothing"}, 400),
    ],
)
async def test_what_is_badly_asked_is_refused(
    cape_town: httpx.AsyncClient, name: str, query: dict[str, str], status: int
) -> None:
    await bring(cape_town, name, status, **query)


async def test_the_names_of_a_shapefile_are_told(cape_town: httpx.AsyncClient) -> None:
    packed = zipfile.ZipFile(io.BytesIO(await bring(cape_town, "requests.shp.zip")))
    assert {Path(name).suffix for name in packed.namelist()} >= {
        ".shp",
        ".shx",
        ".dbf",
        ".prj",
        ".cpg",
    }
    names = dict(line.split(",") for line in packed.read("fields.csv").decode().splitlines()[1:])
    assert names["requested_"] == "requested_datetime"
    assert all(len(short) <= 10 for short in names)


async def test_the_head_of_a_download(cape_town: httpx.AsyncClient) -> None:
    answer = await cape_town.head("/export/requests.gpkg")
    assert answer.status_code == 200
    assert answer.content == b""


async def test_kml_and_gml_are_well_formed(cape_town: httpx.AsyncClient) -> None:
    for name in ("requests.kml", "boundaries.kml", "wards.gml"):
        etree.fromstring(await bring(cape_town, name))
