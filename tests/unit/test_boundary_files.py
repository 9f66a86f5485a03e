"""Boundaries as governments publish them: formats, systems, broken rings, missing codes."""

from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely

from geo.boundary_files import packaged, read_boundaries

BOWTIE = shapely.Polygon([(18, -34), (19, -33), (19, -34), (18, -33)])


def frame(crs: int = 4326, **columns: Any) -> geopandas.GeoDataFrame:
    shapes = [shapely.box(18, -34, 18.5, -33.5), shapely.box(18.5, -34, 19, -33.5)]
    made = geopandas.GeoDataFrame(columns, geometry=shapes, crs=4326)
    return made.to_crs(crs)


@pytest.mark.parametrize("name", ["w.geojson", "w.gpkg", "w.shp", "w.fgb"])
@pytest.mark.parametrize("crs", [4326, 2048, 3857])
def test_formats_and_coordinate_systems(tmp_path: Path, name: str, crs: int) -> None:
    path = tmp_path / name
    frame(crs, WardID=["1", "2"], WardLabel=["One", "Two"]).to_file(path)
    reading = read_boundaries(path)
    assert [(b.code, b.name) for b in reading.boundaries] == [("1", "One"), ("2", "Two")]
    west, south, east, north = reading.boundaries[0].area.bounds
    assert (west, south, east, north) == pytest.approx((18, -34, 18.5, -33.5), abs=1e-3)
    assert reading.repairs == []


def test_a_broken_ring_is_repaired_and_told(tmp_path: Path) -> None:
    path = tmp_path / "broken.geojson"
    shapes = [shapely.box(0, 0, 1, 1), BOWTIE]
    geopandas.GeoDataFrame({"code": ["A", "B"]}, geometry=shapes, crs=4326).to_file(path)
    reading = read_boundaries(path)
    (repair,) = reading.repairs
    assert repair.code == "B"
    assert "Self-intersection" in repair.reason
    assert all(shapely.is_valid(each.area) for each in reading.boundaries)


def test_features_of_one_code_are_one_boundary(tmp_path: Path) -> None:
    path = tmp_path / "parts.geojson"
    frame(code=[7.0, 7.0]).to_file(path)
    (found,) = read_boundaries(path).boundaries
    assert found.code == "7"
    assert found.area.area == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("columns", "asked", "said"),
    [
        ({"label": ["1", "2"]}, {}, "None of the columns"),
        ({"code": ["1", None]}, {}, "Feature 2 of .* has no code"),
        ({"code": ["1", "2"]}, {"name": "nom"}, "no column 'nom'"),
    ],
)
def test_what_is_missing_is_told(
    tmp_path: Path, columns: dict[str, Any], asked: dict[str, str], said: str
) -> None:
    path = tmp_path / "w.geojson"
    frame(**columns).to_file(path)
    with pytest.raises(ValueError, match=said):
        read_boundaries(path, asked)


def test_lines_are_no_boundaries(tmp_path: Path) -> None:
    path = tmp_path / "lines.geojson"
    line = [shapely.LineString([(0, 0), (1, 1)])]
    geopandas.GeoDataFrame({"code": ["1"]}, geometry=line, crs=4326).to_file(path)
    with pytest.raises(ValueError, match="no area but a LineString"):
        read_boundaries(path)


def test_what_comes_along_is_whole() -> None:
    wards, municipalities = packaged("za_wards"), packaged("za_municipalities")
    assert (len(wards), len(municipalities), len(packaged("za_districts"))) == (4468, 213, 52)
    codes = {each.code for each in municipalities}
    assert {each.parent_code for each in wards} <= codes
    assert all(shapely.is_valid(each.area) for each in (*wards, *municipalities))
