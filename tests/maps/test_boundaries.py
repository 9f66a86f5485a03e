"""Boundaries on maps: whole, labelled once, the city's own wards, and as of today."""

from collections import Counter
from datetime import date, timedelta

import httpx
import mapbox_vector_tile
import pytest
import shapely

from geo.boundary_files import Boundary, packaged
from geo.tiles import tile_at
from open311 import boundaries, db
from open311.settings import Settings
from tests.maps.truth import Row

pytestmark = pytest.mark.anyio


async def read(client: httpx.AsyncClient, path: str) -> dict[str, list[dict[str, str]]]:
    answer = await client.get(path)
    if answer.status_code == 204:
        return {}
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < 500_000
    decoded = mapbox_vector_tile.decode(answer.content)
    return {
        name: [feature["properties"] for feature in layer["features"]]
        for name, layer in decoded.items()
    }


async def test_all_municipalities_are_there_and_named_once(cape_town: httpx.AsyncClient) -> None:
    zoom, shown, labelled = 6, set(), Counter[str]()
    west, north = tile_at(16.0, -22.0, zoom)
    east, south = tile_at(33.5, -35.5, zoom)
    for x in range(west, east + 1):
        for y in range(north, south + 1):
            layers = await read(cape_town, f"/tiles/boundaries/{zoom}/{x}/{y}.mvt")
            shown |= {each["code"] for each in layers.get("boundaries", [])}
            labelled.update(each["code"] for each in layers.get("boundaries_labels", []))
    expected = {each.code for each in (*packaged("za_municipalities"), *packaged("neighbours"))}
    assert shown == expected
    assert set(labelled) <= expected
    assert {each.code for each in packaged("za_municipalities")} <= set(labelled)
    assert set(labelled.values()) == {1}


@pytest.mark.parametrize("zoom", [0, 4, 9, 12, 16])
async def test_every_zoom_has_the_land(
    cape_town: httpx.AsyncClient, rows: list[Row], zoom: int
) -> None:
    x, y = tile_at(rows[0].lon, rows[0].lat, zoom)
    shown = (await read(cape_town, f"/tiles/boundaries/{zoom}/{x}/{y}.mvt"))["boundaries"]
    assert "CPT" in {each["code"] for each in shown}


async def test_wards_are_those_of_the_city(cape_town: httpx.AsyncClient, rows: list[Row]) -> None:
    x, y = tile_at(rows[0].lon, rows[0].lat, 9)
    shown = (await read(cape_town, f"/tiles/wards/9/{x}/{y}.mvt"))["wards"]
    own = {each.code for each in packaged("za_wards") if each.parent_code == "CPT"}
    assert len(shown) > 100
    assert {each["code"] for each in shown} <= own
    elsewhere = f"http://maps.test/maps/boston.gov/tiles/wards/9/{x}/{y}.mvt"
    assert await read(cape_town, elsewhere) == {}


async def test_a_new_version_takes_over_on_its_day(
    settings: Settings, client: httpx.AsyncClient, city: str
) -> None:
    today = date.today()  # noqa: DTZ011 the database's day, in the same process
    old, new = (
        [Boundary(code, code, None, shapely.MultiPolygon([shapely.box(10, 10, 11, 11)]))]
        for code in ("OLD", "NEW")
    )
    path = "http://open311.test/maps/{}/tiles/boundaries/8/{}/{}.mvt"
    path = path.format(city, *tile_at(10.5, 10.5, 8))
    async with db.connected(settings) as database:
        await boundaries.replace(database, "municipality", old, today - timedelta(9), "test")
        await boundaries.replace(database, "municipality", new, today + timedelta(1), "test")
        assert [each["code"] for each in (await read(client, path))["boundaries"]] == ["OLD"]
        await boundaries.replace(database, "municipality", new, today, "test")
        told = await boundaries.list_versions(database)
    spans = [(each.valid_from, each.valid_to) for each in told if each.kind == "municipality"]
    assert spans == [
        (today - timedelta(9), today),
        (today, today + timedelta(1)),
        (today + timedelta(1), None),
    ]
    # another tile, which nobody asked for before: nothing relays here
    path = "http://open311.test/maps/{}/tiles/boundaries/9/{}/{}.mvt".format(
        city, *tile_at(10.5, 10.5, 9)
    )
    assert [each["code"] for each in (await read(client, path))["boundaries"]] == ["NEW"]
