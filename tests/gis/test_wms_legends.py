"""Legends by WMS: of styles that were sent, of one rule, of a scale, in a size, in a language."""

import io
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from lxml import etree
from numpy.typing import NDArray
from PIL import Image

from tests.gis.publishing import Desk, frame, write
from tests.gis.test_publishing import context, desk
from tests.gis.test_wms import ask, refused
from tests.gis.test_wms_sld import BLUE, RED, areas, circles, document, has, named

__all__ = ["context", "desk"]
pytestmark = pytest.mark.anyio

LEGEND = {"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetLegendGraphic", "LAYER": "hexes"}


def titled(rule: str, title: str) -> str:
    return rule.replace("<Rule>", f"<Rule><Name>{title.lower()}</Name><Title>{title}</Title>")


async def legend(client: httpx.AsyncClient, **more: str) -> NDArray[Any]:
    answer = await ask(client, LEGEND, **more)
    assert answer.headers["content-type"] == "image/png", answer.text[:500]
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


HEXES = document(named("hexes", titled(areas("#ff0000"), "Red") + titled(areas("#0000ff"), "Blue")))


async def test_a_line_for_each_rule_as_it_is_painted(cape_town: httpx.AsyncClient) -> None:
    drawn = await legend(cape_town, SLD_BODY=HEXES)
    red, blue = (np.argwhere((drawn == colour).all(axis=2)) for colour in (RED, BLUE))
    assert len(red) == len(blue) == 14 * 14
    assert red[:, 0].max() < blue[:, 0].min()
    only = await legend(cape_town, LAYER="-", SLD_BODY=HEXES)
    assert (only == drawn).all()
    fine = await legend(cape_town, SLD_BODY=HEXES, DPI="192")
    assert abs(fine.shape[0] - 2 * drawn.shape[0]) < 2
    dots = document(named("requests", circles("#ff0000", 40)))
    assert has(await legend(cape_town, LAYER="requests", SLD_BODY=dots), RED) > 1000


async def test_one_rule_is_its_symbol(cape_town: httpx.AsyncClient) -> None:
    told = {"SLD_BODY": HEXES, "WIDTH": "40", "HEIGHT": "30", "TRANSPARENT": "true"}
    blue = await legend(cape_town, **told, RULE="blue")
    assert blue.shape == (30, 40, 4)
    assert has(blue, BLUE) == 36 * 26
    assert has(blue, RED) == 0
    assert await refused(cape_town, LEGEND, **told, RULE="green") == "InvalidParameterValue"
    opened = await legend(cape_town, LAYER="requests", RULE="Open")
    assert opened.shape == (18, 18, 4)
    # those that GetStyles tells are those of a style that is sent back
    asked = {"VERSION": "1.1.1", "REQUEST": "GetStyles", "LAYERS": "boundaries"}
    body = (await ask(cape_town, asked)).text
    names = [
        each.text or "" for each in etree.fromstring(body.encode()).findall(".//{*}Rule/{*}Name")
    ]
    form = {**LEGEND, "LAYER": "boundaries", "SLD_BODY": body, "RULE": names[0]}
    assert (await cape_town.post("/wms", data=form)).headers["content-type"] == "image/png"


async def test_symbols_in_a_size(cape_town: httpx.AsyncClient) -> None:
    large = await legend(cape_town, WIDTH="60", HEIGHT="40")
    usual = await legend(cape_town)
    assert large.shape[0] > usual.shape[0]
    assert large.shape[1] == usual.shape[1] + 42
    # a size beside a box is that of the map
    contextual = await legend(cape_town, WIDTH="800", HEIGHT="600", BBOX="1,2,3,4", CRS="CRS:84")
    assert (contextual == usual).all()
    for wrong in ({"WIDTH": "9999", "HEIGHT": "20"}, {"WIDTH": "0", "HEIGHT": "20"}):
        assert await refused(cape_town, LEGEND, **wrong) == "InvalidParameterValue"


async def test_of_a_scale(cape_town: httpx.AsyncClient) -> None:
    near = "<MaxScaleDenominator>50000</MaxScaleDenominator>"
    rules = titled(areas("#ff0000"), "Red") + titled(areas("#0000ff"), "Blue").replace(
        "</Title>", f"</Title>{near}"
    )
    body = document(named("hexes", rules))
    far, close = [await legend(cape_town, SLD_BODY=body, SCALE=each) for each in ("60000", "40000")]
    assert (has(far, BLUE), has(close, BLUE)) == (0, 14 * 14)
    assert has(await legend(cape_town, SLD_BODY=body), BLUE)
    # hexagons of every resolution have colours of their own
    shown = [(await legend(cape_town, SCALE=each)).tobytes() for each in ("2000000", "20000")]
    assert shown[0] != shown[1]
    for wrong in ("0", "x", "-5", "1,2"):
        assert await refused(cape_town, LEGEND, SCALE=wrong) == "InvalidParameterValue"


async def test_in_a_language(cape_town: httpx.AsyncClient) -> None:
    """As GeoServer has titles in several languages."""
    title = 'Blue<Localized lang="af">Blou en nog langer</Localized>'
    body = document(
        named("hexes", titled(areas("#0000ff"), title).replace("<Name>blue", "<Name>b"))
    )
    body = body.replace('b<localized lang="af">blou en nog langer</localized>', "b")
    usual = await legend(cape_town, SLD_BODY=body)
    own = await legend(cape_town, SLD_BODY=body, LANGUAGE="af")
    assert own.shape[1] > usual.shape[1] + 40
    assert (await legend(cape_town, SLD_BODY=body, LANGUAGE="zu") == usual).all()


async def test_layers_with_a_style_of_their_own(desk: Desk, tmp_path: Any) -> None:
    await desk.publish("clinics", write(tmp_path / "few.gpkg", frame()))
    paint = {
        "circle-color": ["match", ["get", "name"], "Clinic 1", "#ff0000", "#0000ff"],
        "circle-radius": 7,
    }
    look = [{"type": "circle", "paint": paint}]
    told = await desk.client.put("/admin/layers/clinics/style", content=msgspec.json.encode(look))
    assert told.status_code == 200
    drawn = await legend(desk.client, LAYER="clinics")
    red, blue = (np.argwhere((drawn == colour).all(axis=2))[:, 0] for colour in (RED, BLUE))
    assert len(red) > 100
    assert red.max() < blue.min()
    capabilities = await ask(desk.client, {"REQUEST": "GetCapabilities"})
    size = etree.fromstring(capabilities.content).xpath(
        "//*[local-name()='Layer'][*[local-name()='Name']='clinics']//*[local-name()='LegendURL']"
    )[0]
    assert (int(size.get("width")), int(size.get("height"))) == drawn.shape[1::-1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"LAYER": "-"}, "LayerNotDefined"),
        ({"LAYER": "nothing"}, "LayerNotDefined"),
        ({"LAYER": "hexes,wards"}, "InvalidParameterValue"),
        ({"STYLE": "pink"}, "StyleNotDefined"),
        ({"SLD_BODY": "<a/>"}, "InvalidParameterValue"),
        ({"FORMAT": "image/jpeg"}, "InvalidFormat"),
        ({"RULE": "nothing"}, "InvalidParameterValue"),
    ],
)
async def test_legends_badly_asked_for(
    cape_town: httpx.AsyncClient, change: dict[str, str], code: str
) -> None:
    assert await refused(cape_town, LEGEND, **change) == code
