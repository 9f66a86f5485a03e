"""Pictures by WMS beside what MapLibre, the library of the map page, draws of the same style."""

import base64
import io
import math
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor

from tests.browser.conftest import Reader
from tests.operations.servers import Server

CITY = "capetown.gov.za"
LON, LAT = 18.645, -33.905
SIDE = 512
HALF_WORLD = math.pi * 6378137
INK, OTHER = 30, 60
"""Sums of the differences of three colours: of what is painted at all, and of what differs."""

DRAW = """
async ([style, center, zoom, side]) => {
  const { library } = await import(
    new URL("basemap.js", document.querySelector('script[type="module"]').src));
  const { Map } = await library();
  const container = document.createElement("div");
  const size = `width: ${side}px; height: ${side}px`;
  container.style.cssText = `position: fixed; inset: 0; z-index: 9; ${size}`;
  document.body.append(container);
  const map = new Map({
    container, style, center, zoom, pixelRatio: 1, fadeDuration: 0, attributionControl: false,
    canvasContextAttributes: { preserveDrawingBuffer: true },
  });
  await new Promise((resolve, reject) => {
    map.once("idle", resolve);
    setTimeout(() => reject(new Error("the map is never idle")), 90000);
  });
  const told = map.getCanvas().toDataURL("image/png");
  map.remove();
  return told;
}
"""


def by_the_library(reader: Reader, style: dict[str, Any], zoom: float) -> Image.Image:
    reader.open(f"/{CITY}")
    url = reader.page.evaluate(DRAW, [style, [LON, LAT], zoom, SIDE])
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def by_wms(server: Server, layer: str, theme: str, zoom: float) -> Image.Image:
    x = math.radians(LON) * 6378137
    y = math.asinh(math.tan(math.radians(LAT))) * 6378137
    reach = HALF_WORLD / 2**zoom
    query = {
        "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": layer,
        "STYLES": theme, "CRS": "EPSG:3857", "WIDTH": SIDE, "HEIGHT": SIDE, "TRANSPARENT": "TRUE",
        "BBOX": f"{x - reach},{y - reach},{x + reach},{y + reach}", "FORMAT": "image/png",
    }  # fmt: skip
    answer = httpx.get(f"{server.base}/maps/{CITY}/wms", params=query)  # type: ignore[arg-type]
    assert answer.headers["content-type"] == "image/png", answer.text[:500]
    return Image.open(io.BytesIO(answer.content))


def laid_on(picture: Image.Image, paper: str) -> NDArray[np.int64]:
    ground = Image.new("RGBA", picture.size, paper)
    ground.alpha_composite(picture.convert("RGBA"))
    return np.asarray(ground.convert("RGB")).astype(np.int64)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("layer", "zoom", "overlap", "differing"),
    [
        ("hexes", 9, 0.95, 0.002),
        ("hexes", 11.5, 0.95, 0.005),
        ("requests", 13, 0.98, 0.005),
        ("requests", 15, 0.7, 0.12),
        ("requests", 17, 0.7, 0.01),
        ("wards", 11, 0.7, 0.005),
    ],
)
def test_they_are_the_same(
    server: Server,
    reader: Reader,
    theme: str,
    layer: str,
    zoom: float,
    overlap: float,
    differing: float,
) -> None:
    """But for the edges, which the two smooth in ways of their own."""
    style = httpx.get(f"{server.base}/maps/{CITY}/styles/{layer}.json?theme={theme}").json()
    paper = next(
        each["paint"]["background-color"]
        for each in style["layers"]
        if each["type"] == "background"
    )
    one = laid_on(by_the_library(reader, style, zoom), paper)
    two = laid_on(by_wms(server, layer, theme, zoom), paper)
    ground = np.array(ImageColor.getrgb(paper))
    painted = [abs(each - ground).sum(axis=2) > INK for each in (one, two)]
    assert painted[0].any()
    assert (painted[0] & painted[1]).sum() >= overlap * (painted[0] | painted[1]).sum()
    assert (abs(one - two).sum(axis=2) > OTHER).mean() <= differing
