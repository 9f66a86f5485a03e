"""Styles, legends, letters and icons: whole, ours alone, and to be told apart by everybody."""

import io
import itertools
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageColor

from mapserve import glyphs, legend, styles
from mapserve.mvt import varint
from mapserve.themes import THEMES, Theme
from open311.settings import Settings

pytestmark = pytest.mark.anyio

STYLES = ["light", "dark", "requests", "hexes"]
# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def lab(colour: str, blindness: str) -> np.ndarray[Any, Any]:
    """A colour as seen, in CIE L*a*b* (D65)."""
    rgb = np.array(ImageColor.getrgb(colour)[:3]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(BLINDNESS[blindness] @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ linear / [0.9505, 1, 1.089]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda each: each.name)
def test_colours_are_told_apart(theme: Theme, blindness: str) -> None:
    seen = [lab(colour, blindness) for colour in theme.ramp]
    for one, other in itertools.pairwise(seen):
        assert np.linalg.norm(one - other) > 12
    lightness = [colour[0] for colour in seen]
    assert lightness == sorted(lightness, reverse=theme.name == "light")
    open_, closed = lab(theme.open, blindness), lab(theme.closed, blindness)
    assert np.linalg.norm(open_ - closed) > 40


@pytest.mark.parametrize("name", STYLES)
async def test_a_style_names_nothing_but_what_is_there(
    cape_town: httpx.AsyncClient, demo: Settings, name: str
) -> None:
    answer = await cape_town.get(f"/styles/{name}.json")
    style = json.loads(answer.content)
    assert style["version"] == 8
    for url in (style["sprite"], style["glyphs"], *(s["url"] for s in style["sources"].values())):
        assert url.startswith(f"{demo.address}/maps/")
    ids = [layer["id"] for layer in style["layers"]]
    assert len(set(ids)) == len(ids)
    for source in style["sources"].values():
        path = source["url"].partition("/maps/capetown.gov.za")[2]
        told = (await cape_town.get(path)).json()
        assert told["tilejson"] == "3.0.0"
    for layer in style["layers"][1:]:
        assert layer["source"] in style["sources"]


async def test_every_zoom_has_hexagons_or_points(cape_town: httpx.AsyncClient) -> None:
    style = (await cape_town.get("/styles/light.json")).json()
    for zoom in np.arange(0, 22, 0.25):
        shown = {
            layer["source"]
            for layer in style["layers"][1:]
            if layer.get("minzoom", 0) <= zoom < layer.get("maxzoom", 24)
        }
        assert shown & {"hexes", "requests"}, zoom


def test_breaks_are_neat_and_grow() -> None:
    assert styles.breaks(np.array([], np.int64)) == []
    assert styles.breaks(np.array([1, 1, 1])) == []
    found = styles.breaks(np.arange(1, 10_000))
    assert found == sorted(set(found))
    assert all(str(number).strip("0") in ("1", "2", "5") for number in found)


@pytest.mark.parametrize(
    ("query", "scale", "clear"),
    [("", 1, False), ("?dpi=192&TRANSPARENT=true&transparent=true", 2, True)],
)
@pytest.mark.parametrize("layer", ["requests", "hexes"])
async def test_a_legend_is_a_picture(
    cape_town: httpx.AsyncClient, layer: str, query: str, scale: int, clear: bool
) -> None:
    usual = Image.open(io.BytesIO((await cape_town.get(f"/legend/{layer}.png")).content))
    answer = await cape_town.get(f"/legend/{layer}.png{query}")
    assert answer.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.height == usual.height * scale
    assert (picture.getpixel((0, 0))[3] == 0) is clear
    assert len(picture.getcolors(10_000) or []) > 10


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/styles/nothing.json", 404),
        ("/styles/light", 404),
        ("/styles/hexes.json?theme=pink", 400),
        ("/legend/nothing.png", 404),
        ("/legend/hexes", 404),
        ("/legend/hexes.png?dpi=1e9", 400),
        ("/legend/hexes.png?zoom=-1", 400),
    ],
)
async def test_what_is_no_style_is_refused(
    cape_town: httpx.AsyncClient, path: str, status: int
) -> None:
    assert (await cape_town.get(path)).status_code == status


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("glyphs/Noto Sans Regular/0-255.pbf", 200, "application/x-protobuf"),
        ("glyphs/Open Sans Bold,Noto Sans Regular/7680-7935.pbf", 200, "application/x-protobuf"),
        ("glyphs/Noto Sans Regular/0-256.pbf", 404, None),
        ("glyphs/Noto Sans Regular/1-256.pbf", 404, None),
        ("glyphs/Noto Sans Regular/65536-65791.pbf", 404, None),
        ("glyphs/Comic Sans/0-255.pbf", 404, None),
        ("sprites/light.json", 200, "application/json"),
        ("sprites/dark@2x.png", 200, "image/png"),
        ("sprites/pink.png", 404, None),
    ],
)
async def test_letters_and_icons(
    cape_town: httpx.AsyncClient, path: str, status: int, kind: str | None
) -> None:
    answer = await cape_town.get(f"http://maps.test/maps/{path}")
    assert answer.status_code == status
    if kind:
        assert answer.headers["content-type"] == kind
        assert "max-age=604800" in answer.headers["cache-control"]


def test_the_font_has_the_letters_of_all_official_languages() -> None:
    empty = len(glyphs.draw_range(0x3000))
    for letter in "ḓḽṅṋṱêëïôûšŠáàâ \u2019\u2013":
        drawn = glyphs.draw_range(ord(letter) // 256 * 256)
        assert len(drawn) > empty
        assert b"\x08" + varint(ord(letter)) in drawn, letter


def test_icons_are_where_the_index_says() -> None:
    for ratio in (1, 2):
        content, index = legend.sprite(THEMES["light"], ratio)
        picture = Image.open(io.BytesIO(content))
        assert index.keys() == {"open", "closed"}
        for place in index.values():
            x, y, width, height = (place[name] for name in ("x", "y", "width", "height"))
            assert place["pixelRatio"] == ratio
            assert picture.crop((x, y, x + width, y + height)).getbbox()
            assert x + width <= picture.width
