"""Tiles as maps read them: decoded, and compared with a look at the rows one by one."""

import math
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

import httpx
import mapbox_vector_tile
import msgspec
import pytest

from geo.tiles import tile_at
from mapserve.hex_tiles import resolution_at
from open311.app import create_app
from open311.settings import Settings
from tests.maps.conftest import CAPE_TOWN
from tests.maps.truth import SELECTIONS, Row, counted

pytestmark = pytest.mark.anyio

MOST_BYTES = 500_000
POINTS_FROM = 14  # the first at which no tile holds over 5,500 of them
EXTENT = 4096

Feature = dict[str, Any]
Layers = dict[str, list[Feature]]


def decode(answer: httpx.Response) -> Layers:
    """The features of each layer; row numbers grow to the south."""
    if answer.status_code == 204:
        assert answer.content == b""
        return {}
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < MOST_BYTES
    options = {"y_coord_down": True}
    decoded = mapbox_vector_tile.decode(answer.content, default_options=options)
    assert all(layer["extent"] == EXTENT for layer in decoded.values())
    return {name: layer["features"] for name, layer in decoded.items()}


def tiles_of(rows: list[Row], zoom: int) -> set[tuple[int, int]]:
    return {tile_at(row.lon, row.lat, zoom) for row in rows}


async def read(
    client: httpx.AsyncClient, x: int, y: int, zoom: int, layers: str = "requests", query: str = ""
) -> Layers:
    return decode(await client.get(f"/tiles/{layers}/{zoom}/{x}/{y}.mvt?{query}"))


def around(tiles: set[tuple[int, int]], zoom: int) -> set[tuple[int, int]]:
    """The tiles and their neighbours."""
    most = 1 << zoom
    return {
        (x + across, y + down)
        for x, y in tiles
        for across in (-1, 0, 1)
        for down in (-1, 0, 1)
        if 0 <= x + across < most and 0 <= y + down < most
    }


@pytest.mark.parametrize("query", ["", "status=open", "service_code=No Power,Plumbing"])
@pytest.mark.parametrize("zoom", [0, 2, 5, 6, 8, 11, 13])
async def test_hexagons_of_all_tiles_are_those_of_the_rows(
    cape_town: httpx.AsyncClient, rows: list[Row], zoom: int, query: str
) -> None:
    """Each is in every tile that it touches, the same, and there is none beside."""
    found: dict[str, list[Feature]] = defaultdict(list)
    for x, y in sorted(around(tiles_of(rows, zoom), zoom)):
        layers = await read(cape_town, x, y, zoom, "requests", query)
        for feature in layers.get("requests", []):
            found[feature["properties"]["cell"]].append(feature)
    keep = SELECTIONS[query]
    expected = counted([row for row in rows if keep(row)], resolution_at(zoom))
    assert found.keys() == expected.keys()
    for cell, features in found.items():
        assert len({each["id"] for each in features}) == 1
        assert all(each["properties"] == features[0]["properties"] for each in features)
        properties = features[0]["properties"]
        count, still_open, _, median, _ = expected[cell]
        assert (properties["count"], properties["open"]) == (count, still_open)
        assert properties.get("median_days") == median
    assert len({features[0]["id"] for features in found.values()}) == len(found)


def area(ring: list[list[float]]) -> float:
    pairs = zip(ring, ring[1:] + ring[:1], strict=True)
    return abs(sum(x * v - u * y for (x, y), (u, v) in pairs)) / 2


@pytest.mark.parametrize("zoom", [6, 9, 12])
async def test_a_hexagon_at_a_border_is_whole_in_each_of_its_tiles(
    cape_town: httpx.AsyncClient, rows: list[Row], zoom: int
) -> None:
    """Moved to where the tile lies, it is the same shape: renderers clip it, nobody else does."""
    shapes: dict[int, set[tuple[tuple[int, int], ...]]] = defaultdict(set)
    for x, y in sorted(tiles_of(rows, zoom)):
        for feature in (await read(cape_town, x, y, zoom, "hexes")).get("hexes", []):
            (ring,) = feature["geometry"]["coordinates"]
            assert area(ring) > 0
            shapes[feature["id"]].add(
                tuple((round(a + x * EXTENT), round(d + y * EXTENT)) for a, d in ring)
            )
    several = [each for each in shapes.values() if len(each) > 1]
    for variants in several:
        first, *others = ([*variant] for variant in variants)
        for other in others:
            pairs = zip(first, other, strict=True)
            # corners are rounded in each tile by itself
            assert all(math.dist(a, b) <= 1.5 for a, b in pairs)


def place(row: Row, zoom: int, x: int, y: int) -> tuple[float, float]:
    """Where a row lies in a tile, in its units."""
    across = (row.lon + 180) / 360
    sine = math.sin(math.radians(row.lat))
    down = 0.5 - math.log((1 + sine) / (1 - sine)) / (4 * math.pi)
    return ((across * 2**zoom - x) * EXTENT, (down * 2**zoom - y) * EXTENT)


@pytest.mark.parametrize("query", SELECTIONS)
@pytest.mark.parametrize("zoom", [POINTS_FROM, 16])
async def test_points_of_all_tiles_are_the_rows_once_each(
    cape_town: httpx.AsyncClient, rows: list[Row], zoom: int, query: str
) -> None:
    expected = {row.service_request_id: row for row in rows if SELECTIONS[query](row)}
    for x, y in sorted(tiles_of(rows, zoom)):
        layers = await read(cape_town, x, y, zoom, "requests", query)
        for feature in layers.get("requests", []):
            told = feature["properties"]
            row = expected.pop(told["service_request_id"])
            assert told["service_code"] == row.service_code
            assert told["status"] == ("closed" if row.closed_datetime else "open")
            requested = row.requested_datetime.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            assert told["requested_datetime"] == requested
            across, down = place(row, zoom, x, y)
            here = feature["geometry"]["coordinates"]
            assert abs(here[0] - across) <= 1
            assert abs(here[1] - down) <= 1
    assert not expected


@pytest.mark.parametrize("zoom", range(0, 23))
async def test_no_zoom_is_empty_where_requests_are(
    cape_town: httpx.AsyncClient, rows: list[Row], zoom: int
) -> None:
    x, y = tile_at(rows[0].lon, rows[0].lat, zoom)
    assert (await read(cape_town, x, y, zoom))["requests"]


async def test_layers_in_one_tile_are_the_layers_one_by_one(
    cape_town: httpx.AsyncClient, rows: list[Row]
) -> None:
    x, y = tile_at(rows[0].lon, rows[0].lat, 12)
    both = await read(cape_town, x, y, 12, "requests,hexes")
    assert both.keys() == {"requests", "hexes"}
    assert both["requests"] == (await read(cape_town, x, y, 12, "requests"))["requests"]
    assert both["hexes"] == (await read(cape_town, x, y, 12, "hexes"))["hexes"]


@pytest.fixture
async def few(demo: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Cape Town on a server whose tiles hold 40 features at most."""
    app = create_app(msgspec.structs.replace(demo, max_tile_features=40))
    async with app.lifespan():
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
        base = f"http://maps.test/maps/{CAPE_TOWN}"
        async with httpx.AsyncClient(transport=transport, base_url=base) as made:
            yield made


def fullest(rows: list[Row], zoom: int) -> tuple[tuple[int, int], int]:
    numbers: dict[tuple[int, int], int] = defaultdict(int)
    for row in rows:
        numbers[tile_at(row.lon, row.lat, zoom)] += 1
    return max(numbers.items(), key=lambda item: item[1])


def ids(features: list[Feature]) -> set[str]:
    return {each["properties"]["service_request_id"] for each in features}


async def test_what_a_limit_leaves_out_is_said_and_stays_the_same(
    few: httpx.AsyncClient, rows: list[Row]
) -> None:
    zoom = 16  # points begin here at the latest
    (x, y), number = fullest(rows, zoom)
    assert number > 40
    answer = await few.get(f"/tiles/requests/{zoom}/{x}/{y}.mvt")
    layers = decode(answer)
    shown = ids(layers["requests"])
    assert len(shown) == 40
    assert answer.headers["x-tile-truncated"] == str(number - 40)
    (summary,) = layers["requests_truncated"]
    assert summary["properties"] == {"truncated": number - 40}
    again = await few.get(f"/tiles/requests/{zoom}/{x}/{y}.pbf?status=open,closed")
    assert ids(decode(again)["requests"]) == shown
    # what is shown stays shown when one looks closer, wherever that still has room for all
    closer: set[str] = set()
    for across in (0, 1):
        for down in (0, 1):
            layers = await read(few, 2 * x + across, 2 * y + down, zoom + 1)
            closer |= ids(layers.get("requests", []))
    assert shown <= closer
