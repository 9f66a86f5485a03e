"""Pages for people: what they show, that anyone can use them, and how apps get a key."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from open311 import reporters
from open311.app import create_app
from open311.db import Database
from open311.settings import Settings
from tests.api.browsing import browse, read, words

pytestmark = pytest.mark.anyio

APPLICATION = {"app": "Pothole patrol", "first_name": "Zola", "email": "zola@example.org"}
REPORT = {"service_code": "POTHOLE", "lat": "-33.92", "long": "18.65"}


@pytest.fixture
async def browser(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with browse(app) as made:
        yield made


async def test_home_lists_municipalities_and_no_test_endpoints(
    browser: httpx.AsyncClient, city: str
) -> None:
    links = read(await browser.get("/")).xpath("//main//a/@href")
    assert f"/{city}" in links
    assert f"/test.{city}" not in links


async def test_a_city_shows_its_services_and_how_to_connect(
    browser: httpx.AsyncClient, city: str, settings: Settings
) -> None:
    answer = await browser.get(f"/{city}")
    shown = words(answer)
    assert "Pothole POTHOLE A hole in a road or pavement" in shown
    assert f"{settings.address}/open311/{city}/v2" in shown
    assert f"/open311/{city}/key" in read(answer).xpath("//main//a/@href")


async def test_the_test_endpoint_says_that_it_is_one(browser: httpx.AsyncClient, city: str) -> None:
    assert "never acted upon" in words(await browser.get(f"/test.{city}"))
    assert "never acted upon" not in words(await browser.get(f"/{city}"))


@pytest.mark.parametrize("path", ["/", "/{city}", "/open311/{city}/key", "/nowhere.test"])
async def test_every_page_can_be_used_by_anyone(
    browser: httpx.AsyncClient, city: str, path: str
) -> None:
    page = read(await browser.get(path.format(city=city)))
    assert page.get("lang") == "en"
    assert page.findtext(".//title")
    assert len(page.xpath("//h1")) == len(page.xpath("//main")) == 1
    assert page.xpath("//meta[@name='viewport']")
    for field in page.xpath("//input[not(@type='hidden')] | //select"):
        assert page.xpath(f"//label[@for='{field.get('id')}']"), field.get("name")


@pytest.mark.parametrize("path", ["/", "/{city}", "/open311/{city}/key", "/nowhere.test"])
async def test_no_page_runs_or_loads_what_is_not_ours(
    browser: httpx.AsyncClient, city: str, path: str
) -> None:
    answer = await browser.get(path.format(city=city))
    page = read(answer)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not page.xpath(
        "//script[not(@src)] | //style | //@style | //@*[starts-with(name(),'on')]"
    )
    loaded = page.xpath("//link/@href | //script/@src | //img/@src")
    assert any(each.endswith("/page.css") for each in loaded)
    for each in loaded:
        found = await browser.get(each)
        assert found.status_code == 200
        kind = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
        assert found.headers["content-type"].startswith(kind[each.rpartition(".")[2]])
        assert "immutable" in found.headers["cache-control"]


@pytest.mark.parametrize("path", ["/", "/{city}", "/open311/{city}/key"])
async def test_pages_answer_head(browser: httpx.AsyncClient, city: str, path: str) -> None:
    answer = await browser.head(path.format(city=city))
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/nowhere.test", "/open311/nowhere.test/key", "/<b>bold"])
async def test_an_unknown_city_is_a_page_too(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert "does not exist here" in words(answer)
    assert not read(answer).xpath("//b")


# --- keys


async def apply(browser: httpx.AsyncClient, city: str, **changes: str) -> httpx.Response:
    return await browser.post(f"/open311/{city}/key", data={**APPLICATION, **changes})


def key_in(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    (key,) = read(answer).xpath("//code[@class='key']/text()")
    return str(key)


async def test_the_form_is_the_one_that_is_read(browser: httpx.AsyncClient, city: str) -> None:
    form = read(await browser.get(f"/open311/{city}/key")).forms[0]
    form.fields.update(APPLICATION)
    assert form.method == "POST"
    answer = await browser.post(f"/open311/{city}/key", data=dict(form.form_values()))
    assert key_in(answer)


async def test_a_key_that_was_asked_for_waits_for_approval(
    browser: httpx.AsyncClient, city: str
) -> None:
    answer = await apply(browser, city)
    assert "once Testville has approved it" in words(answer)
    filed = await browser.post(
        f"/open311/{city}/v2/requests.json", data={**REPORT, "api_key": key_in(answer)}
    )
    assert filed.status_code == 403
    assert "not approved yet" in filed.text


async def test_a_key_of_the_test_endpoint_works_at_once(
    browser: httpx.AsyncClient, city: str
) -> None:
    answer = await apply(browser, f"test.{city}")
    assert "works at once" in words(answer)
    report = {**REPORT, "api_key": key_in(answer)}
    filed = await browser.post(f"/open311/test.{city}/v2/requests.json", data=report)
    assert filed.status_code == 200, filed.text
    elsewhere = await browser.post(f"/open311/{city}/v2/requests.json", data=report)
    assert elsewhere.status_code == 403


async def test_the_applicant_is_kept_as_personal_data(
    browser: httpx.AsyncClient, database: Database, settings: Settings, city: str
) -> None:
    await apply(browser, city)
    async with database.begin(city) as connection:
        found = text("select name, reporter_id from api_key where state = 'pending'")
        name, reporter_id = (await connection.execute(found)).one()
        contact = await reporters.unseal(connection, settings, city, reporter_id)
        logged = await connection.execute(text("select string_agg(e::text, '') from event e"))
    assert name == "Pothole patrol"
    assert contact == reporters.Contact(email="zola@example.org", first_name="Zola")
    assert "zola" not in logged.scalar_one().lower()


@pytest.mark.parametrize(
    "changes",
    [
        {"app": ""},
        {"app": "x" * 101},
        {"first_name": " "},
        {"email": ""},
        {"email": "zola"},
        {"email": f"{'x' * 250}@example.org"},
        {"website": "http://spam.test"},
    ],
)
async def test_a_bad_application_comes_back_with_what_was_typed(
    browser: httpx.AsyncClient, database: Database, city: str, changes: dict[str, str]
) -> None:
    answer = await apply(browser, city, **changes)
    assert answer.status_code == 400
    page = read(answer)
    assert page.xpath("//*[@role='alert']//li/text()")
    for name, value in {**APPLICATION, **changes}.items():
        if name != "website":
            assert page.forms[0].fields[name] == value.strip()
    async with database.begin(city) as connection:
        made = await connection.execute(text("select count(*) from api_key where name <> 'tests'"))
        assert made.scalar_one() == 0


async def test_what_is_typed_is_text_and_nothing_else(
    browser: httpx.AsyncClient, city: str
) -> None:
    nasty = '"><script>alert(1)</script>{{ 7 * 7 }}'
    answer = await apply(browser, city, app=nasty, email="")
    page = read(answer)
    assert not page.xpath("//script")
    assert page.forms[0].fields["app"] == nasty


async def test_applications_are_limited_by_address(settings: Settings, city: str) -> None:
    # one window from 2001 to 2033, which no test sees end
    few = msgspec.structs.replace(settings, rate_key_requests=2, rate_window_seconds=10**9)
    app = create_app(few)
    async with app.lifespan(), browse(app) as browser:
        answers = [await apply(browser, city) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["retry-after"]) > 0
    assert read(answers[2]).forms[0].fields["app"] == APPLICATION["app"]
