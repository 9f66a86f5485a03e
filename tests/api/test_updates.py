"""FixMyStreet's request updates: georeport 1.9."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from lxml import etree

from open311 import keys
from open311.db import Database

FileHistory = Callable[[list[dict[str, Any]]], Awaitable[None]]
pytestmark = pytest.mark.anyio


@pytest.fixture
async def request_id(client: httpx.AsyncClient, city: str) -> str:
    report = {
        "api_key": f"key-{city}",
        "service_code": "POTHOLE",
        "lat": "-33.92",
        "long": "18.65",
    }
    answer = await client.post("/requests.json", data=report)
    return str(answer.json()[0]["service_request_id"])


async def post(client: httpx.AsyncClient, request_id: str, **fields: Any) -> httpx.Response:
    """Post as FixMyStreet does: status in capitals, a number of its own, names or a dash."""
    whole = {
        "api_key": f"key-{str(client.base_url).split('/')[-3]}",
        "service_request_id": request_id,
        "update_id": "1",
        "updated_datetime": datetime.now(UTC).isoformat(),
        "status": "OPEN",
        "description": "Still there",
        "first_name": "-",
        "last_name": "-",
        "email_alerts_requested": "FALSE",
        **fields,
    }
    return await client.post("/servicerequestupdates.xml", data=whole)


def update_id(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.content).findtext("request_update/update_id", "")


async def test_an_update_comes_back_in_its_window(
    client: httpx.AsyncClient, request_id: str
) -> None:
    posted = update_id(await post(client, request_id))
    now = datetime.now(UTC)
    window = {
        "start_date": (now - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "end_date": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    answer = await client.get("/servicerequestupdates.xml", params=window)
    root = etree.fromstring(answer.content)
    assert root.tag == "service_request_updates"
    assert root.findtext("request_update/update_id") == posted
    assert root.findtext("request_update/service_request_id") == request_id
    assert root.findtext("request_update/status") == "open"
    assert root.findtext("request_update/description") == "Still there"
    shown = root.findtext("request_update/updated_datetime", "")
    assert window["start_date"] <= shown <= window["end_date"]
    earlier = {"end_date": (now - timedelta(hours=1)).isoformat()}
    assert (await client.get("/servicerequestupdates.json", params=earlier)).json() == []


async def test_the_same_update_again_is_the_same(
    client: httpx.AsyncClient, request_id: str
) -> None:
    first = update_id(await post(client, request_id))
    assert update_id(await post(client, request_id)) == first
    other = await post(client, request_id, description="Other words")
    assert other.status_code == 400
    assert "already exists" in other.text
    assert len((await client.get("/servicerequestupdates.json")).json()) == 1


async def test_a_status_moves_the_request_and_reopens_it(
    client: httpx.AsyncClient, request_id: str
) -> None:
    await post(client, request_id, status="FIXED", description="Filled", update_id="2")
    closed = (await client.get(f"/requests/{request_id}.json")).json()[0]
    assert (closed["status"], closed["status_notes"]) == ("closed", "Filled")
    await post(client, request_id, status="UNCHANGED", description="Thanks", update_id="3")
    assert (await client.get(f"/requests/{request_id}.json")).json()[0] == closed
    await post(client, request_id, status="OPEN", description="Again", update_id="4")
    assert (await client.get(f"/requests/{request_id}.json")).json()[0]["status"] == "open"
    extended = await client.get(f"/requests/{request_id}.json", params={"extensions": "true"})
    types = [note["type"] for note in extended.json()[0]["notes"]]
    assert types == ["submitted", "closed", "activity", "activity"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"api_key": "wrong"}, 403),
        ({"service_request_id": "none"}, 404),
        ({"service_request_id": ""}, 400),
        ({"status": "SOMEHOW"}, 400),
        ({"status": ""}, 400),
        ({"updated_datetime": "soon"}, 400),
        ({"update_id": "9" * 256}, 400),
        ({"media_url": "file:///etc/passwd"}, 400),
    ],
)
async def test_says_what_is_wrong(
    client: httpx.AsyncClient, request_id: str, fields: dict[str, str], status: int
) -> None:
    assert (await post(client, request_id, **fields)).status_code == status
    assert (await client.get("/servicerequestupdates.json")).json() == []


async def test_what_a_request_cannot_do_is_kept_as_a_comment(
    client: httpx.AsyncClient, request_id: str
) -> None:
    for number, status in enumerate(("FIXED", "INVESTIGATING", "PLANNED", "DUPLICATE")):
        update_id(await post(client, request_id, status=status, update_id=str(number)))
    shown = (await client.get("/servicerequestupdates.json")).json()
    assert [each["status"] for each in shown] == ["fixed", *["unchanged"] * 3]
    assert (await client.get(f"/requests/{request_id}.json")).json()[0]["status"] == "closed"


async def test_what_is_older_than_the_last_change_moves_nothing(
    client: httpx.AsyncClient, file_history: FileHistory
) -> None:
    old = {
        "service_request_id": "OLD",
        "service_code": "POTHOLE",
        "requested_datetime": "2020-01-01T08:00:00Z",
        "lat": -33.92,
        "long": 18.65,
    }
    await file_history([old])
    for hour, status in ((10, "FIXED"), (9, "REOPEN"), (11, "REOPEN")):
        at = f"2020-01-01T{hour:02}:00:00Z"
        update_id(await post(client, "OLD", status=status, updated_datetime=at, update_id=at))
        found = (await client.get("/requests/OLD.json")).json()[0]
        assert found["status"] == ("open" if hour == 11 else "closed")
    assert found["updated_datetime"] == "2020-01-01T11:00:00Z"


async def test_no_update_is_older_than_its_request(
    client: httpx.AsyncClient, request_id: str
) -> None:
    await post(client, request_id, status="FIXED", updated_datetime="0001-01-01T00:00:00Z")
    request = (await client.get(f"/requests/{request_id}.json")).json()[0]
    update = (await client.get("/servicerequestupdates.json")).json()[0]
    assert update["updated_datetime"] == request["requested_datetime"]
    assert (await client.get("/bulk.csv")).text.count(request_id) == 1


async def test_an_update_from_the_future_is_of_now(
    client: httpx.AsyncClient, request_id: str
) -> None:
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert update_id(await post(client, request_id, updated_datetime=later))
    assert len((await client.get("/servicerequestupdates.json")).json()) == 1


async def test_a_key_without_the_scope_moves_nothing_and_does_not_seem_to(
    client: httpx.AsyncClient, request_id: str, database: Database, city: str
) -> None:
    await keys.ensure(database, city, "commenter", "tests", keys.DEFAULT_SCOPES, "high")
    update_id(await post(client, request_id, api_key="commenter", status="FIXED"))
    shown = (await client.get("/servicerequestupdates.json")).json()
    assert [each["status"] for each in shown] == ["unchanged"]
    assert (await client.get(f"/requests/{request_id}.json")).json()[0]["status"] == "open"


async def test_retries_at_the_same_time_are_one_update(
    client: httpx.AsyncClient, request_id: str
) -> None:
    answers = await asyncio.gather(*(post(client, request_id) for _ in range(6)))
    assert len({update_id(answer) for answer in answers}) == 1
    assert len((await client.get("/servicerequestupdates.json")).json()) == 1


async def test_a_late_update_does_not_hide_the_change(
    client: httpx.AsyncClient, request_id: str
) -> None:
    before = (await client.get(f"/requests/{request_id}.json")).json()[0]
    await post(client, request_id, status="FIXED", updated_datetime="1999-01-01T00:00:00Z")
    closed = (await client.get(f"/requests/{request_id}.json")).json()[0]
    assert closed["status"] == "closed"
    assert closed["updated_datetime"] >= before["updated_datetime"]
    changed = {"updated_after": before["updated_datetime"]}
    assert len((await client.get("/requests.json", params=changed)).json()) == 1


async def test_updates_come_in_pages(client: httpx.AsyncClient, request_id: str) -> None:
    for number in range(5):
        update_id(await post(client, request_id, update_id=str(number), description=str(number)))
    seen = []
    for page in ("1", "2", "3", "4"):
        query = {"page": page, "page_size": "2"}
        answer = await client.get("/servicerequestupdates.json", params=query)
        assert answer.headers["x-total-count"] == "5"
        seen += [each["description"] for each in answer.json()]
    assert seen == ["0", "1", "2", "3", "4"]
