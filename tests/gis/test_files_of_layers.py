"""Files as people have them, and as nobody should: read, or refused in a sentence."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import msgspec
import pyarrow as pa
import pytest
import shapely
from pyarrow import parquet

from ingest import datasets
from ingest.datasets import About, Outcome
from ingest.layer_files import Source
from mapserve import layers
from mapserve.admin import bodies
from mapserve.features.reading import Query, read
from open311 import jurisdictions
from open311.connections import close_context, open_context
from open311.context import Context
from open311.errors import BadInput, Problem, TooLarge
from open311.settings import Settings
from tests.gis.publishing import WHERE, frame, write

pytestmark = pytest.mark.anyio

LON, LAT = WHERE


class Bench(msgspec.Struct):
    """Imports files of a test's city, and reads what they became."""

    context: Context
    city: str
    folder: Path

    async def bring(self, name: str, content: bytes | str, **more: Any) -> Outcome:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return await self.bring_file(path, **more)

    async def bring_file(self, path: Path, **more: Any) -> Outcome:
        context = self.context
        source, about = Source(path, **more), About("places")
        return await datasets.import_file(context.db, context.settings, self.city, source, about)

    async def rows(self) -> list[dict[str, Any]]:
        """What the layer holds, with x and y of each shape's middle."""
        city = await jurisdictions.find(self.context.db, self.city)
        layer = await layers.find_features(self.context, city, "places")
        async with layers.opened(self.context, city, layer) as reading:
            found = await read(reading, Query())
        columns = {**found.values, "x": shapely.get_x(shapely.centroid(found.shapes)).tolist()}
        columns["y"] = shapely.get_y(shapely.centroid(found.shapes)).tolist()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.fixture
async def bench(settings: Settings, city: str, tmp_path: Path) -> Any:
    context = open_context(msgspec.structs.replace(settings, max_layer_bytes=2_000_000))
    yield Bench(context, city, tmp_path)
    await close_context(context)


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("lon,lat,name", f"{LON},{LAT},Süd", {}),
        ("Latitude,Longitude,name", f"{LAT},{LON},Süd", {}),
        ("lon;lat;name", "18,65;-33,92;Süd", {}),
        ("lon\tlat\tname", f"{LON}\t{LAT}\tSüd", {}),
        ('"lon","lat","name"', '"18,65","-33,92","Süd"', {}),
        ("name,wkt", f'Süd,"POINT ({LON} {LAT})"', {}),
        ("name,ost,nord", f"Süd,{LON},{LAT}", {"x": "ost", "y": "nord"}),
        ("lon,lat,name", f" {LON} ,{LAT},Süd", {}),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
async def test_a_csv_of_any_spreadsheet(
    bench: Bench, head: str, row: str, said: dict[str, str], encoding: str
) -> None:
    content = f"{head}\r\n{row}\r\n".encode(encoding)
    assert (await bench.bring("places.csv", content, **said)).features == 1
    (found,) = await bench.rows()
    assert found == {"name": "Süd", "x": pytest.approx(LON), "y": pytest.approx(LAT)}


async def test_a_csv_keeps_types_and_codes(bench: Bench) -> None:
    text = "lon,lat,code,n,rate,open,day,at,mixed,blank\n"
    text += "18.6,-33.9,0042,7,1.5,true,2024-01-02,2024-01-02T03:04:05Z,1,\n"
    text += '18.7,-33.9,7000,,2,FALSE,,2024-01-02 03:04,"one\ntwo",\n'
    text += "nowhere,,0001,1,1,true,2024-01-02,2024-01-02T03:04:05Z,3,\n"
    outcome = await bench.bring("places.csv", text)
    assert (outcome.features, outcome.left_out) == (2, 1)
    first, second = await bench.rows()
    assert (first["code"], first["n"], first["rate"], first["open"]) == ("0042", 7, 1.5, True)
    assert (str(first["day"]), first["at"].isoformat()) == (
        "2024-01-02",
        "2024-01-02T03:04:05+00:00",
    )
    assert (second["n"], second["open"], second["day"]) == (None, False, None)
    assert second["at"].isoformat() == "2024-01-02T03:04:00+00:00"
    assert second["mixed"] == "one\ntwo"
    assert second["blank"] is None


async def test_a_csv_in_metres(bench: Bench) -> None:
    with pytest.raises(BadInput, match="nothing that is on the map"):
        await bench.bring("places.csv", "x,y,n\n282713.1,6244125.7,1\n")
    await bench.bring("places.csv", "x,y,n\n282713.1,6244125.7,1\n", crs="EPSG:32734")
    (found,) = await bench.rows()
    assert (found["x"], found["y"]) == (
        pytest.approx(18.65, abs=0.01),
        pytest.approx(-33.92, abs=0.01),
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b\n1,2\n", "No column is named for coordinates"),
        ("lon,lat,lon\n1,2,3\n", "each differently"),
        ("lon,,lat\n1,2,3\n", "each differently"),
        ("lon,lat\n", "nothing that is on the map"),
        ("", "places.csv"),
        ("lon,lat\n1,2,3,4\n", "places.csv"),
        ("lon,lat\n1e300,-1e300\n", "nothing that is on the map"),
        ("wkt\nPOINT (x y)\n", "nothing that is on the map"),
    ],
)
async def test_a_csv_that_is_none(bench: Bench, content: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        await bench.bring("places.csv", content)


def shapefile(folder: Path, shapes: gpd.GeoDataFrame, **more: Any) -> dict[str, bytes]:
    """The parts of a Shapefile by the ends of their names."""
    folder.mkdir()
    shapes.to_file(folder / "made.shp", **more)
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


def zipped(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-8", "CP1252"])
async def test_a_shapefile_in_any_letters_and_folders(
    bench: Bench, tmp_path: Path, encoding: str
) -> None:
    parts = shapefile(tmp_path / "s", frame(1).assign(name="Süd-Wijk ë"), encoding=encoding)
    members = {f"Deep Folder/Ünder/PLACES{suffix.upper()}": parts[suffix] for suffix in parts}
    members["__MACOSX/._PLACES.txt"] = b"x"
    assert (await bench.bring("places.zip", zipped(members))).features == 1
    (found,) = await bench.rows()
    assert found["name"] == "Süd-Wijk ë"


async def test_a_shapefile_that_lies_about_its_letters(bench: Bench, tmp_path: Path) -> None:
    """It says UTF-8, and is not: what cannot be read is told, whole."""
    parts = shapefile(tmp_path / "s", frame(1).assign(name="Süd"), encoding="ISO-8859-1")
    parts[".cpg"] = b"UTF-8"
    members = {f"places{suffix}": content for suffix, content in parts.items()}
    with pytest.raises(BadInput, match="utf-8"):
        await bench.bring("places.zip", zipped(members))


async def test_an_archive_is_not_believed(bench: Bench, tmp_path: Path) -> None:
    parts = shapefile(tmp_path / "s", frame(1))
    good = {f"places{suffix}": content for suffix, content in parts.items()}
    bomb = {**good, "places.dbf": bytes(50_000_000)}
    assert len(zipped(bomb)) < 100_000
    with pytest.raises(TooLarge):
        await bench.bring("bomb.zip", zipped(bomb))
    outside = {f"../../../{name}": content for name, content in good.items()}
    assert (await bench.bring("outside.zip", zipped(outside))).features == 1
    assert not list(tmp_path.parent.glob("places.*"))
    absolute = {f"/etc/{name}": content for name, content in good.items()}
    assert (await bench.bring("absolute.zip", zipped(absolute))).features == 1
    for name, members, told in (
        ("two", good | {f"other{k}": v for k, v in parts.items()}, "one Shapefile"),
        ("none", {"readme.txt": b"x"}, "one Shapefile"),
        ("many", {str(n): b"" for n in range(1001)}, "at most 1000 files"),
        ("part", {"places.shp": parts[".shp"]}, "coordinate system|places|layer"),
    ):
        with pytest.raises(BadInput, match=told):
            await bench.bring(f"{name}.zip", zipped(members))
    for name, content in (("cut", zipped(good)[:-100]), ("noise", b"PK\x03\x04" + bytes(500))):
        with pytest.raises(BadInput, match="archive cannot be read"):
            await bench.bring(f"{name}.zip", content)


async def test_a_reference_that_no_archive_follows(bench: Bench, tmp_path: Path) -> None:
    """A link in an archive is a file of a few letters here."""
    parts = shapefile(tmp_path / "s", frame(1))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        link = zipfile.ZipInfo("places.shp")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("places.dbf", parts[".dbf"])
    with pytest.raises(BadInput) as refused:
        await bench.bring("link.zip", made.getvalue())
    assert "root:" not in str(refused.value)


def geojson(*shapes: Any, **properties: Any) -> str:
    features = [
        {"type": "Feature", "properties": properties, "geometry": shape} for shape in shapes
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


POINT = {"type": "Point", "coordinates": WHERE}


# GDAL warns of the empty point, from where Python can only ignore it
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_odd_shapes_are_left_out_or_mixed(bench: Bench) -> None:
    line = {"type": "LineString", "coordinates": [WHERE, [LON + 0.1, LAT]]}
    huge = {"type": "Point", "coordinates": [1e308, -1e308]}
    both = {"type": "GeometryCollection", "geometries": [POINT, line]}
    text = geojson(POINT, line, None, huge, both, {"type": "Point", "coordinates": []}, n=1)
    outcome = await bench.bring("places.geojson", text)
    assert (outcome.features, outcome.left_out) == (3, 3)
    assert len(await bench.rows()) == 3


async def test_values_that_no_database_keeps(bench: Bench) -> None:
    text = geojson(POINT, a="a\0b", big=2**70, deep={"x": [1]}, nothing=None)
    await bench.bring("places.geojson", text)
    (found,) = await bench.rows()
    assert found["a"] in ("ab", "a")


async def test_numbers_without_a_sign_keep_their_value(bench: Bench, tmp_path: Path) -> None:
    shapes = frame(1)
    shapes["n"] = pa.array([2**64 - 1], pa.uint64()).to_pandas()
    await bench.bring_file(write(tmp_path / "n.parquet", shapes))
    (found,) = await bench.rows()
    assert found["n"] == pytest.approx(2**64 - 1)


# GDAL warns beside its error
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.geojson", '{"type":"FeatureCollection","features":[]}'),
        ("cut.geojson", geojson(POINT)[:-20]),
        ("other.geojson", '{"some":"json"}'),
        ("deep.geojson", '{"a":' * 100_000),
        ("empty.gpkg", b"SQLite format 3\0" + bytes(100)),
        ("empty.fgb", b"fgb\x03fgb\x01" + bytes(20)),
        ("noise.fgb", b"fgb\x03" + b"\xff" * 5000),
        ("noise.parquet", b"PAR1" + b"\xff" * 5000 + b"PAR1"),
    ],
)
async def test_what_holds_nothing_is_told(bench: Bench, name: str, content: bytes | str) -> None:
    with pytest.raises(BadInput) as refused:
        await bench.bring(name, content)
    assert str(bench.folder) not in str(refused.value)


async def test_geoparquet_is_told_apart(bench: Bench, tmp_path: Path) -> None:
    plain, large = tmp_path / "plain.parquet", tmp_path / "large.parquet"
    parquet.write_table(pa.table({"a": [1]}), plain)
    with pytest.raises(BadInput, match="not GeoParquet"):
        await bench.bring_file(plain)
    shapes = frame(1).loc[[0] * 20_000].assign(text="x" * 400)
    shapes.to_parquet(large, row_group_size=5_000, compression="zstd", use_dictionary=False)
    encoded = pa.BufferReader(large.read_bytes())
    assert encoded.size() < 2_000_000
    limits = msgspec.structs.replace(bench.context.settings, max_layer_bytes=100_000)
    bench.context.settings = limits
    with pytest.raises(TooLarge):
        await bench.bring_file(large)


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b"SQLite format 3\0...", ".gpkg"),
        (b"PK\x03\x04...", ".zip"),
        (b"fgb\x03fgb\x00", ".fgb"),
        (b"PAR1....PAR1", ".parquet"),
        (b' \xef\xbb\xbf{"type": "FeatureCollection"', ".geojson"),
        (b"lon,lat\n1,2\n", ".csv"),
        ("lon,lat\n1,2\n".encode("utf-16"), ".csv"),
    ],
)
def test_a_file_is_what_is_in_it(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / "body"
    path.write_bytes(content)
    assert bodies.suffix_of(path) == suffix


@pytest.mark.parametrize(
    "content",
    [
        b"<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/etc/passwd",
        "<OGRVRTDataSource>".encode("utf-16"),
        b"  <?xml version='1.0'?><kml/>",
        b"<html></html>",
    ],
)
def test_what_names_other_files_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "body"
    path.write_bytes(content)
    with pytest.raises(Problem):
        bodies.suffix_of(path)
