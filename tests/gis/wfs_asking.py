"""How tests ask WFS, and what they look for in its answers."""

from typing import Any

import httpx
from lxml import etree

from tests.maps.truth import Row

SPACES = {
    "wfs": "http://www.opengis.net/wfs/2.0",
    "gml": "http://www.opengis.net/gml/3.2",
    "ows": "http://www.opengis.net/ows/1.1",
    "o": "urn:open311:layers",
}
FES = 'xmlns:fes="http://www.opengis.net/fes/2.0" xmlns:gml="http://www.opengis.net/gml/3.2"'
BOX = (18.63, -33.92, 18.64, -33.91)


async def ask(
    client: httpx.AsyncClient, operation: str, expected: int = 200, /, **query: Any
) -> Any:
    named = {"SERVICE": "WFS", "REQUEST": operation, "VERSION": "2.0.0", **query}
    answer = await client.get("/wfs", params={name: each for name, each in named.items() if each})
    assert answer.status_code == expected, answer.text[:500]
    return etree.fromstring(answer.content)


async def features(client: httpx.AsyncClient, **query: Any) -> list[str]:
    root = await ask(client, "GetFeature", **{"TYPENAMES": "o311:requests", **query})
    found = root.findall(".//o:service_request_id", SPACES)
    assert int(root.get("numberReturned")) == len(found)
    return [each.text for each in found]


async def refused(
    client: httpx.AsyncClient, operation: str, status: int = 400, /, **query: Any
) -> Any:
    root = await ask(client, operation, status, **query)
    (only,) = root.findall("{*}Exception")
    assert only.findtext("{*}ExceptionText")
    return only.get("exceptionCode"), only.get("locator")


def inside(rows: list[Row]) -> set[str]:
    west, south, east, north = BOX
    return {
        row.service_request_id
        for row in rows
        if west <= row.lon <= east and south <= row.lat <= north
    }


def fes(inner: str) -> str:
    return f"<fes:Filter {FES}>{inner}</fes:Filter>"


def is_equal(name: str, value: str, more: str = "") -> str:
    return (
        f"<fes:PropertyIsEqualTo {more}><fes:ValueReference>{name}</fes:ValueReference>"
        f"<fes:Literal>{value}</fes:Literal></fes:PropertyIsEqualTo>"
    )


def compares(operator: str, name: str, value: str) -> str:
    return is_equal(name, value).replace("PropertyIsEqualTo", operator)
