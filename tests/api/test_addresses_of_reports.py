"""Reports with an address alone: which of them get a point, and what is said of it."""

import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from geo import gazetteer
from geo.gazetteer import Refused, Source
from open311 import place_names
from open311.db import Database

pytestmark = pytest.mark.anyio

ADDRESSES = [
    {
        "address_id": "007",
        "address": "12 Durban Road",
        "suburb": "Quell",
        "lat": -33.9,
        "long": 18.65,
    },
    {
        "address_id": "008",
        "address": "12 Durban Road",
        "suburb": "Oxbow",
        "lat": -33.95,
        "long": 18.7,
    },
    {"address_id": "009", "address": "1 Far Street", "suburb": "Oxbow", "lat": -30.0, "long": 25.0},
]
_EVENT = text("""
select after from event
where jurisdiction_id = :city and subject = :id and kind = 'request.submitted'
""")
_BELONGS = text("""
update jurisdiction set municipality_code = :code where jurisdiction_id = :city
""")


def listed(rows: list[dict[str, Any]], code: str = "XXX") -> list[Source | Refused]:
    return list(gazetteer.read_addresses(rows, code))


@pytest.fixture
async def code(database: Database, city: str) -> str:
    """The test's municipality, which has a list of addresses."""
    code = uuid.uuid4().hex[:6]
    async with database.begin(city) as connection:
        await connection.execute(_BELONGS, {"code": code, "city": city})
        sources = [each for each in listed(ADDRESSES, code) if isinstance(each, Source)]
        await place_names.replace_addresses(connection, code, sources)
    return code


async def file(client: httpx.AsyncClient, city: str, **where: str) -> dict[str, Any]:
    form = {"service_code": "POTHOLE", "api_key": f"key-{city}", "description": "Deep", **where}
    answer = await client.post("/requests.json", data=form)
    assert answer.status_code == 200, answer.text
    request_id = answer.json()[0]["service_request_id"]
    found: dict[str, Any] = (await client.get(f"/requests/{request_id}.json")).json()[0]
    return found


async def after(database: Database, city: str, request_id: str) -> dict[str, Any]:
    async with database.begin(city) as connection:
        found = await connection.execute(_EVENT, {"city": city, "id": request_id})
        told: dict[str, Any] = found.scalar_one()
    return told


async def test_a_known_address_id_has_its_point(
    client: httpx.AsyncClient, database: Database, city: str, code: str
) -> None:
    found = await file(client, city, address_id="007")
    assert (found["lat"], found["long"], found["address_id"]) == (-33.9, 18.65, "007")
    located = (await after(database, city, found["service_request_id"]))["located"]
    assert located["by"] == "address_id"


async def test_an_address_of_the_citys_list_has_its_point(
    client: httpx.AsyncClient, database: Database, city: str, code: str
) -> None:
    found = await file(client, city, address_string="12 durban rd, Oxbow")
    assert (found["lat"], found["long"]) == (-33.95, 18.7)
    assert found["address"] == "12 durban rd, Oxbow"
    located = (await after(database, city, found["service_request_id"]))["located"]
    assert (located["by"], located["name"]) == ("address_string", "12 Durban Road, Oxbow")


@pytest.mark.parametrize(
    "where",
    [
        {"address_id": "unknown"},
        {"address_string": "12 Durban Road"},  # in which suburb?
        {"address_string": "12 Durban Road, Oxbow, behind the shop"},  # or at the shop?
        {"address_string": "14 Durban Road, Oxbow"},
        {"address_id": "009"},  # known, but outside the city
    ],
)
async def test_what_is_in_doubt_stays_without_a_point(
    client: httpx.AsyncClient, database: Database, city: str, code: str, where: dict[str, str]
) -> None:
    found = await file(client, city, **where)
    assert (found["lat"], found["long"]) == (None, None)
    assert "located" not in await after(database, city, found["service_request_id"])


async def test_a_point_that_was_sent_is_kept(
    client: httpx.AsyncClient, city: str, code: str
) -> None:
    found = await file(client, city, address_id="007", lat="-33.91", long="18.66")
    assert (found["lat"], found["long"]) == (-33.91, 18.66)


async def test_a_list_replaces_the_one_before(database: Database, city: str, code: str) -> None:
    async with database.begin(city) as connection:
        sources = [each for each in listed(ADDRESSES[:1], code) if isinstance(each, Source)]
        assert await place_names.replace_addresses(connection, code, sources) == 2
        count = text("select count(*) from place where municipality_code = :code")
        assert (await connection.execute(count, {"code": code})).scalar_one() == 2


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"address_id": ""}, "address_id and address are needed"),
        ({"address": "..."}, "address_id and address are needed"),
        ({"lat": "north"}, "lat is no number"),
        ({"long": "nan"}, "long must lie between"),
        ({"lat": None}, "lat is no number"),
        ({"address_id": "008"}, "008 stands here twice"),
    ],
)
def test_an_address_that_cannot_be_taken_is_refused(wrong: dict[str, Any], reason: str) -> None:
    rows = [ADDRESSES[1], ADDRESSES[0] | wrong]
    refused = [each for each in listed(rows) if isinstance(each, Refused)]
    assert [each.row for each in refused] == [2]
    assert reason in refused[0].reason


async def test_the_search_of_maps_answers(client: httpx.AsyncClient, city: str, code: str) -> None:
    url = f"http://open311.test/maps/{city}/places.json"
    found = (await client.get(url, params={"q": "12 Durban Rd Quell"})).json()["places"]
    assert found[0] == {
        "name": "12 Durban Road, Quell",
        "kind": "address",
        "municipality": code,
        "lat": -33.9,
        "long": 18.65,
        "score": 1.0,
        "how": "name",
        "rest": "",
    }
    told = (await client.get(url, params={"lat": "-33.9001", "long": "18.6501"})).json()
    assert told["name"] == "12 Durban Road, Quell"
    assert 5 < told["metres"] < 20


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({}, "Ask with q"),
        ({"lat": "1"}, "Ask with q"),
        ({"lat": "91", "long": "1"}, "lat must lie between -90 and 90"),
        ({"lat": "x", "long": "1"}, "lat must be a number"),
        ({"q": "a", "limit": "0"}, "limit must be"),
        ({"q": "a" * 301}, "q is longer"),
    ],
)
async def test_a_search_that_is_wrong_is_refused(
    client: httpx.AsyncClient, city: str, query: dict[str, str], reason: str
) -> None:
    answer = await client.get(f"http://open311.test/maps/{city}/places.json", params=query)
    assert answer.status_code == 400
    assert reason in answer.text
