"""The `boston311` package: pydantic models that refuse a number for an id, or an empty URL.

They also want an address and a place of every request, which the past ones here have; a citizen
may give either alone, so the requests that other tests file today are left out.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import boston311
import pytest
import requests
from boston311.datamodels import Status

from tests.clients.conftest import ALLEY, BUSY_DAY, Town

YESTERDAY = datetime.now(UTC) - timedelta(hours=12)


@pytest.fixture(autouse=True)
def boston(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address is a constant and not a setting; all its code runs as released."""
    monkeypatch.setattr("boston311.api.BOSTON_API_ENDPOINT", f"{town.own}/")


def test_services_are_of_its_types() -> None:
    services = boston311.get_services()
    assert services.get_service_code("Tree trimming") == "TREE"
    assert services.get_service_name(ALLEY) == "Alley pothole"
    assert len(services) == 7


def test_requests_are_of_its_types(filed: list[dict[str, Any]]) -> None:
    found = boston311.get_service_requests(service_code="TREE", end_date=YESTERDAY)
    ids = [request.service_request_id for request in found.service_requests]
    assert [each for each in ids if each.startswith("RECENT")] == [
        f"RECENT-{number}" for number in (0, 3, 6, 9)
    ]
    newest = boston311.get_service_request("RECENT-1")
    assert newest is not None
    [expected] = [each for each in filed if each["service_request_id"] == "RECENT-1"]
    assert newest.requested_datetime == datetime.fromisoformat(expected["requested_datetime"])
    assert newest.status is Status.CLOSED
    assert (newest.lat, newest.zipcode, newest.media_url) == (expected["lat"], None, None)


def test_its_dates_and_its_status_are_understood() -> None:
    since = datetime.now(UTC) - timedelta(days=3, hours=1)
    for status, numbers in ((Status.OPEN, (0, 2)), (Status.CLOSED, (1,))):
        found = boston311.get_service_requests(
            start_date=since, end_date=YESTERDAY, status=status
        ).service_requests
        assert [(each.service_request_id, each.status) for each in found] == [
            (f"RECENT-{number}", status) for number in numbers
        ]
    day = boston311.get_service_requests(
        start_date=BUSY_DAY.replace(hour=8), end_date=BUSY_DAY.replace(hour=8, minute=1)
    )
    assert len(day) == 61


def test_what_does_not_exist_is_an_error() -> None:
    with pytest.raises(requests.HTTPError):
        boston311.get_service_request("NONE")
