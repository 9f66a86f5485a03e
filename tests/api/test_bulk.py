"""GeoReport Bulk: georeport 1.9."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from lxml import etree

from open311.app import create_app
from open311.settings import Settings

FileHistory = Callable[[list[dict[str, Any]]], Awaitable[None]]
pytestmark = pytest.mark.anyio

MANDATORY = {
    *["service_request_id", "requested_datetime", "updated_datetime", "status_description"],
    *["status_notes", "service_name", "address", "lat", "long"],
}


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Litestar]:
    """A server that reads a dump in chunks of three."""
    made = create_app(msgspec.structs.replace(settings, bulk_chunk_rows=3))
    async with made.lifespan():
        yield made


@pytest.fixture(autouse=True)
async def filed(file_history: FileHistory) -> None:
    rows = [
        {
            "service_request_id": f"R-{number}",
            "service_code": "POTHOLE",
            "requested_datetime": f"2020-01-0{1 + number // 4}T08:00:00Z",
            "description": "=cmd()|'x'!A1" if number == 0 else f'it\'s, "so" <{number}>',
            "lat": -33.92,
            "long": 18.65,
        }
        for number in range(8)
    ]
    await file_history(rows)


EXPECTED = ["R-4", "R-5", "R-6", "R-7", "R-0", "R-1", "R-2", "R-3"]


async def test_csv_has_every_row_once_and_no_formula(client: httpx.AsyncClient) -> None:
    answer = await client.get("/bulk.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert set(rows[0]) >= MANDATORY
    assert [row["service_request_id"] for row in rows] == EXPECTED
    assert rows[4]["description"] == "'=cmd()|'x'!A1"
    assert (rows[0]["lat"], rows[0]["requested_datetime"]) == ("-33.92", "2020-01-02T08:00:00Z")


async def test_json_and_xml_are_one_document(client: httpx.AsyncClient) -> None:
    rows = (await client.get("/bulk.json")).json()
    assert [row["service_request_id"] for row in rows] == EXPECTED
    root = etree.fromstring((await client.get("/bulk.xml")).content)
    found = root.findall("request/service_request_id")
    assert [each.text for each in found] == EXPECTED


async def test_a_span_narrows_it_and_an_empty_one_is_valid(client: httpx.AsyncClient) -> None:
    rows = (await client.get("/bulk.json", params={"start_date": "2020-01-02"})).json()
    assert len(rows) == 4
    none = {"start_date": "2021-01-01"}
    assert (await client.get("/bulk.json", params=none)).json() == []
    assert len(etree.fromstring((await client.get("/bulk.xml", params=none)).content)) == 0
    assert len((await client.get("/bulk.csv", params=none)).text.splitlines()) == 1


async def test_other_formats_are_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("/bulk.pdf")).status_code == 404
