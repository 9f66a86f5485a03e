"""Reporting on the web without scripts: each step, what can go wrong, and the receipt."""

import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from PIL import Image

from open311.app import create_app
from open311.settings import Settings
from tests.api.browsing import browse, follow, read, send, words

pytestmark = pytest.mark.anyio

HERE = {"lat": "-33.92", "long": "18.65"}
TREE = {"attribute[KIND]": "LEAN", "description": "It leans over the road."}


@pytest.fixture
async def browser(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(app) as made:
        yield made


@pytest.fixture
async def details(browser: httpx.AsyncClient, city: str) -> httpx.Response:
    """The last step of a report of a tree."""
    return await browser.get(f"/{city}/report", params={**HERE, "service_code": "TREE"})


def photo() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (64, 48), "green").save(made, "JPEG")
    return made.getvalue()


def faults(answer: httpx.Response) -> dict[str, str]:
    """What is said to be wrong, by the id of the field that it leads to."""
    assert answer.status_code == 400, answer.text
    links = read(answer).xpath("//*[@id='faults']//a")
    for link in links:
        field = link.get("href").removeprefix("#")
        (named,) = read(answer).xpath("//*[@id=$field]", field=field)
        assert named.get("aria-invalid") == "true"
        assert f"fault-{field}" in named.get("aria-describedby").split()
    return {link.get("href").removeprefix("#"): link.text_content() for link in links}


async def requests(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    answer = await client.get("requests.json", params={"extensions": "true", **query})
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def test_from_the_city_to_a_request_that_apps_see(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, city: str
) -> None:
    place = await browser.get(f"/{city}/report")
    assert "Where is it?" in words(place)
    service = await send(browser, place, "place-form", address_string="12 Long Street", **HERE)
    assert "What is the problem?" in words(service)
    details = await follow(browser, service, "Tree trimming")
    filled = {
        **TREE,
        "attribute[HEIGHT]": "2,5",
        "attribute[SEEN]": "2026-01-05T08:30",
        "first_name": "Zola",
        "email": "zola@example.org",
    }
    filed = await send(browser, details, "details-form", [("tree.jpg", photo())], **filled)
    assert filed.status_code == 200, filed.text
    (found,) = await requests(client)
    assert found["service_request_id"] in words(filed)
    assert (found["service_code"], found["description"]) == ("TREE", TREE["description"])
    assert (found["lat"], found["long"], found["address"]) == (-33.92, 18.65, "12 Long Street")
    answers = {answer["code"]: answer["value"] for answer in found["attributes"]}
    assert answers["KIND"] == "LEAN"
    assert float(answers["HEIGHT"]) == 2.5
    assert found["media_url"]
    assert "Zola" not in str(found)
    assert filed.headers["cache-control"] == "no-store"


async def test_each_fault_is_told_at_its_field_and_what_was_typed_is_kept(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, details: httpx.Response
) -> None:
    wrong = {
        "attribute[HEIGHT]": "tall",
        "attribute[SEEN]": "yesterday",
        "description": "It leans.",
        "email": "zola at example",
        "phone": "9" * 300,
    }
    answer = await send(browser, details, "details-form", **wrong)
    assert faults(answer) == {
        "attribute-HEIGHT": "“How high is it?” must be a number.",
        "attribute-KIND": "“What is wrong?” is needed.",
        "attribute-SEEN": "“When did you see it?” must be a date and time.",
        "email": "This is no email address.",
        "phone": "This is no phone number.",
    }
    (form,) = read(answer).xpath("//form[@id='details-form']")
    assert form.fields["description"] == "It leans."
    assert form.fields["attribute[HEIGHT]"] == "tall"
    assert form.fields["email"] == "zola at example"
    assert await requests(client) == []
    right = {"attribute[HEIGHT]": "3", "attribute[SEEN]": "", "email": "", "phone": ""}
    filed = await send(browser, answer, "details-form", **{**right, "attribute[KIND]": "DEAD"})
    assert "Thank you" in words(filed)


async def test_a_file_that_is_no_photo_is_named_and_nothing_is_filed(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, details: httpx.Response
) -> None:
    files = [("tree.jpg", photo()), ("notes.jpg", b"no picture at all")]
    answer = await send(browser, details, "details-form", files, **TREE)
    assert faults(answer) == {
        "photo": "notes.jpg is not a photo that can be read, or is too large."
    }
    assert "choose the photos again" in words(answer)
    assert await requests(client) == []


async def test_a_form_files_once_however_often_it_is_sent(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, details: httpx.Response
) -> None:
    first = await send(browser, details, "details-form", **TREE)
    again = await send(browser, details, "details-form", **TREE)
    changed = await send(browser, details, "details-form", **{**TREE, "description": "More"})
    assert first.url == again.url == changed.url
    (found,) = await requests(client)
    assert found["description"] == TREE["description"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://elsewhere.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://open311.test"}, 303),
        ({}, 303),
    ],
)
async def test_forms_of_other_sites_are_refused(
    browser: httpx.AsyncClient, city: str, headers: dict[str, str], status: int
) -> None:
    form = {**HERE, "service_code": "POTHOLE"}
    answer = await browser.post(f"/{city}/report", data=form, headers=headers)
    assert answer.status_code == status


async def test_who_fills_in_the_trap_files_nothing(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, details: httpx.Response
) -> None:
    answer = await send(browser, details, "details-form", website="https://spam.example", **TREE)
    assert answer.status_code == 400
    assert "not accepted" in words(answer)
    assert await requests(client) == []


@pytest.mark.parametrize("where", [("-34.05", "18.65"), ("0", "0")])
async def test_a_place_outside_is_told_before_anything_else_is_asked(
    browser: httpx.AsyncClient, city: str, where: tuple[str, str]
) -> None:
    asked = {"lat": where[0], "long": where[1], "service_code": "POTHOLE"}
    answer = await browser.get(f"/{city}/report", params=asked)
    assert "That place does not lie in Testville." in words(answer)
    assert not read(answer).xpath("//form[@id='details-form']")


async def test_an_address_alone_is_enough(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, city: str
) -> None:
    place = await browser.get(f"/{city}/report")
    service = await send(browser, place, "place-form", address_string="Behind the school")
    details = await follow(browser, service, "Pothole")
    assert "Thank you" in words(await send(browser, details, "details-form"))
    (found,) = await requests(client)
    assert found["address"] == "Behind the school"
    (more,) = (await client.get("/requests.json", params={"extensions": "true"})).json()
    assert more["extended_attributes"]["channel"] == "web"
    assert found["lat"] is None


async def test_what_others_reported_nearby_is_shown_first(
    browser: httpx.AsyncClient, client: httpx.AsyncClient, city: str, details: httpx.Response
) -> None:
    assert not read(details).xpath("//*[@id='known']")
    await send(browser, details, "details-form", **TREE)
    (found,) = await requests(client)
    near = {"lat": "-33.9201", "long": "18.65", "service_code": "TREE"}
    again = await browser.get(f"/{city}/report", params=near)
    shown = words(again)
    assert "Is it one of these?" in shown
    assert "11 m away" in shown
    tracking = await follow(browser, again, "This is it")
    assert found["service_request_id"] in str(tracking.url)
    assert "nothing more was filed" in words(tracking)
    other = await browser.get(f"/{city}/report", params={**near, "service_code": "POTHOLE"})
    assert "Is it one of these?" not in words(other)


async def test_services_are_found_by_their_keywords_and_without_accents(
    browser: httpx.AsyncClient, city: str
) -> None:
    service = await browser.get(f"/{city}/report", params=HERE)
    shown = words(await send(browser, service, "search-form", q="BRÁNCH"))
    assert "Tree trimming" in shown
    assert "Pothole" not in shown
    nothing = await send(browser, service, "search-form", q="zzz")
    assert "Nothing is called that." in words(nothing)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("GRAFFITI", "gets its number shortly"),
        ("NOISE", "get no number. Inspectors visit within two weeks."),
        ("ABUSE", "not shown in public"),
    ],
)
async def test_receipts_of_reports_that_are_not_public(
    browser: httpx.AsyncClient, city: str, code: str, said: str
) -> None:
    details = await browser.get(f"/{city}/report", params={**HERE, "service_code": code})
    shown = words(await send(browser, details, "details-form", description="Private matters"))
    assert said in shown
    assert "Private matters" not in shown


async def test_a_receipt_that_nobody_has_is_not_found(
    browser: httpx.AsyncClient, city: str
) -> None:
    answer = await browser.get(f"/{city}/report/filed/aaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("asked", "accepted", "said"),
    [
        ("", "en-ZA", "Where is it?"),
        ("?lang=af", "en", "Waar is dit?"),
        ("", "zu;q=0.9, en;q=0.5", "Kukuphi?"),
        ("?lang=tlh", "xh", "Iphi?"),
        ("", "fr", "Where is it?"),
    ],
)
async def test_the_form_speaks_its_readers_language(
    browser: httpx.AsyncClient, city: str, asked: str, accepted: str, said: str
) -> None:
    answer = await browser.get(f"/{city}/report{asked}", headers={"accept-language": accepted})
    assert said in words(answer)


async def test_a_chosen_language_stays_to_the_receipt(
    browser: httpx.AsyncClient, city: str
) -> None:
    place = await browser.get(f"/{city}/report?lang=af")
    service = await send(browser, place, "place-form", **HERE)
    details = await follow(browser, service, "Pothole")
    filed = await send(browser, details, "details-form")
    assert "Dankie" in words(filed)
    assert read(filed).get("lang") == "af"


async def test_each_address_may_report_so_many_times(settings: Settings, city: str) -> None:
    few = msgspec.structs.replace(settings, rate_reports=1)
    app = create_app(few)
    asked = {**HERE, "service_code": "POTHOLE"}
    async with app.lifespan(), browse(app) as one, browse(app) as another:
        first = await send(one, await one.get(f"/{city}/report", params=asked), "details-form")
        assert "Thank you" in words(first)
        form = await one.get(f"/{city}/report", params=asked)
        second = await send(one, form, "details-form", description="Kept")
        assert second.status_code == 429
        assert int(second.headers["retry-after"]) > 0
        assert "Too many reports" in words(second)
        assert "Kept" in second.text
        other = await another.get(f"/{city}/report", params=asked)
        assert "Thank you" in words(await send(another, other, "details-form"))
