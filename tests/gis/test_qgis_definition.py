"""The layers of a city for QGIS, by one drag; QGIS itself reads it in `test_qgis.py`."""

import httpx
import pytest
from lxml import etree

pytestmark = pytest.mark.anyio


async def test_every_layer_is_there_in_each_way(cape_town: httpx.AsyncClient) -> None:
    answer = await cape_town.get("/qgis.qlr", params={"theme": "dark"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="capetown.gov.za.qlr"'
    document = etree.fromstring(answer.content)
    shown = document.findall(".//layer-tree-layer")
    assert len(shown) == 16
    keys = {layer.findtext("id") for layer in document.findall("maplayers/maplayer")}
    assert keys == {leaf.get("id") for leaf in shown}
    for leaf in shown:
        assert "/maps/capetown.gov.za" in (leaf.get("source") or "")
    # QGIS draws nothing of a layer whose system it must guess
    assert all(each.text for each in document.findall(".//spatialrefsys/wkt"))


async def test_its_classes_are_those_of_the_style(cape_town: httpx.AsyncClient) -> None:
    style = (await cape_town.get("/styles/hexes.json")).json()
    definition = etree.fromstring((await cape_town.get("/qgis.qlr")).content)
    fills = [layer for layer in style["layers"] if layer["type"] == "fill"]
    drawn = [
        (each.get("expression"), each.get("min-zoom"))
        for each in definition.findall(".//maplayer/renderer/styles/style")
        if each.get("layer") == "hexes"
    ]
    assert len(drawn) == len({(layer["id"]) for layer in fills})


async def test_styles_as_sld(cape_town: httpx.AsyncClient) -> None:
    """Its rules hold each feature once, in the colours of the MapLibre style."""
    space = {"s": "http://www.opengis.net/sld", "ogc": "http://www.opengis.net/ogc"}
    answer = await cape_town.get("/styles/light.sld")
    assert answer.headers["content-type"].startswith("application/vnd.ogc.sld+xml")
    root = etree.fromstring(answer.content)
    names = [each.text for each in root.findall("s:NamedLayer/s:Name", space)]
    assert names == ["boundaries", "wards", "hexes", "requests"]
    hexes = etree.fromstring((await cape_town.get("/styles/hexes.sld?theme=dark")).content)
    style = (await cape_town.get("/styles/hexes.json?theme=dark")).json()
    fills_of_8 = [
        layer
        for layer in style["layers"]
        if layer["id"].startswith("hexes-8") and layer["type"] == "fill"
    ]
    colours = {layer["paint"]["fill-color"] for layer in fills_of_8}
    fills = hexes.findall(".//s:Fill/s:CssParameter[@name='fill']", space)
    assert {each.text for each in fills} == colours
    features = (await cape_town.get("/collections/hexes/items?limit=1000")).json()["features"]
    for feature in features:
        count = feature["properties"]["count"]
        held = [rule for rule in hexes.findall(".//s:Rule", space) if _holds(rule, count, space)]
        assert len(held) == 1


def _holds(rule: etree._Element, count: int, space: dict[str, str]) -> bool:
    least = rule.findtext(".//ogc:PropertyIsGreaterThanOrEqualTo/ogc:Literal", "0", space)
    below = rule.findtext(".//ogc:PropertyIsLessThan/ogc:Literal", "999999", space)
    return int(least) <= count < int(below)
