"""Styles of published layers that come as SLD, of QGIS: by HTTP and from the command line."""

import asyncio
import io
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import msgspec
import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from mapserve.rules import NAME, TITLE
from open311.commands.layers import layer
from open311.settings import Settings
from tests.gis.publishing import WHERE, Desk, frame, write
from tests.gis.test_publishing import context, desk
from tests.gis.test_wms_sld import BLUE, RED, areas, circles, has

__all__ = ["context", "desk"]
pytestmark = pytest.mark.anyio

WRITTEN = Path(__file__).parent / "sld"
"""As QGIS 3.22 wrote them (`QgsVectorLayer.saveSldStyle`)."""


def shapes(kind: str) -> gpd.GeoDataFrame:
    """Clinics as QGIS has them in the files: in a row, 700 metres from one to the next."""
    lon, lat = WHERE
    made = []
    for number in range(3):
        west, south = lon + number / 150, lat
        made.append(
            {
                "Point": shapely.Point(west, south),
                "LineString": shapely.LineString([(west, south), (west + 0.004, south + 0.002)]),
                "Polygon": shapely.box(west, south, west + 0.004, south + 0.002),
            }[kind]
        )
    told = {
        "name": ["Athlone", "Bellville", "Atlantis"], "beds": [5, 15, 40],
        "kind": ["clinic", "hospital", None],
    }  # fmt: skip
    return gpd.GeoDataFrame(told, geometry=made, crs=4326)


async def styled(desk: Desk, tmp_path: Path, kind: str, body: bytes) -> httpx.Response:
    await desk.publish("clinics", write(tmp_path / "clinics.gpkg", shapes(kind)))
    return await desk.client.put("/admin/layers/clinics/style", content=body)


async def drawn(desk: Desk, **more: str) -> NDArray[Any]:
    """500 pixels of the row, at a scale of 1 : 16 000."""
    lon, lat = WHERE
    box = f"{lon - 0.001},{lat - 0.005},{lon + 0.019},{lat + 0.015}"
    query = {
        "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "clinics",
        "STYLES": "", "CRS": "CRS:84", "BBOX": box,
        "WIDTH": "500", "HEIGHT": "500", "FORMAT": "image/png", "TRANSPARENT": "TRUE",
    } | more  # fmt: skip
    answer = await desk.client.get("/wms", params=query)
    assert answer.headers["content-type"] == "image/png", answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


def at(pixels: NDArray[Any], number: int) -> tuple[int, ...]:
    """The colour in the middle of the clinic of a number, or of the point."""
    column, row = round((0.001 + number / 150) * 25_000), round(0.015 * 25_000)
    return tuple(int(each) for each in pixels[row, column])


def inside(pixels: NDArray[Any], number: int) -> tuple[int, ...]:
    column, row = round((0.003 + number / 150) * 25_000), round(0.014 * 25_000)
    return tuple(int(each) for each in pixels[row, column])


async def test_categories_of_qgis(desk: Desk, tmp_path: Path) -> None:
    told = await styled(desk, tmp_path, "Point", (WRITTEN / "categorised.sld").read_bytes())
    assert told.status_code == 200, told.text
    notes = told.headers["x-style-notes"]
    assert "for the mark 'square' (line 48, Mark)" in notes
    pixels = await drawn(desk)
    colours = [at(pixels, number) for number in range(3)]
    assert colours == [(255, 0, 0, 255), (0, 0, 255, 255), (0, 255, 0, 255)]
    kept = told.json()["style"]
    assert [each["metadata"][TITLE] for each in kept] == ["clinic", "hospital", "kind is ''"]
    assert kept[0]["metadata"][NAME] == "clinic"


async def test_ranges_of_qgis(desk: Desk, tmp_path: Path) -> None:
    told = await styled(desk, tmp_path, "Polygon", (WRITTEN / "graduated.sld").read_bytes())
    assert "x-style-notes" not in told.headers
    pixels = await drawn(desk)
    assert [inside(pixels, number) for number in range(3)] == [
        (255, 255, 204, 255), (253, 141, 60, 255), (128, 0, 38, 255),
    ]  # fmt: skip
    # their edges, of the finest line, are mixed with what is around
    assert (pixels[..., 0][pixels[..., 3] > 0] < 90).sum() > 100


async def test_rules_of_qgis(desk: Desk, tmp_path: Path) -> None:
    """One is for scales below 1 : 50 000 only; the last lies above all others."""
    body = (WRITTEN / "rules.sld").read_bytes()
    told = await styled(desk, tmp_path, "LineString", body)
    assert told.status_code == 200, told.text
    near = await drawn(desk)
    assert has(near, RED) == 0
    assert near[..., 2].max() == 255
    wide = {"BBOX": "18.5,-34.05,18.8,-33.75"}
    # the third is long enough to be seen, and begins with an A
    assert [each.get("maxzoom") for each in told.json()["style"]] == [
        pytest.approx(12.448845),
        None,
        None,
    ]
    assert (await drawn(desk, **wide))[..., 3].any()


async def test_names_of_qgis(desk: Desk, tmp_path: Path) -> None:
    body = (WRITTEN / "labelled.sld").read_bytes()
    await styled(desk, tmp_path, "Point", body)
    named = await drawn(desk)
    without = body.replace(b"<se:Label>", b"<se:Label/><!--").replace(b"</se:Label>", b"-->")
    await desk.client.put("/admin/layers/clinics/style", content=without)
    plain = await drawn(desk)
    more = (named[..., 3] > 0) & (plain[..., 3] == 0)
    columns = np.argwhere(more)[:, 1]
    # each stands to the right of its point
    assert 200 < more.sum() < 20_000
    assert columns.min() >= 25


async def test_names_of_areas_and_lines_stand_on_them_once(desk: Desk, tmp_path: Path) -> None:
    body = (WRITTEN / "labelled_expression.sld").read_bytes()
    body = body.replace(b"Placeholder", b"<ogc:PropertyName>beds</ogc:PropertyName>")
    for kind in ("Polygon", "LineString"):
        await styled(desk, tmp_path, kind, body)
        pixels = await drawn(desk)
        ink = np.argwhere(
            (pixels[..., :3] == (0x22, 0x33, 0x44)).all(axis=2) & (pixels[..., 3] > 0)
        )
        groups = np.unique(ink[:, 1] // 167)
        assert list(groups) == [0, 1, 2]
        assert abs(ink[:, 0].mean() - 350) < 4
        assert len(ink) < 400
        await desk.client.delete("/admin/layers/clinics")


async def test_what_is_kept_is_a_style_of_web_maps(desk: Desk, tmp_path: Path) -> None:
    await styled(desk, tmp_path, "Polygon", (WRITTEN / "graduated.sld").read_bytes())
    shown = (await desk.client.get("/styles/clinics.json", auth=httpx.Auth())).json()
    looks = [each for each in shown["layers"] if each["type"] != "background"]
    assert [each["type"] for each in looks] == ["fill", "line"] * 3
    assert {each["source-layer"] for each in looks} == {"clinics"}
    told = (await desk.client.get("/styles/clinics.sld", auth=httpx.Auth())).content
    assert b"#fd8d3c" in told
    usual = await drawn(desk)
    again = await desk.client.put("/admin/layers/clinics/style", content=told)
    assert again.status_code == 200, again.text
    assert (await drawn(desk) == usual).all()


async def test_maplibre_styles_by_the_same_call(desk: Desk, tmp_path: Path) -> None:
    look = [{"type": "circle", "paint": {"circle-color": "#ff0000", "circle-radius": 8}}]
    told = await styled(desk, tmp_path, "Point", msgspec.json.encode(look))
    assert told.status_code == 200, told.text
    assert has(await drawn(desk), RED) > 300


async def test_shapes_of_several_kinds(desk: Desk, tmp_path: Path) -> None:
    """All look alike, and each kind is drawn by its own symbolizers."""
    lon, lat = WHERE
    mixed = [shapely.Point(lon, lat), shapely.box(lon + 1 / 150, lat, lon + 0.01, lat + 0.002)]
    frame = gpd.GeoDataFrame({"beds": [1, 1]}, geometry=mixed, crs=4326)
    await desk.publish("clinics", write(tmp_path / "mixed.geojson", frame))
    usual = await drawn(desk)
    assert at(usual, 0)[3] == 255
    assert inside(usual, 1)[3] > 0
    body = f"""<UserStyle xmlns="http://www.opengis.net/sld"><FeatureTypeStyle>
        {circles("#ff0000")}{areas("#0000ff")}</FeatureTypeStyle></UserStyle>"""
    told = await desk.client.put("/admin/layers/clinics/style", content=body)
    assert told.status_code == 200, told.text
    pixels = await drawn(desk)
    assert (at(pixels, 0), inside(pixels, 1)) == (RED, BLUE)


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 400, "neither SLD nor a MapLibre style"),
        (b"<x", 400, "cannot be read"),
        (b"{}", 400, "list `layers`"),
        (b"<UserStyle><FeatureTypeStyle/></UserStyle>", 400, "Nothing of this style"),
        (b"<!DOCTYPE a><a/>", 400, "DOCTYPE"),
        (b"<a>" + b" " * 300_000 + b"</a>", 413, "at most 250000 bytes"),
        (b"<UserStyle xmlns='http://www.opengis.net/sld'><FeatureTypeStyle><Rule>\n"
         b"<Filter><PropertyIsEqualTo><PropertyName>bed</PropertyName><Literal>1</Literal>"
         b"</PropertyIsEqualTo></Filter></Rule></FeatureTypeStyle></UserStyle>",
         400, "no property 'bed'; there are name, beds (line 2, PropertyName)"),
    ],
)  # fmt: skip
async def test_styles_that_cannot_be_read(
    desk: Desk, tmp_path: Path, body: bytes, status: int, told: str
) -> None:
    await desk.publish("clinics", write(tmp_path / "few.gpkg", frame()))
    refused = await desk.client.put("/admin/layers/clinics/style", content=body)
    assert (refused.status_code, told in refused.json()["detail"]) == (status, True), refused.text
    assert "style" not in (await desk.layer("clinics"))


async def test_whose_layers(desk: Desk) -> None:
    body = (WRITTEN / "categorised.sld").read_bytes()
    path = "/admin/layers/nothing/style"
    assert (await desk.client.put(path, content=body)).status_code == 404
    assert (await desk.client.put(path, content=body, auth=httpx.Auth())).status_code == 401


async def test_the_command(desk: Desk, settings: Settings, tmp_path: Path) -> None:
    async def run(*words: str) -> Any:
        given = ["style", "clinics", *words, "--jurisdiction", desk.city]
        return await asyncio.to_thread(
            CliRunner().invoke, layer, given, obj=lambda: nullcontext(settings)
        )

    await desk.publish("clinics", write(tmp_path / "clinics.gpkg", shapes("Point")))
    told = await run(str(WRITTEN / "categorised.sld"))
    assert told.exit_code == 0, told.output
    assert "for the mark 'star' (line 80, Mark)." in told.stderr
    assert len((await desk.layer("clinics"))["style"]) == 3
    assert (await run("--plain")).exit_code == 0
    assert "style" not in (await desk.layer("clinics"))
    assert (await run()).exit_code == 2
    wrong = tmp_path / "wrong.sld"
    wrong.write_text("<a/>")
    refused = await run(str(wrong))
    assert (refused.exit_code, "no StyledLayerDescriptor (line 1, a)" in refused.output) == (
        1,
        True,
    )
