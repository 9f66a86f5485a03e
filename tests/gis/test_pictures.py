"""Pictures of maps: the same look as the web map's, whatever the coordinate system."""

import io
from collections.abc import AsyncIterator

import h3
import numpy as np
import pytest
import shapely
from msgspec import structs
from PIL import Image, ImageColor

from geo.tiles import tile_at
from mapserve.atlas import Atlas
from mapserve.drawing import Tile
from mapserve.features.crs import Crs, find_crs, to_crs
from mapserve.features.reading import Query
from mapserve.hex_tiles import resolution_at
from mapserve.layers import LAYERS
from mapserve.ogcapi.tile_sets import MERCATOR
from mapserve.pictures.encoding import FORMATS, Pixels, encode
from mapserve.pictures.frame import Frame
from mapserve.pictures.picture import Part, draw, looks_of
from mapserve.pictures.tiles import frame_of
from mapserve.styles import colours
from mapserve.themes import THEMES
from open311 import connections, jurisdictions
from open311.context import Context
from open311.settings import Settings
from tests.maps.truth import Row, counted

pytestmark = pytest.mark.anyio

CAPE_TOWN = "capetown.gov.za"
WEB = find_crs("EPSG:3857")


@pytest.fixture
async def context(demo: Settings) -> AsyncIterator[Context]:
    made = connections.open_context(demo)
    yield made
    await connections.close_context(made)


async def picture(
    context: Context,
    names: str,
    corners: tuple[float, float, float, float],
    crs: Crs = WEB,
    size: int = 600,
    theme: str = "light",
    ratio: float = 1.0,
) -> Pixels:
    city = await jurisdictions.find(context.db, CAPE_TOWN)
    scene = await Atlas(context).scene(city, THEMES[theme])
    layers = [LAYERS[name] for name in names.split(",")]
    parts = [Part(layer, Query(), looks_of(scene, layer)) for layer in layers]
    frame = Frame(crs, corners, size, size, ratio)
    return await draw(context, city, scene, parts, frame, THEMES[theme].paper)


def mixed(above: str, below: str, opacity: float) -> tuple[int, ...]:
    tops, grounds = ImageColor.getrgb(above), ImageColor.getrgb(below)
    return tuple(round(a * opacity + b * (1 - opacity)) for a, b in zip(tops, grounds, strict=True))


async def test_hexagons_have_the_colours_of_the_legend(context: Context, rows: list[Row]) -> None:
    counts = counted(rows, 7)
    city = await jurisdictions.find(context.db, CAPE_TOWN)
    corners = (2_040_000.0, -4_050_000.0, 2_100_000.0, -3_990_000.0)
    for name, theme in THEMES.items():
        scene = await Atlas(context).scene(city, theme)
        pixels = await picture(context, "hexes", corners, theme=name)
        frame = Frame(WEB, corners, 600, 600)
        assert resolution_at(int(frame.zoom())) == 7
        for cell, (count, *_) in counts.items():
            middle = shapely.Point(*reversed(h3.cell_to_latlng(cell)))
            x, y = frame.place_points(shapely.get_coordinates(middle))[0].astype(int)
            place = sum(count >= start for start in scene.breaks[7])
            colour = colours(theme.ramp, scene.breaks[7])[place]
            assert pixels[y, x, :3].tolist() == pytest.approx(
                mixed(colour, theme.paper, 0.8), abs=3
            )


@pytest.mark.parametrize("code", [3857, 4326, 2048, 32734, 28992])
async def test_points_are_where_they_are(context: Context, rows: list[Row], code: int) -> None:
    """Whatever the coordinate system: each is a ring or a dot around its place."""
    crs, theme = find_crs(f"EPSG:{code}"), THEMES["light"]
    box = shapely.box(18.6385, -33.9155, 18.6395, -33.9145)
    west, south, east, north = shapely.bounds(to_crs(np.array([box]), crs, in_xy=True)[0])
    pixels = await picture(context, "requests", (west, south, east, north), crs, 800)
    inside = [shapely.Point(row.lon, row.lat) for row in rows]
    inside = [point for point in inside if box.buffer(-0.0001).contains(point)]
    assert inside
    frame = Frame(crs, (west, south, east, north), 800, 800)
    inks = np.array([ImageColor.getrgb(each) for each in (theme.open, theme.closed)])
    for x, y in frame.place_points(shapely.get_coordinates(inside)).astype(int):
        around = pixels[y - 14 : y + 15, x - 14 : x + 15, :3].reshape(-1, 1, 3).astype(int)
        assert (abs(around - inks).sum(axis=2) < 30).sum() > 30
    assert (pixels[..., 3] == 255).all()


@pytest.mark.parametrize("zoom", range(9, 20))
def test_tiles_of_a_zoom_are_drawn_alike(zoom: int) -> None:
    """Of half as many pixels as a web map's own they are as large as at a zoom less."""
    west, south = tile_at(18.3, -34.3, zoom)
    east, north = tile_at(19.0, -33.5, zoom)
    columns, rows = (
        np.unique(np.linspace(*ends, 20, dtype=int)) for ends in ((west, east), (north, south))
    )
    for ratio in (1.0, 2.0):
        seen = {
            frame_of(MERCATOR, Tile(zoom, x, y), ratio).zoom()
            for x in columns.tolist()
            for y in rows.tolist()
        }
        assert seen == {zoom - 1}


async def test_what_is_empty_is_clear(context: Context) -> None:
    city = await jurisdictions.find(context.db, CAPE_TOWN)
    scene = await Atlas(context).scene(city, THEMES["light"])
    parts = [Part(LAYERS["requests"], Query(), looks_of(scene, LAYERS["requests"]))]
    sea = Frame(WEB, (0.0, -4_000_000.0, 10_000.0, -3_990_000.0), 50, 40)
    assert not (await draw(context, city, scene, parts, sea)).any()


async def test_more_than_may_be_shown_is_cut_the_same_way(context: Context, demo: Settings) -> None:
    corners = (2_074_000.0, -4_017_000.0, 2_076_000.0, -4_015_000.0)
    few = connections.open_context(structs.replace(demo, max_picture_features=500))
    try:
        one, two = [await picture(few, "requests", corners) for _ in range(2)]
    finally:
        await connections.close_context(few)
    assert (one == two).all()
    assert (one != await picture(context, "requests", corners)).any()


@pytest.mark.parametrize("media_type", FORMATS)
def test_formats_hold_the_picture(media_type: str) -> None:
    across = np.linspace(0, 255, 64, dtype=np.uint8)
    pixels = np.zeros((32, 64, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[..., 0] = across
    pixels[8:16] = 0
    told = np.asarray(Image.open(io.BytesIO(encode(pixels, media_type))).convert("RGBA")).astype(
        int
    )
    if media_type == "image/jpeg":
        pixels[8:16] = 255
    assert abs(told - pixels.astype(int)).mean() < (0.01 if media_type == "image/png" else 8)


def test_half_clear_colours_are_those_that_were_painted() -> None:
    pixels = np.full((4, 4, 4), (100, 50, 0, 128), np.uint8)  # multiplied by the opacity
    told = np.asarray(Image.open(io.BytesIO(encode(pixels, "image/png"))))
    assert tuple(told[0, 0]) == pytest.approx((199, 100, 0, 128), abs=1)
