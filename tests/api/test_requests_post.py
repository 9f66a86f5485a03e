"""POST requests: georeport 1.1, 1.5."""

import asyncio
import io
from typing import Any

import httpx
import msgspec
import pytest
from lxml import etree
from PIL import Image

from open311 import catalogue
from open311.db import Database
from tests.conftest import CITY

pytestmark = pytest.mark.anyio

PLACE = {"lat": "-33.92", "long": "18.65"}


def report(city: str, **fields: Any) -> dict[str, Any]:
    """A valid report of a pothole, with fields changed; None leaves one out."""
    whole = {"api_key": f"key-{city}", "service_code": "POTHOLE", **PLACE, **fields}
    return {name: value for name, value in whole.items() if value is not None}


async def post(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    city = str(client.base_url).split("/")[-3]
    return await client.post("/requests.json", data=report(city, **fields))


async def filed(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """File a report and read it back with its extended block."""
    answer = await post(client, **fields)
    assert answer.status_code == 200, answer.text
    request_id = answer.json()[0]["service_request_id"]
    found = await client.get(f"/requests/{request_id}.json", params={"extensions": "true"})
    return dict(found.json()[0])


async def test_files_a_request_that_is_there_at_once(client: httpx.AsyncClient) -> None:
    answer = await post(client, description="A deep hole", address_string="12 Main Road")
    assert answer.status_code == 200
    receipt = answer.json()[0]
    assert set(receipt) == {"service_request_id", "service_notice", "account_id"}
    found = (await client.get(f"/requests/{receipt['service_request_id']}.json")).json()[0]
    assert found["description"] == "A deep hole"
    assert found["address"] == "12 Main Road"
    assert (found["lat"], found["long"]) == (-33.92, 18.65)
    assert found["status"] == "open"
    assert found["agency_responsible"] == "Roads"
    assert found["expected_datetime"] > found["requested_datetime"]
    assert found["media_url"] is None
    assert "extended_attributes" not in found


async def test_answers_in_xml(client: httpx.AsyncClient, city: str) -> None:
    answer = await client.post("/requests.xml", data=report(city))
    root = etree.fromstring(answer.content)
    assert root.tag == "service_requests"
    assert [child.tag for child in root[0]] == [
        "service_request_id",
        "service_notice",
        "account_id",
    ]


async def test_ids_can_be_read_out(client: httpx.AsyncClient) -> None:
    ids = {(await post(client)).json()[0]["service_request_id"] for _ in range(5)}
    assert len(ids) == 5
    assert all(set(each) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ-") for each in ids)


@pytest.mark.parametrize("key", [None, "", "wrong", "key-other.test"])
async def test_a_missing_or_wrong_key_is_forbidden(
    client: httpx.AsyncClient, key: str | None
) -> None:
    answer = await post(client, api_key=key)
    assert answer.status_code == 403
    assert "api_key" in answer.json()[0]["description"]


async def test_the_key_may_be_a_bearer_token(client: httpx.AsyncClient, city: str) -> None:
    headers = {"Authorization": f"Bearer key-{city}"}
    fields = report(city, api_key=None)
    assert (await client.post("/requests.json", data=fields, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("fields", "status", "named"),
    [
        ({"service_code": None}, 400, "service_code"),
        ({"service_code": "NONE"}, 404, "NONE"),
        ({"lat": None, "long": None}, 400, "place"),
        ({"lat": None}, 400, "together"),
        ({"long": ""}, 400, "together"),
        ({"lat": "south"}, 400, "lat"),
        ({"lat": "NaN"}, 400, "lat"),
        ({"lat": "Infinity"}, 400, "lat"),
        ({"lat": "1e400"}, 400, "lat"),
        ({"lat": "-90.1"}, 400, "lat"),
        ({"long": "180.5"}, 400, "long"),
        ({"lat": "-26.2", "long": "28.04"}, 400, "outside"),
        ({"description": "x" * 4001}, 400, "description"),
        ({"email": "x" * 300}, 400, "email"),
        ({"media_url": "javascript:alert(1)"}, 400, "media_url"),
        ({"service_code": "TREE"}, 400, "KIND"),
        ({"service_code": "TREE", "attribute[KIND]": ""}, 400, "KIND"),
        ({"service_code": "TREE", "attribute[KIND]": "It leans"}, 400, "KIND"),
        ({"service_code": "TREE", "attribute[KIND]": ["LEAN", "DEAD"]}, 400, "KIND"),
        (
            {"service_code": "TREE", "attribute[KIND]": "LEAN", "attribute[HEIGHT]": "tall"},
            400,
            "HEIGHT",
        ),
        (
            {"service_code": "TREE", "attribute[KIND]": "LEAN", "attribute[SEEN]": "soon"},
            400,
            "SEEN",
        ),
        (
            {"service_code": "TREE", "attribute[KIND]": "LEAN", "attribute[NEAR][]": ["X"]},
            400,
            "NEAR",
        ),
    ],
)
async def test_says_what_is_wrong(
    client: httpx.AsyncClient, fields: dict[str, Any], status: int, named: str
) -> None:
    answer = await post(client, **fields)
    assert answer.status_code == status
    assert named in " ".join(error["description"] for error in answer.json())
    assert {error["code"] for error in answer.json()} == {status}
    assert (await client.get("/requests.json")).json() == []


async def test_tells_everything_at_once(client: httpx.AsyncClient) -> None:
    answer = await post(client, lat="x", description="x" * 4001, service_code="TREE")
    assert len(answer.json()) == 3


async def test_a_description_is_counted_in_characters(client: httpx.AsyncClient) -> None:
    assert (await filed(client, description="é" * 4000))["description"] == "é" * 4000


@pytest.mark.parametrize(
    "body",
    [
        b"attribute%5BKIND%5D=LEAN&attribute%5BNEAR%5D%5B%5D=LINE&attribute%5BNEAR%5D%5B%5D=HOUSE",
        b"attribute[KIND]=LEAN&attribute[NEAR][0]=LINE&attribute[NEAR][1]=HOUSE",
        b"attribute[KIND]=LEAN&attribute[NEAR]=LINE&attribute[NEAR]=HOUSE",
    ],
)
async def test_takes_attributes_as_clients_write_them(
    client: httpx.AsyncClient, city: str, body: bytes
) -> None:
    start = f"api_key=key-{city}&service_code=TREE&lat=-33.92&long=18.65&".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post("/requests.json", content=start + body, headers=headers)
    assert answer.status_code == 200, answer.text
    path = f"/requests/{answer.json()[0]['service_request_id']}.json"
    shown = (await client.get(path, params={"extensions": "true"})).json()[0]["attributes"]
    assert [(each["code"], each["value"], each["name"]) for each in shown] == [
        ("KIND", "LEAN", "It leans"),
        ("NEAR", "LINE", "A power line"),
        ("NEAR", "HOUSE", "A house"),
    ]


async def test_optional_attributes_may_be_blank_and_unknown_ones_are_kept(
    client: httpx.AsyncClient,
) -> None:
    found = await filed(client, **{"attribute[NEAR][]": "", "attribute[MY CODE]": "mine"})
    assert found["attributes"] == [
        {"code": "MY CODE", "label": "MY CODE", "name": "mine", "value": "mine"}
    ]


async def test_parameters_of_the_query_count_and_the_body_wins(
    client: httpx.AsyncClient, city: str
) -> None:
    query = {"api_key": f"key-{city}", "jurisdiction_id": city, "service_code": "TREE"}
    body = {"service_code": "POTHOLE", **PLACE}
    answer = await client.post(
        "http://open311.test/open311/v2/requests.json", params=query, data=body
    )
    assert answer.status_code == 200, answer.text


async def test_takes_json(client: httpx.AsyncClient, city: str) -> None:
    document = {
        "api_key": f"key-{city}",
        "service_code": "TREE",
        "lat": -33.92,
        "long": 18.65,
        "attribute": {"KIND": "DEAD", "NEAR": ["LINE"]},
    }
    answer = await client.post("/requests.json", json=document)
    assert answer.status_code == 200, answer.text
    for broken in (b"[1]", b"{", b'{"lat": {"a": 1}}', b'{"attribute": 3}'):
        headers = {"Content-Type": "application/json"}
        refused = await client.post("/requests.json", content=broken, headers=headers)
        assert refused.status_code == 400, broken


async def test_text_is_utf8_whatever_the_client_says(client: httpx.AsyncClient, city: str) -> None:
    start = f"api_key=key-{city}&service_code=POTHOLE&lat=-33.92&long=18.65&description=".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for sent in ("café ☕".encode(), b"caf%C3%A9+%E2%98%95"):
        answer = await client.post("/requests.json", content=start + sent, headers=headers)
        path = f"/requests/{answer.json()[0]['service_request_id']}.json"
        assert (await client.get(path)).json()[0]["description"] == "café ☕"
    bad = await client.post("/requests.json", content=start + b"caf%E9", headers=headers)
    assert bad.status_code == 400


async def test_markup_line_ends_and_control_characters_survive(client: httpx.AsyncClient) -> None:
    said = "<b>1 & 2</b>\r\nnext\x08line ]]>"
    found = await filed(client, description=said)
    assert found["description"] == said
    listed = await client.get("/requests.xml")
    shown = etree.fromstring(listed.content).findtext("request/description")
    assert shown == "<b>1 & 2</b>\r\nnextline ]]>"


async def test_personal_data_never_comes_back(
    client: httpx.AsyncClient, database: Database, city: str
) -> None:
    secret = {
        "email": "thandi@example.org",
        "phone": "+27821234567",
        "first_name": "Thandiwe",
        "last_name": "Mokoenaxyz",
        "device_id": "device-4711",
        "account_id": "account-4712",
    }
    await filed(client, **secret)
    for path in ("/requests.json", "/requests.xml", "/bulk.csv", "/bulk.json"):
        shown = await client.get(path, params={"extensions": "true"})
        assert not [value for value in secret.values() if value in shown.text]


async def test_a_batch_service_gives_a_token(client: httpx.AsyncClient) -> None:
    receipt = (await post(client, service_code="GRAFFITI")).json()[0]
    assert set(receipt) == {"token", "service_notice", "account_id"}
    waiting = await client.get(f"/tokens/{receipt['token']}.json")
    assert waiting.json() == [{"service_request_id": None, "token": receipt["token"]}]
    assert (await client.get("/requests.json")).json() == []
    unknown = await client.get("/tokens/never-given.xml")
    assert unknown.status_code == 404


async def test_a_blackbox_service_gives_neither(client: httpx.AsyncClient) -> None:
    receipt = (await post(client, service_code="NOISE")).json()
    assert receipt == [{"service_notice": "Inspectors visit within two weeks.", "account_id": None}]


async def test_a_sensitive_request_is_filed_and_never_shown(client: httpx.AsyncClient) -> None:
    receipt = (await post(client, service_code="ABUSE")).json()[0]
    assert (await client.get(f"/requests/{receipt['service_request_id']}.json")).status_code == 404
    assert (await client.get("/requests.json")).json() == []


async def test_a_retry_with_the_same_key_answers_the_same(
    client: httpx.AsyncClient, city: str
) -> None:
    headers = {"Idempotency-Key": "abc-1"}
    first = await client.post("/requests.json", data=report(city), headers=headers)
    again = await client.post("/requests.json", data=report(city), headers=headers)
    other = await client.post(
        "/requests.json", data=report(city, description="other"), headers=headers
    )
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 409
    assert len((await client.get("/requests.json")).json()) == 1


async def test_a_refused_retry_key_is_free_again(client: httpx.AsyncClient, city: str) -> None:
    headers = {"Idempotency-Key": "abc-2"}
    refused = await client.post("/requests.json", data=report(city, lat="x"), headers=headers)
    mended = await client.post("/requests.json", data=report(city), headers=headers)
    assert (refused.status_code, mended.status_code) == (400, 200)


async def test_the_same_report_again_is_kept_and_pointed_out(client: httpx.AsyncClient) -> None:
    first = await post(client, description="same words")
    again = await post(client, description="same words")
    assert again.headers["possible-duplicate-of"] == first.json()[0]["service_request_id"]
    assert len((await client.get("/requests.json")).json()) == 2


async def test_every_file_of_a_form_is_a_photo(client: httpx.AsyncClient, city: str) -> None:
    files = {name: (f"{name}.png", _picture(), "image/png") for name in ("media", "photo1")}
    fields = report(city, media_url="https://example.org/other.jpg")
    answer = await client.post("/requests.json", data=fields, files=files)
    assert answer.status_code == 200, answer.text
    path = f"/requests/{answer.json()[0]['service_request_id']}.json"
    found = (await client.get(path, params={"extensions": "true"})).json()[0]
    urls = found["extended_attributes"]["media_urls"]
    assert len(urls) == 2
    assert found["media_url"] == urls[0]
    photo = await client.get(httpx.URL(urls[0]).raw_path.decode().join(["http://open311.test", ""]))
    assert photo.headers["content-type"].startswith("image/")
    with Image.open(io.BytesIO(photo.content)) as image:
        assert image.size == (40, 30)


async def test_a_file_that_is_no_picture_is_refused_and_nothing_is_kept(
    client: httpx.AsyncClient, city: str
) -> None:
    files = {"media": ("evil.jpg", b"<script>alert(1)</script>", "image/jpeg")}
    answer = await client.post("/requests.json", data=report(city), files=files)
    assert answer.status_code == 400
    assert (await client.get("/requests.json")).json() == []


async def test_media_urls_come_back_as_they_were(client: httpx.AsyncClient) -> None:
    urls = ["https://example.org/1.jpg", "https://example.org/2.jpg"]
    found = await filed(client, media_url=urls)
    assert found["media_url"] == urls[0]
    assert found["extended_attributes"]["media_urls"] == urls


async def test_large_bodies_and_odd_types_are_refused(client: httpx.AsyncClient, city: str) -> None:
    large = await client.post("/requests.json", data=report(city, description="x" * 300_000))
    assert (large.status_code, large.json()[0]["code"]) == (413, 413)
    many = {f"field{number}": "x" for number in range(600)}
    assert (await client.post("/requests.json", data=report(city, **many))).status_code == 400
    odd = await client.post("/requests.json", content=b"x", headers={"Content-Type": "text/csv"})
    assert odd.status_code == 400


def _picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    return out.getvalue()


async def test_an_empty_retry_key_is_none(client: httpx.AsyncClient, city: str) -> None:
    headers = {"Idempotency-Key": ""}
    first = await client.post("/requests.json", data=report(city), headers=headers)
    other = await client.post("/requests.json", data=report(city, lat="-33.93"), headers=headers)
    assert (first.status_code, other.status_code) == (200, 200)


async def test_a_retry_may_name_its_key_another_way(client: httpx.AsyncClient, city: str) -> None:
    headers = {"Idempotency-Key": "abc-3"}
    first = await client.post("/requests.json", data=report(city), headers=headers)
    bearer = headers | {"Authorization": f"Bearer key-{city}"}
    fields = report(city, api_key=None, jurisdiction_id=city)
    again = await client.post("/requests.json", data=fields, headers=bearer)
    assert again.json() == first.json()


async def test_a_service_that_becomes_sensitive_is_so_at_once(
    client: httpx.AsyncClient, database: Database, city: str
) -> None:
    read = catalogue.read(CITY)
    hidden = [msgspec.structs.replace(each, sensitive=True) for each in read.services]
    changed = msgspec.structs.replace(read, jurisdiction_id=city, services=hidden)
    loaded = asyncio.Event()

    async def keep_filing() -> None:
        while not loaded.is_set():
            assert (await post(client)).status_code == 200

    filing = [asyncio.create_task(keep_filing()) for _ in range(6)]
    await asyncio.sleep(0.2)
    await catalogue.load(database, changed)
    loaded.set()
    await asyncio.gather(*filing)
    assert (await post(client)).status_code == 200
    assert (await client.get("/requests.json")).json() == []
