"""Service discovery: georeport 1.2."""

from datetime import UTC, datetime

import httpx
import pytest
from lxml import etree

pytestmark = pytest.mark.anyio

HOST = "http://open311.test/open311"


async def test_discovers_one_jurisdiction(client: httpx.AsyncClient, city: str) -> None:
    document = (await client.get(f"{HOST}/{city}/discovery.json")).json()
    assert list(document) == ["changeset", "contact", "key_service", "endpoints"]
    assert document["contact"] == "Call 0860 103 089"
    assert datetime.fromisoformat(document["changeset"]) <= datetime.now(UTC)
    assert [
        (each["type"], each["url"].rpartition("/open311")[2]) for each in document["endpoints"]
    ] == [
        ("production", f"/{city}/v2"),
        ("test", f"/test.{city}/v2"),
    ]
    for endpoint in document["endpoints"]:
        assert endpoint["specification"] == "http://wiki.open311.org/GeoReport_v2"
        assert endpoint["formats"] == ["text/xml", "application/json"]


async def test_xml_nests_endpoints_and_formats(client: httpx.AsyncClient, city: str) -> None:
    root = etree.fromstring((await client.get(f"{HOST}/{city}/discovery.xml")).content)
    assert root.tag == "discovery"
    formats = root.findall("endpoints/endpoint[1]/formats/format")
    assert [each.text for each in formats] == ["text/xml", "application/json"]


async def test_the_whole_installation_lists_the_shared_endpoint_first(
    client: httpx.AsyncClient, city: str
) -> None:
    endpoints = (await client.get(f"{HOST}/discovery.json")).json()["endpoints"]
    assert endpoints[0]["url"].endswith("/open311/v2")
    assert any(each["url"].endswith(f"/{city}/v2") for each in endpoints)


async def test_an_unknown_jurisdiction_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{HOST}/nowhere.gov/discovery.xml")
    assert answer.status_code == 404
    assert etree.fromstring(answer.content).findtext("error/code") == "404"


async def test_every_endpoint_answers(client: httpx.AsyncClient, city: str) -> None:
    document = (await client.get(f"{HOST}/{city}/discovery.json")).json()
    for endpoint in document["endpoints"]:
        path = endpoint["url"].rpartition("/open311")[2]
        for extension in ("xml", "json"):
            assert (await client.get(f"{HOST}{path}/services.{extension}")).status_code == 200
