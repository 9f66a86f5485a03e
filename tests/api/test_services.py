"""GET services and service definitions: georeport 1.1, 1.3, 1.4."""

import httpx
import pytest
from lxml import etree

pytestmark = pytest.mark.anyio


async def test_lists_services_in_both_formats(client: httpx.AsyncClient) -> None:
    json_ = await client.get("/services.json")
    xml = await client.get("/services.xml")
    assert json_.headers["content-type"] == "application/json; charset=utf-8"
    assert xml.headers["content-type"] == "text/xml; charset=utf-8"
    assert json_.json()[0] == {
        "service_code": "POTHOLE",
        "service_name": "Pothole",
        "description": "A hole in a road or pavement",
        "metadata": False,
        "type": "realtime",
        "keywords": "road,tar,hole",
        "group": "Roads",
    }
    assert xml.text.startswith('<?xml version="1.0" encoding="utf-8"?>\n<services><service>')
    codes = etree.fromstring(xml.content).findall("service/service_code")
    assert [code.text for code in codes] == [service["service_code"] for service in json_.json()]
    assert all(isinstance(service["group"], str) for service in json_.json())


async def test_the_suffix_decides_and_accept_does_not(client: httpx.AsyncClient) -> None:
    answer = await client.get("/services.xml", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"


@pytest.mark.parametrize("path", ["/services", "/services.yaml", "/services.JSON", "/nothing"])
async def test_an_unknown_suffix_is_not_found_in_xml(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert etree.fromstring(answer.content).findtext("error/code") == "404"


async def test_doubled_slashes_are_tolerated(client: httpx.AsyncClient, city: str) -> None:
    answer = await client.get(f"http://open311.test/open311/{city}/v2//services.json")
    assert answer.status_code == 200


async def test_the_shared_address_needs_a_jurisdiction(
    client: httpx.AsyncClient, city: str
) -> None:
    base = "http://open311.test/open311/v2/services.json"
    assert (await client.get(base, params={"jurisdiction_id": city.upper()})).status_code == 200
    for blank in ({}, {"jurisdiction_id": ""}):
        missing = await client.get(base, params=blank)
        assert missing.status_code == 400
        assert "jurisdiction_id" in missing.json()[0]["description"]
    unknown = await client.get(base, params={"jurisdiction_id": "nowhere.gov"})
    assert unknown.status_code == 404
    assert "jurisdiction_id" in unknown.json()[0]["description"]


async def test_a_jurisdiction_may_not_contradict_its_address(
    client: httpx.AsyncClient, city: str
) -> None:
    same = await client.get("/services.json", params={"jurisdiction_id": city})
    other = await client.get("/services.json", params={"jurisdiction_id": "boston.gov"})
    assert (same.status_code, other.status_code) == (200, 400)


async def test_services_at_a_place(client: httpx.AsyncClient) -> None:
    here = await client.get("/services.json", params={"lat": "-33.92", "long": "18.65"})
    elsewhere = await client.get("/services.json", params={"lat": "42.3", "long": "-71.1"})
    assert len(here.json()) == 6
    assert elsewhere.json() == []


async def test_defines_a_service_in_both_formats(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/services/TREE.json")).json()
    assert answer["service_code"] == "TREE"
    kind = answer["attributes"][1]
    assert kind == {
        "variable": True,
        "code": "KIND",
        "datatype": "singlevaluelist",
        "required": True,
        "datatype_description": None,
        "order": 2,
        "description": "What is wrong?",
        "values": [{"key": "LEAN", "name": "It leans"}, {"key": "DEAD", "name": "It is dead"}],
    }
    assert "values" not in answer["attributes"][0]
    root = etree.fromstring((await client.get("/services/TREE.xml")).content)
    assert root.tag == "service_definition"
    assert root.findtext("attributes/attribute[2]/values/value[1]/key") == "LEAN"
    assert root.findtext("attributes/attribute[5]/variable") == "false"


async def test_a_code_may_hold_blanks_colons_and_slashes(client: httpx.AsyncClient) -> None:
    answer = await client.get("/services/sewer%3A%20blocked%20%2F%20overflow.json")
    assert answer.json() == {"service_code": "sewer: blocked / overflow", "attributes": []}


async def test_an_unknown_service_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/services/NONE.xml")
    assert answer.status_code == 404
    assert "NONE" in etree.fromstring(answer.content).findtext("error/description", "")


async def test_head_options_and_cors(client: httpx.AsyncClient) -> None:
    whole = await client.get("/services.json")
    head = await client.head("/services.json")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert "GET" in (await client.options("/services.json")).headers["allow"]
    for path in ("/services.json", "/requests/none.json", "/nothing"):
        answer = await client.get(path, headers={"Origin": "https://example.org"})
        assert answer.headers["access-control-allow-origin"] == "*"
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    preflight = await client.options("/requests.json", headers=asked)
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]


async def test_an_etag_saves_the_second_answer(client: httpx.AsyncClient) -> None:
    first = await client.get("/services.json")
    again = await client.get("/services.json", headers={"If-None-Match": first.headers["etag"]})
    other = await client.get("/services.xml", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200


@pytest.mark.parametrize("coding", ["br", "gzip"])
async def test_answers_are_compressed(client: httpx.AsyncClient, coding: str) -> None:
    answer = await client.get("/services.json", headers={"Accept-Encoding": coding})
    assert answer.headers["content-encoding"] == coding
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert answer.json()[0]["service_code"] == "POTHOLE"


@pytest.mark.parametrize("host", ["a:99999", "a:b", ""])
async def test_any_host_header_is_served(client: httpx.AsyncClient, host: str) -> None:
    for path, status in (("/services.json", 200), ("/requests/none.json", 404)):
        answer = await client.get(path, headers={"Host": host})
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("form", ["*", '"x", {}', "{}"])
async def test_tags_are_compared_weakly(client: httpx.AsyncClient, form: str) -> None:
    tag = (await client.get("/services.json")).headers["etag"].removeprefix("W/")
    answer = await client.get("/services.json", headers={"If-None-Match": form.format(tag)})
    assert answer.status_code == 304
