"""The page of one request: where it stands, what happened, and what it never shows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from litestar import Litestar

from tests.api.browsing import browse, read, words

pytestmark = pytest.mark.anyio

REPORT = {"service_code": "POTHOLE", "lat": "-33.92", "long": "18.65"}


@pytest.fixture
async def browser(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(app) as made:
        yield made


async def file(client: httpx.AsyncClient, city: str, **fields: str) -> str:
    form = {**REPORT, "api_key": f"key-{city}", **fields}
    answer = await client.post("requests.json", data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()[0]["service_request_id"])


async def update(client: httpx.AsyncClient, city: str, request_id: str, status: str) -> None:
    form = {
        "api_key": f"key-{city}",
        "service_request_id": request_id,
        "update_id": status,
        "updated_datetime": datetime.now(UTC).isoformat(),
        "status": status,
        "description": f"It is {status} now.",
    }
    answer = await client.post("servicerequestupdates.json", data=form)
    assert answer.status_code == 200, answer.text


def way(answer: httpx.Response) -> list[tuple[str, str]]:
    steps = read(answer).xpath("//ol[@class='way']/li")
    return [(step.get("class"), step.text) for step in steps]


async def test_the_way_of_a_request(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, city: str
) -> None:
    request_id = await file(client, city, description="<b>Deep</b> & wide")
    url = f"/{city}/requests/{request_id}"
    first = await browser.get(url)
    assert "<b>Deep</b> & wide" in words(first)
    assert way(first) == [
        ("now", "Received"),
        ("ahead", "Acknowledged"),
        ("ahead", "Given to a team"),
        ("ahead", "Being worked on"),
        ("ahead", "Done"),
    ]
    await update(client, city, request_id, "IN_PROGRESS")
    await update(client, city, request_id, "FIXED")
    last = await browser.get(url)
    assert way(last) == [("past", "Received"), ("past", "Being worked on"), ("now", "Fixed")]
    assert "It is FIXED now." in words(last)
    assert "It is IN_PROGRESS now." in words(last)
    await update(client, city, request_id, "OPEN")
    again = await browser.get(url)
    assert ("ahead", "Done") in way(again)
    assert ("now", "Open again") in way(again)


async def test_a_request_that_is_not_public_has_no_page(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, city: str
) -> None:
    hidden = await file(client, city, service_code="ABUSE", description="Secret words")
    answer = await browser.get(f"/{city}/requests/{hidden}")
    unknown = await browser.get(f"/{city}/requests/no-such-request")
    assert answer.status_code == unknown.status_code == 404
    assert "Secret words" not in answer.text
    assert words(answer).replace(hidden, "") == words(unknown).replace("no-such-request", "")


async def test_a_page_of_another_city_is_not_found(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, city: str
) -> None:
    request_id = await file(client, city)
    answer = await browser.get(f"/test.{city}/requests/{request_id}")
    assert answer.status_code == 404


async def test_the_page_speaks_its_readers_language(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, city: str
) -> None:
    request_id = await file(client, city)
    answer = await browser.get(f"/{city}/requests/{request_id}?lang=zu")
    assert "Kutholiwe" in words(answer)
    assert read(answer).get("lang") == "zu"
