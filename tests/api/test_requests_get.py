"""GET requests and GET request: georeport 1.1, 1.7, 1.8, 1.9."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from lxml import etree

from open311 import catalogue
from open311.db import Database
from tests.conftest import CITY

FileHistory = Callable[[list[dict[str, Any]]], Awaitable[None]]
pytestmark = pytest.mark.anyio

FIELDS = [
    *[
        "service_request_id",
        "status",
        "status_notes",
        "service_name",
        "service_code",
        "description",
    ],
    *["agency_responsible", "service_notice", "requested_datetime", "updated_datetime"],
    *["expected_datetime", "address", "address_id", "zipcode", "lat", "long", "media_url"],
]


@pytest.fixture
async def filed(client: httpx.AsyncClient, file_history: FileHistory) -> list[str]:
    """Ten requests, a day apart from today backwards, every third closed; ids R-0 to R-9."""
    today = datetime.now(UTC).replace(microsecond=0, hour=12, minute=0, second=0)
    rows: list[dict[str, Any]] = []
    for number in range(10):
        at = today - timedelta(days=number + 1)
        rows.append(
            {
                "service_request_id": f"R-{number}",
                "service_code": "POTHOLE" if number % 2 else "TREE",
                "requested_datetime": at.isoformat(),
                "closed_datetime": (at + timedelta(hours=5)).isoformat() if number % 3 == 0 else "",
                "lat": -33.92 - number / 1000,
                "long": 18.65,
                "description": f"number {number}",
            }
        )
    await file_history(rows)
    return [row["service_request_id"] for row in rows]


async def ids(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/requests.json", params=query)
    assert answer.status_code == 200, answer.text
    return [request["service_request_id"] for request in answer.json()]


async def test_every_field_is_there_in_both_formats(
    client: httpx.AsyncClient, filed: list[str]
) -> None:
    json_ = (await client.get("/requests/R-0.json")).json()
    xml = etree.fromstring((await client.get("/requests/R-0.xml")).content)
    assert xml.tag == "service_requests"
    assert [child.tag for child in xml[0]] == FIELDS == list(json_[0])
    assert len(json_) == len(xml) == 1
    assert json_[0]["status"] == "closed"
    assert xml.findtext("request/updated_datetime", "").endswith(":00Z")
    assert xml.find("request/zipcode").text is None
    assert xml.findtext("request/lat") == str(json_[0]["lat"]) == "-33.92"


async def test_newest_first(client: httpx.AsyncClient, filed: list[str]) -> None:
    assert await ids(client) == filed


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "open"}, "124578"),
        ({"status": "closed"}, "0369"),
        ({"status": "open, closed"}, "0123456789"),
        ({"status": ["open", "closed"]}, "0123456789"),
        ({"status": ""}, "0123456789"),
        ({"service_code": "TREE"}, "02468"),
        ({"service_code": "TREE,POTHOLE"}, "0123456789"),
        ({"service_code": ["TREE", "POTHOLE"]}, "0123456789"),
        ({"service_code": "TREE,NONE"}, "02468"),
        ({"service_code": "TREE", "status": "open"}, "248"),
        ({"service_request_id": "R-3, R-1,R-99", "status": "open"}, "13"),
        ({"service_request_id": "R-99"}, ""),
        ({"bbox": "18.6,-33.9225,18.7,-33.9195"}, "012"),
        ({"bbox": "0,0,1,1"}, ""),
        ({"lat": "-33.92", "long": "18.65", "radius": "250"}, "012"),
        ({"page_size": "4", "page": "2"}, "4567"),
        ({"page_size": "4", "page": "0"}, "0123"),
        ({"page_size": "4", "page": "3"}, "89"),
        ({"page_size": "4", "page": "4"}, ""),
        ({"unknown": "x", "api_key": "wrong"}, "0123456789"),
    ],
)
async def test_filters(
    client: httpx.AsyncClient, filed: list[str], query: dict[str, Any], expected: str
) -> None:
    assert await ids(client, **query) == [f"R-{digit}" for digit in expected]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"status": "fixed"}, 400),
        ({"service_code": "NONE"}, 404),
        ({"start_date": "yesterday"}, 400),
        ({"start_date": "2020-01-01T00:00:00Z", "end_date": "2019-01-01T00:00:00Z"}, 400),
        ({"start_date": "2020-01-01", "end_date": "2020-04-01T00:00:01Z"}, 400),
        ({"updated_after": "2020-13-01"}, 400),
        ({"page": "-1"}, 400),
        ({"page": "two"}, 400),
        ({"page": "9" * 30}, 400),
        ({"page": "0" * 20 + "9" * 26}, 400),
        ({"page_size": "0" * 20 + "100000000"}, 400),
        ({"lat": "-3_3", "long": "18"}, 400),
        ({"page_size": "1001"}, 400),
        ({"bbox": "1,2,3"}, 400),
        ({"bbox": "19,-33,18,-34"}, 400),
        ({"bbox": "nan,0,1,1"}, 400),
        ({"lat": "-33"}, 400),
        ({"lat": "-33", "long": "18", "radius": "-1"}, 400),
        ({"lat": "-33", "long": "18", "radius": "nan"}, 400),
    ],
)
async def test_unclear_questions_are_refused(
    client: httpx.AsyncClient, query: dict[str, str], status: int
) -> None:
    answer = await client.get("/requests.xml", params=query)
    assert answer.status_code == status
    assert etree.fromstring(answer.content).findtext("error/code") == str(status)


async def test_dates_as_clients_write_them(client: httpx.AsyncClient, filed: list[str]) -> None:
    noon = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%dT12:00:00")
    local = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%dT14:00:00")
    for text in (f"{noon}Z", f"{noon}.000Z", f"{local}+02:00", f"{local} 02:00", local):
        assert await ids(client, start_date=text, end_date=text) == ["R-2"], text
    day = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%d")
    assert await ids(client, start_date=day) == ["R-0", "R-1", "R-2"]
    assert await ids(client, end_date=day) == filed[3:]


async def test_ninety_days_and_no_more(client: httpx.AsyncClient) -> None:
    for end, status in (("2020-03-31T00:00:00Z", 200), ("2020-03-31T00:00:01Z", 400)):
        query = {"start_date": "2020-01-01T00:00:00Z", "end_date": end}
        assert (await client.get("/requests.json", params=query)).status_code == status


async def test_changes_since(client: httpx.AsyncClient, filed: list[str], city: str) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    update = {"api_key": f"key-{city}", "service_request_id": "R-4", "status": "FIXED"}
    assert (await client.post("/servicerequestupdates.json", data=update)).status_code == 200
    assert await ids(client, updated_after=since.isoformat()) == ["R-4"]
    assert (
        await ids(client, updated_after=since.isoformat(), updated_before=since.isoformat()) == []
    )


async def test_an_old_request_is_found_by_its_id(
    client: httpx.AsyncClient, file_history: FileHistory
) -> None:
    old = {
        "service_request_id": "OLD",
        "service_code": "POTHOLE",
        "requested_datetime": "2011-02-03T08:00:00Z",
        "lat": -33.92,
        "long": 18.65,
    }
    await file_history([old])
    assert await ids(client) == []
    assert await ids(client, service_request_id="OLD") == ["OLD"]
    assert await ids(client, start_date="2011-01-01") == ["OLD"]
    assert (await client.get("/requests/OLD.json")).status_code == 200


async def test_totals_and_neighbours_are_in_headers(
    client: httpx.AsyncClient, filed: list[str]
) -> None:
    query = {"page_size": "4", "page": "2", "service_code": "TREE,POTHOLE", "api_key": "secret"}
    answer = await client.get("/requests.json", params=query)
    assert answer.headers["x-total-count"] == "10"
    assert set(answer.links) == {"first", "prev", "next", "last"}
    assert "secret" not in answer.headers["link"]
    following = httpx.URL(answer.links["next"]["url"])
    assert following.params["service_code"] == "TREE,POTHOLE"
    assert following.params["page"] == "3"
    path = following.raw_path.decode()
    last = await client.get(f"http://open311.test{path}")
    assert [each["service_request_id"] for each in last.json()] == ["R-8", "R-9"]
    assert "next" not in last.links


async def test_a_list_without_rows_is_empty_in_both_formats(client: httpx.AsyncClient) -> None:
    assert (await client.get("/requests.json")).text == "[]"
    assert (await client.get("/requests.xml")).text.endswith("<service_requests/>")


async def test_extensions_come_only_when_asked_for(
    client: httpx.AsyncClient, filed: list[str]
) -> None:
    plain = (await client.get("/requests/R-0.json")).json()[0]
    asked = {"extensions": "true"}
    extended = (await client.get("/requests/R-0.json", params=asked)).json()[0]
    assert list(plain) == FIELDS
    assert set(extended) - set(plain) == {"extended_attributes", "attributes", "notes"}
    assert extended["extended_attributes"]["detailed_status"] == "fixed"
    xml = await client.get("/requests.xml", params=asked)
    notes = etree.fromstring(xml.content).findall("request/notes/note/type")
    assert {note.text for note in notes} == {"submitted"}


async def test_another_jurisdictions_request_is_not_found(
    client: httpx.AsyncClient, filed: list[str]
) -> None:
    twin = str(client.base_url).split("/")[-3]
    elsewhere = f"http://open311.test/open311/test.{twin}/v2/requests/R-0.json"
    assert (await client.get(elsewhere)).status_code == 404
    assert (await client.get("/requests/none.json")).status_code == 404


async def test_open_requests_nearby(client: httpx.AsyncClient, filed: list[str]) -> None:
    query = {"service_code": "TREE", "lat": "-33.922", "long": "18.65", "radius": "300"}
    near = (await client.get("/nearby.json", params=query)).json()
    assert [(each["service_request_id"], each["distance"]) for each in near] == [
        ("R-2", 0.0),
        ("R-4", 221.8),
    ]
    assert (
        await client.get("/nearby.json", params=query | {"service_code": "X"})
    ).status_code == 404
    assert (await client.get("/nearby.json", params={"lat": "1", "long": "2"})).status_code == 400


async def test_how_near_and_recent_a_duplicate_is_each_service_may_say(
    client: httpx.AsyncClient, database: Database, city: str, file_history: FileHistory
) -> None:
    day = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    now = datetime.now(UTC).isoformat()
    old, far = (
        {"requested_datetime": day, "lat": -33.92},
        {"requested_datetime": now, "lat": -33.922},
    )
    for code in ("TREE", "POTHOLE"):
        rows = [
            {"service_request_id": f"{code}-{name}", "service_code": code, "long": 18.65, **row}
            for name, row in (("OLD", old), ("FAR", far))
        ]
        await file_history(rows)
    read = catalogue.read(CITY)
    said = {"TREE": {"duplicate_metres": 300}, "POTHOLE": {"duplicate_days": 60}}
    services = [
        msgspec.structs.replace(each, **said.get(each.service_code, {})) for each in read.services
    ]
    changed = msgspec.structs.replace(read, jurisdiction_id=city, services=services)
    await catalogue.load(database, changed)

    async def nearby(code: str, **more: str) -> list[str]:
        query = {"service_code": code, "lat": "-33.92", "long": "18.65"} | more
        found = (await client.get("/nearby.json", params=query)).json()
        return [each["service_request_id"] for each in found]

    assert await nearby("TREE") == ["TREE-FAR"]
    assert await nearby("POTHOLE") == ["POTHOLE-OLD"]
    assert await nearby("POTHOLE", radius="300") == ["POTHOLE-OLD", "POTHOLE-FAR"]


async def test_any_number_of_ids_may_be_asked_for(
    client: httpx.AsyncClient, filed: list[str]
) -> None:
    asked = ",".join(["R-1", *(f"X-{number}" for number in range(1500)), "R-2"])
    assert await ids(client, service_request_id=asked) == ["R-1", "R-2"]


async def test_a_circle_holds_what_lies_at_its_edge(
    client: httpx.AsyncClient, file_history: FileHistory
) -> None:
    # on the equator a degree of latitude is shortest: 110,574 m
    edge = {
        "service_request_id": "EDGE",
        "service_code": "POTHOLE",
        "requested_datetime": datetime.now(UTC).isoformat(),
        "lat": 0.451,
        "long": 0.0,
    }
    await file_history([edge])
    assert await ids(client, lat="0", long="0", radius="50000") == ["EDGE"]
    assert await ids(client, lat="0", long="0", radius="49000") == []


@pytest.mark.parametrize("path", ["/requests/%00.json", "/tokens/%00.json", "/services/%00.json"])
async def test_a_zero_character_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_heads_and_options(client: httpx.AsyncClient) -> None:
    assert (await client.head("/bulk.csv")).status_code == 200
    for path in ("/requests.json", "/servicerequestupdates.xml"):
        allowed = (await client.options(path)).headers["allow"]
        assert set(allowed.split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


async def test_links_repeat_only_what_counts(client: httpx.AsyncClient, filed: list[str]) -> None:
    query = {"page_size": "4", "foo": "x" * 5000, "status": "open,closed"}
    answer = await client.get("/requests.json", params=query)
    assert "status=open%2Cclosed" in answer.headers["link"]
    assert "foo" not in answer.headers["link"]
    codes = ",".join(["TREE", *(f"CODE-{number}" for number in range(1500))])
    many = await client.get("/requests.json", params={"service_code": codes, "page_size": "2"})
    assert many.headers["x-total-count"] == "5"
    assert "link" not in many.headers


async def test_ids_are_read_in_either_case_and_override_pages(
    client: httpx.AsyncClient, filed: list[str]
) -> None:
    assert (await client.get("/requests/r-3.json")).status_code == 200
    assert await ids(client, service_request_id="r-1,r-2", page="2", page_size="1") == [
        "R-1",
        "R-2",
    ]
