"""GetStyles: what is told of looks as SLD, and that the same pictures are drawn by it."""

import io
from typing import Any

import httpx
import numpy as np
import pytest
from lxml import etree
from numpy.typing import NDArray
from PIL import Image

from tests.gis.test_wms import QGIS, ask, picture, refused
from tests.gis.test_wms_sld import RED, has

pytestmark = pytest.mark.anyio

MIDDLE = (18.6385, -33.9145)
SIDE = 360


def near(zoom: float) -> dict[str, str]:
    """A picture around the middle of the demo, as large as web maps show it at a zoom."""
    lon, lat = MIDDLE
    half = SIDE / 2 * 360 / 512 / 2**zoom
    corners = (lon - half, lat - half, lon + half, lat + half)
    told = {"CRS": "CRS:84", "BBOX": ",".join(f"{each:.15g}" for each in corners)}
    return {**QGIS, **told, "WIDTH": str(SIDE), "HEIGHT": str(SIDE)}


async def styles(client: httpx.AsyncClient, layers: str) -> str:
    answer = await ask(client, {"VERSION": "1.1.1", "REQUEST": "GetStyles", "LAYERS": layers})
    assert answer.headers["content-type"].startswith("application/vnd.ogc.sld+xml"), answer.text
    return answer.text


async def test_the_styles_of_each_layer(cape_town: httpx.AsyncClient) -> None:
    root = etree.fromstring((await styles(cape_town, "requests,wards")).encode())
    assert [each.text for each in root.findall("{*}NamedLayer/{*}Name")] == ["requests", "wards"]
    for layer in root:
        names = [each.text for each in layer.findall("{*}UserStyle/{*}Name")]
        assert names == ["light", "dark"]
        assert len(layer.findall("{*}UserStyle/{*}IsDefault")) == 1
    ward = root[1].find(".//{*}Rule/{*}MaxScaleDenominator")
    # zoom 10, of tiles of 512 pixels
    assert ward.text == "272990"
    asked = {"VERSION": "1.1.1", "REQUEST": "GetStyles", "LAYERS": "nothing"}
    assert await refused(cape_town, asked) == "LayerNotDefined"


@pytest.mark.parametrize("layer", ["boundaries", "wards", "requests", "hexes"])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_read_back_they_draw_the_same(
    cape_town: httpx.AsyncClient, layer: str, theme: str
) -> None:
    body = await styles(cape_town, layer)
    drawn = 0
    for zoom in (7, 8, 9.5, 10, 11, 12.5, 13, 14, 14.5, 15, 16, 17):
        query = {**near(zoom), "LAYERS": layer, "STYLES": theme}
        usual = await cape_town.post("/wms", data=query)
        told = await cape_town.post("/wms", data={**query, "SLD_BODY": body})
        assert told.headers["content-type"] == "image/png", told.text[:600]
        assert told.content == usual.content, zoom
        drawn += len(usual.content) > 1000
    assert drawn > 3


async def test_between_its_steps_it_is_nearly_the_same(cape_town: httpx.AsyncClient) -> None:
    body = await styles(cape_town, "requests")
    query = {**near(15.2), "LAYERS": "requests", "STYLES": "light"}
    usual = await picture(cape_town, query)
    told = pixels(await cape_town.post("/wms", data={**query, "SLD_BODY": body}))
    assert usual[..., 3].any()
    assert abs(usual.astype(int) - told).mean() < 10


async def test_a_style_of_the_server_with_another_colour(cape_town: httpx.AsyncClient) -> None:
    body = (await styles(cape_town, "boundaries")).replace("#ffffff", "#ff0000")
    query = {**near(12), "LAYERS": "boundaries"}
    assert has(pixels(await cape_town.post("/wms", data=query)), RED) == 0
    told = pixels(await cape_town.post("/wms", data={**query, "SLD_BODY": body}))
    assert has(told, RED) > 10_000


def pixels(answer: httpx.Response) -> NDArray[Any]:
    assert answer.headers["content-type"] == "image/png", answer.text[:600]
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
