"""The `georeport` package reads a whole town, in both formats and on both base URLs."""

from typing import Any

import pytest
import requests
from georeport import GeoReport

from tests.clients.conftest import Town

SEWER = "sewer: blocked / overflow"


@pytest.fixture(params=["json", "xml"])
def output(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["shared", "own"])
def reader(request: pytest.FixtureRequest, town: Town, output: str) -> GeoReport:
    if request.param == "own":
        return GeoReport(town.own, output_format=output)
    return GeoReport(town.shared, jurisdiction=town.jurisdiction_id, output_format=output)


def test_services_and_what_they_ask_for(reader: GeoReport) -> None:
    services = {service["service_code"]: service for service in reader.get_service_list()}
    assert services["TREE"]["group"] == "Parks"
    assert services["TREE"]["keywords"] == "tree,branch"
    assert services["TREE"]["metadata"] in (True, "true")
    definition = reader.get_service_definition("TREE")
    attributes = definition["attributes"]
    listed = attributes["attribute"] if isinstance(attributes, dict) else attributes
    assert [attribute["code"] for attribute in listed] == ["HEIGHT", "KIND", "NEAR", "SEEN", "NOTE"]
    assert [attribute["order"] for attribute in listed] in ([*range(1, 6)], [*"12345"])


def test_a_service_code_with_blanks_and_a_slash(reader: GeoReport) -> None:
    assert reader.get_service_definition(SEWER)["service_code"] == SEWER


def test_requests_with_every_filter(reader: GeoReport, filed: list[dict[str, Any]]) -> None:
    newest = [request["service_request_id"] for request in reader.get_service_requests()]
    assert newest == [request["service_request_id"] for request in filed]
    closed = reader.get_service_requests(status="closed", service_code="POTHOLE,TREE")
    ids = [request["service_request_id"] for request in closed]
    assert [each for each in ids if each.startswith("RECENT")] == [
        f"RECENT-{number}" for number in (1, 3, 5, 7, 9)
    ]
    assert {request["status"] for request in closed} == {"closed"}
    named = reader.get_service_requests(service_request_id="RECENT-1,RECENT-2,BUSY-3")
    assert {request["service_request_id"] for request in named} == {
        "RECENT-1",
        "RECENT-2",
        "BUSY-3",
    }
    busy = reader.get_service_requests(
        start_date="2024-03-09T08:00:00Z", end_date="2024-03-09T08:00:09Z"
    )
    assert len(busy) == 10


def test_one_request_is_the_same_in_the_list(
    reader: GeoReport, output: str, filed: list[dict[str, Any]]
) -> None:
    shown = reader.get_service_request("RECENT-4")
    expected = next(r for r in filed if r["service_request_id"] == "RECENT-4")
    if output == "xml":
        expected = {name: None if each is None else str(each) for name, each in expected.items()}
    assert shown == expected


def test_what_does_not_exist_is_an_error(reader: GeoReport) -> None:
    with pytest.raises(requests.HTTPError, match="404"):
        reader.get_service_request("NONE")
    with pytest.raises(requests.HTTPError, match="404"):
        reader.get_service_definition("NONE")
