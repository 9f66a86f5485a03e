"""How clients of other languages write their calls: the bytes that they send, and what they need.

None of them is in a Python registry; what they do was seen in runs of the programs themselves.
"""

import json

import httpx
import pytest

from tests.clients.conftest import Town

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PLACE = "lat=-33.93&long=18.66"


def answers(town: Town, receipt: httpx.Response) -> list[tuple[str, str]]:
    """The answers that were kept, each with its code."""
    request_id = receipt.raise_for_status().json()[0]["service_request_id"]
    url = f"{town.own}/requests/{request_id}.json"
    [request] = httpx.get(url, params={"extensions": "true"}).raise_for_status().json()
    return [(each["code"], each["value"]) for each in request["attributes"]]


@pytest.mark.parametrize(
    "written",
    [
        "attribute%5BNEAR%5D%5B0%5D=LINE&attribute%5BNEAR%5D%5B1%5D=HOUSE",  # node-open311
        "attribute[NEAR][]=LINE&attribute[NEAR][]=HOUSE",  # the specification's example
        "attribute%5BNEAR%5D%5B%5D=LINE&attribute%5BNEAR%5D%5B%5D=HOUSE",  # Ruby and PHP
        "attribute[NEAR]=LINE&attribute[NEAR]=HOUSE",  # Perl
    ],
)
def test_several_values_of_an_attribute(town: Town, written: str) -> None:
    """node-open311 also puts `jurisdiction_id` into the query."""
    url = f"{town.shared}/requests.json?jurisdiction_id={town.jurisdiction_id}"
    body = f"api_key={town.api_key}&service_code=TREE&attribute%5BKIND%5D=DEAD&{PLACE}&{written}"
    kept = answers(town, httpx.post(url, content=body, headers=FORM))
    assert sorted(kept) == [("KIND", "DEAD"), ("NEAR", "HOUSE"), ("NEAR", "LINE")]


def test_key_and_jurisdiction_in_the_query_of_a_post(town: Town) -> None:
    """As the `open311` package does, whose body has the rest."""
    query = {"jurisdiction_id": town.jurisdiction_id, "api_key": town.api_key}
    body = {"service_code": "POTHOLE", "lat": "-33.93", "long": "18.66"}
    answer = httpx.post(f"{town.shared}/requests.json", params=query, data=body)
    assert answer.status_code == 200
    assert answer.json()[0]["service_request_id"]


def test_an_empty_jurisdiction_on_a_towns_own_address(town: Town) -> None:
    """GeoReporter for Android always appends it, with a value or without."""
    answer = httpx.get(f"{town.own}/services.json?jurisdiction_id=")
    assert len(answer.raise_for_status().json()) > 0


def test_discovery_leads_to_the_services(town: Town) -> None:
    """node-open311 compares the specification letter by letter, and appends a slash."""
    url = f"{town.address}/open311/{town.jurisdiction_id}/discovery.json"
    found = json.loads(httpx.get(url).raise_for_status().content)
    [production] = [each for each in found["endpoints"] if each["type"] == "production"]
    assert production["specification"] == "http://wiki.open311.org/GeoReport_v2"
    assert {"text/xml", "application/json"} == set(production["formats"])
    services = httpx.get(production["url"].rstrip("/") + "/" + "/services.json")
    assert services.status_code == 200


def test_letters_beyond_ascii_without_a_charset(town: Town) -> None:
    """Percent-encoded or raw UTF-8: no client of the seven that were run names a charset."""
    for written in (b"caf%C3%A9+%E2%82%AC5", "café €5".encode()):
        body = f"api_key={town.api_key}&service_code=POTHOLE&{PLACE}&description=".encode()
        receipt = httpx.post(f"{town.own}/requests.json", content=body + written, headers=FORM)
        request_id = receipt.raise_for_status().json()[0]["service_request_id"]
        [request] = httpx.get(f"{town.own}/requests/{request_id}.json").json()
        assert request["description"] == "café €5"
