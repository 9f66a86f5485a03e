"""The `civicbot` package files requests, and follows what becomes of them."""

import time
from typing import Any

import httpx
import pytest
from civicbot import Endpoint, HttpError, HttpTransport, Open311Client, ValidationError
from civicbot.http import RateLimiter

from tests.clients.conftest import Town

PLACE = {"lat": -33.93, "lng": 18.66}
PATIENCE_SECONDS = 30


@pytest.fixture
def bot(town: Town) -> Open311Client:
    """A client of the shared address that says whose town it means."""
    endpoint = Endpoint("town", "Testville", town.shared, write=True, geo_scoped=True)
    # its politeness towards strangers' servers is a setting
    transport = HttpTransport(rate_limiter=RateLimiter(0.0))
    return Open311Client(endpoint, transport, jurisdiction_id=town.jurisdiction_id)


def send(bot: Open311Client, town: Town, service_code: str, **more: Any) -> dict[str, Any]:
    """File for real: its three safeguards taken off, its own validation left on."""
    prepared = bot.create_request(
        service_code,
        dry_run=False,
        confirm="SEND",
        api_key=town.api_key,
        validate_remote=True,
        **PLACE,
        **more,
    )
    [receipt] = prepared.response
    return dict(receipt)


def test_what_it_files_is_there_at_once(bot: Open311Client, town: Town) -> None:
    said = "Boom oor die pad: €5\nvan gister af"
    photo = "https://photos.example/tree.jpg"
    receipt = send(
        bot,
        town,
        "TREE",
        description=said,
        attributes={"KIND": "DEAD", "NEAR": ["LINE", "HOUSE"], "HEIGHT": 12},
        media_url=photo,
        email="thandi@example.com",
        first_name="Thandi",
        phone="+27 82 555 0100",
    )
    request_id = receipt["service_request_id"]
    shown = bot.get_request(request_id)
    assert shown is not None
    assert (shown["description"], shown["status"], shown["lat"]) == (said, "open", PLACE["lat"])
    assert shown["media_url"] == photo
    [listed] = bot.list_requests(service_request_ids=[request_id])
    assert listed == shown
    own = f"{town.own}/requests/{request_id}.json"
    [extended] = httpx.get(own, params={"extensions": "true"}).json()
    answers = {each["code"]: each["value"] for each in extended["attributes"]}
    assert answers["KIND"] == "DEAD"
    assert set(answers) == {"KIND", "NEAR", "HEIGHT"}
    assert "thandi" not in str(extended).lower()


def test_a_batch_service_gives_a_token_and_then_an_id(bot: Open311Client, town: Town) -> None:
    receipt = send(bot, town, "GRAFFITI")
    assert "service_request_id" not in receipt
    end = time.monotonic() + PATIENCE_SECONDS
    while not (request_id := bot.get_token(receipt["token"])[0]["service_request_id"]):
        assert time.monotonic() < end, "the worker never gave an id"
        time.sleep(0.1)
    shown = bot.get_request(request_id)
    assert shown is not None
    assert shown["service_code"] == "GRAFFITI"


def test_services_of_a_place(bot: Open311Client) -> None:
    here = {service["service_code"] for service in bot.list_services(**PLACE)}
    assert {"TREE", "POTHOLE", "GRAFFITI"} <= here
    assert bot.list_services(lat=0.0, lng=0.0) == []


def test_its_own_validation_agrees_with_ours(bot: Open311Client, town: Town) -> None:
    with pytest.raises(ValidationError, match="KIND"):
        send(bot, town, "TREE")
    with pytest.raises(ValidationError, match="KIND"):
        send(bot, town, "TREE", attributes={"KIND": "GREEN"})
    for attributes in ({}, {"KIND": "GREEN"}):
        with pytest.raises(HttpError, match="KIND") as refused:
            bot.create_request(
                "TREE",
                dry_run=False,
                confirm="SEND",
                api_key=town.api_key,
                attributes=attributes,
                **PLACE,
            )
        assert refused.value.status == 400


def test_a_wrong_key_is_forbidden(bot: Open311Client) -> None:
    with pytest.raises(HttpError) as refused:
        bot.create_request("POTHOLE", dry_run=False, confirm="SEND", api_key="wrong", **PLACE)
    assert refused.value.status == 403
