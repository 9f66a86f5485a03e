"""Names of columns in files."""

import pytest

from mapserve.export.names import distinct, header


@pytest.mark.parametrize(
    ("fields", "places", "told"),
    [
        (["status"], ["geometry"], ["id", "status", "geometry"]),
        (["id"], ["geometry"], ["id_1", "id", "geometry"]),
        (["ID", "Geometry"], ["geometry"], ["id_1", "ID", "Geometry", "geometry_1"]),
        (["Name", "name", "NAME"], ["wkt"], ["id", "Name", "name_1", "NAME_2", "wkt"]),
        (["latitude"], ["longitude", "latitude"], ["id", "latitude", "longitude", "latitude_1"]),
        (["id", "id_1"], [], ["id_2", "id", "id_1"]),
    ],
)
def test_fields_keep_their_names(fields: list[str], places: list[str], told: list[str]) -> None:
    assert header(fields, places) == told


def test_short_names_are_cut_between_letters() -> None:
    names = distinct(["requested_datetime", "requested_by", "ééééééé", "éééééééé"], most_bytes=10)
    assert names == ["requested_", "requested_"[:8] + "_1", "ééééé", "éééé_1"]
    assert all(len(name.encode()) <= 10 for name in names)


def test_many_of_one_name() -> None:
    names = distinct(["a long name"] * 120, most_bytes=10)
    assert len({name.lower() for name in names}) == 120
    assert all(len(name.encode()) <= 10 for name in names)
