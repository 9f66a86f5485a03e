"""API keys and rate limits at the door, and the commands that manage keys."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result
from lxml import etree
from sqlalchemy import text

from open311 import jurisdictions, keys
from open311.app import create_app
from open311.commands.keys import key as key_commands
from open311.db import Database
from open311.reporters import Contact
from open311.settings import Settings

pytestmark = pytest.mark.anyio

Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
Command = Callable[..., Awaitable[Result]]

ENDLESS = 10**9  # a window from 2001 to 2033: no test sees it end
REPORT = {"service_code": "POTHOLE", "lat": "-33.92", "long": "18.65"}


async def post(
    client: httpx.AsyncClient, key: str | None, headers: dict[str, str] | None = None
) -> httpx.Response:
    given = REPORT if key is None else {**REPORT, "api_key": key}
    return await client.post("/requests.json", data=given, headers=headers)


def told(answer: httpx.Response) -> str:
    """The one thing that the answer says is wrong."""
    (error,) = answer.json()
    assert error["code"] == answer.status_code
    return str(error["description"])


async def rows(database: Database, city: str, sql: str) -> list[Any]:
    async with database.begin(city) as connection:
        return list((await connection.execute(text(sql), {"city": city})).mappings())


@pytest.fixture
def make_key(database: Database, settings: Settings, city: str) -> Callable[..., Any]:
    """Make a key of the test's jurisdiction."""

    async def make(**how: Any) -> str:
        return await keys.create(database, settings, city, "An app", **how)

    return make


async def test_a_key_is_needed(client: httpx.AsyncClient) -> None:
    answer = await post(client, None)
    assert answer.status_code == 403
    assert told(answer) == "The api_key is missing."


async def test_errors_about_keys_come_in_xml_too(client: httpx.AsyncClient) -> None:
    answer = await client.post("/requests.xml", data=REPORT)
    assert answer.status_code == 403
    assert etree.fromstring(answer.content).findtext("error/code") == "403"


@pytest.mark.parametrize("key", ["wrong", "sch\u00f6n", "x" * 10_000])
async def test_a_wrong_key_is_refused(client: httpx.AsyncClient, city: str, key: str) -> None:
    answer = await post(client, key)
    assert answer.status_code == 403
    assert told(answer) == f"The api_key is not valid for {city}."


async def test_a_key_files_requests(client: httpx.AsyncClient, make_key: Any) -> None:
    assert (await post(client, await make_key())).status_code == 200


@pytest.mark.parametrize(("how", "channel"), [({}, "api"), ({"channel": "kiosk"}, "kiosk")])
async def test_a_request_came_by_the_channel_of_its_key(
    client: httpx.AsyncClient, make_key: Any, how: dict[str, str], channel: str
) -> None:
    filed = await post(client, await make_key(**how))
    path = f"/requests/{filed.json()[0]['service_request_id']}.json"
    (found,) = (await client.get(path, params={"extensions": "true"})).json()
    assert found["extended_attributes"]["channel"] == channel


async def test_a_key_may_come_as_a_bearer_token(client: httpx.AsyncClient, make_key: Any) -> None:
    headers = {"Authorization": f"Bearer {await make_key()}"}
    assert (await post(client, None, headers)).status_code == 200
    assert (await post(client, None, {"Authorization": "Bearer wrong"})).status_code == 403


async def test_a_key_is_of_one_jurisdiction(
    client: httpx.AsyncClient, database: Database, settings: Settings, city: str
) -> None:
    elsewhere = await keys.create(database, settings, f"test.{city}", "An app")
    answer = await post(client, elsewhere)
    assert answer.status_code == 403
    assert "not valid" in told(answer)


async def test_a_key_allows_what_its_scopes_say(client: httpx.AsyncClient, make_key: Any) -> None:
    answer = await post(client, await make_key(scopes=["updates"]))
    assert answer.status_code == 403
    assert "'requests'" in told(answer)


async def test_reading_needs_no_key_and_minds_none(client: httpx.AsyncClient) -> None:
    answer = await client.get("/requests.json", params={"api_key": "wrong"})
    assert answer.status_code == 200


async def test_only_a_digest_is_stored(database: Database, city: str, make_key: Any) -> None:
    key = await make_key()
    stored = await rows(database, city, "select k::text as row from api_key k")
    events = await rows(database, city, "select e::text as row from event e")
    assert len(key) >= 32
    assert all(key not in each["row"] for each in stored + events)


async def test_making_a_key_is_an_event(database: Database, city: str, make_key: Any) -> None:
    await make_key(scopes=["updates"], rate_class="high")
    events = await rows(
        database, city, "select actor, after from event where kind = 'key.created' order by id"
    )
    assert events[-1]["actor"] == "operator"
    assert events[-1]["after"] == {
        "name": "An app",
        "scopes": ["updates"],
        "rate_class": "high",
        "channel": "api",
        "state": "active",
    }


async def test_who_asked_for_a_key_is_kept_apart(
    database: Database, city: str, make_key: Any
) -> None:
    await make_key(state="pending", contact=Contact(email="zola@example.org", first_name="Zola"))
    stored = await rows(
        database,
        city,
        """
        select k::text || e::text || encode(r.sealed, 'escape') as row, r.reporter_id
        from api_key k
        join reporter r using (jurisdiction_id, reporter_id)
        join event e on e.subject = k.key_id
        """,
    )
    assert len(stored) == 1
    assert "zola" not in stored[0]["row"].lower()


async def test_ensures_a_key_of_a_given_text_once(database: Database, city: str) -> None:
    for _ in range(2):
        await keys.ensure(database, city, "given", "twice", ["requests"], "demo")
    made = [each for each in await keys.list_all(database, city) if each.name == "twice"]
    assert [(each.rate_class, each.state) for each in made] == [("demo", "active")]


# --- the commands


@pytest.fixture
def command(settings: Settings) -> Command:
    """Run `open311 key …` against the test's database."""

    async def run(*words: str) -> Result:
        # a command has an event loop of its own, so it gets a thread of its own
        return await asyncio.to_thread(
            CliRunner().invoke, key_commands, words, obj=lambda: nullcontext(settings)
        )

    return run


async def listed(command: Command, city: str) -> dict[str, list[str]]:
    """The lines of `key list` by the key's name."""
    answer = await command("list", "--jurisdiction", city)
    assert answer.exit_code == 0, answer.output
    return {line.split("\t")[-1]: line.split("\t") for line in answer.output.splitlines()}


async def test_a_key_is_made_by_command(
    client: httpx.AsyncClient, command: Command, city: str
) -> None:
    words = ["--jurisdiction", city, "--name", "By hand", "--scope", "requests"]
    made = await command("create", *words)
    assert made.exit_code == 0, made.output
    assert (await post(client, made.output.strip())).status_code == 200
    assert (await listed(command, city))["By hand"][1:4] == ["active", "standard", "requests"]


async def test_a_key_is_approved_and_revoked_by_command(
    client: httpx.AsyncClient, command: Command, make_key: Any, database: Database, city: str
) -> None:
    key = await make_key(state="pending", contact=Contact(email="zola@example.org"))
    assert told(await post(client, key)) == "The api_key is not approved yet."
    key_id = (await listed(command, city))["An app"][0]
    for move, state, status in (("approve", "active", 200), ("revoke", "revoked", 403)):
        moved = await command(move, "--jurisdiction", city, key_id)
        assert moved.output == f"{key_id} is {state}\n"
        assert (await post(client, key)).status_code == status
    changes = await rows(
        database,
        city,
        """
        select before->>'state' as before, after->>'state' as after, actor from event
        where kind = 'key.changed' order by id
        """,
    )
    assert [tuple(change.values()) for change in changes] == [
        ("pending", "active", "operator"),
        ("active", "revoked", "operator"),
    ]


async def test_a_command_says_what_is_wrong(command: Command, city: str) -> None:
    unknown = await command("list", "--jurisdiction", "nowhere.test")
    assert (unknown.exit_code, unknown.output) == (
        1,
        "Error: jurisdiction_id 'nowhere.test' does not exist here.\n",
    )
    missing = await command("revoke", "--jurisdiction", city, "NONE-SUCH")
    assert missing.exit_code == 1
    assert "NONE-SUCH" in missing.output


# --- rates


@pytest.fixture
def serve(settings: Settings, city: str) -> Serve:
    """Serve with other settings, to a client with an address of its own."""

    @asynccontextmanager
    async def with_settings(**changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(msgspec.structs.replace(settings, rate_window_seconds=ENDLESS, **changes))
        address = f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"
        transport = httpx.ASGITransport(app, client=(address, 50000))
        base = f"http://open311.test/open311/{city}/v2"
        async with (
            app.lifespan(),
            httpx.AsyncClient(transport=transport, base_url=base) as client,
        ):
            yield client

    return with_settings


async def test_reading_is_limited_by_address(serve: Serve) -> None:
    async with serve(rate_address=3) as client:
        answers = [await client.get("/services.json") for _ in range(5)]
        health = await client.get("http://open311.test/health/live")
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "Wait" in told(answers[-1])
    assert health.status_code == 200


async def test_a_refusal_is_xml_where_xml_was_asked(serve: Serve) -> None:
    async with serve(rate_address=1) as client:
        await client.get("/services.xml")
        answer = await client.get("/services.xml")
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert etree.fromstring(answer.content).findtext("error/code") == "429"


async def test_posting_is_limited_by_key(serve: Serve, make_key: Any) -> None:
    one, other = await make_key(), await make_key()
    async with serve(rate_standard=2, rate_address=1) as client:
        answers = [await post(client, one) for _ in range(3)]
        answers.append(await post(client, other))
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert int(answers[2].headers["retry-after"]) > 0


async def test_trying_keys_is_limited_by_address(serve: Serve, make_key: Any) -> None:
    async with serve(rate_address=2) as client:
        answers = [await post(client, f"guess {number}") for number in range(4)]
        right = await post(client, await make_key())
        read = await client.get("/services.json")
    assert [answer.status_code for answer in answers] == [403, 403, 429, 429]
    assert right.status_code == 429
    assert read.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no/such/page.json", 404),
        ("POST", "/no/such/page.json", 404),
        ("DELETE", "/requests.json", 405),
        ("POST", "/requests.json", 403),  # no key
        ("POST", "/open311/nowhere.test/v2/requests.json", 404),
        ("POST", "/open311/v2/requests.json", 400),  # no jurisdiction
    ],
)
async def test_whatever_leads_nowhere_is_limited_by_address(
    serve: Serve, method: str, path: str, status: int
) -> None:
    if path.startswith(("/no/", "/open311/")):
        path = f"http://open311.test{path}"
    async with serve(rate_address=2) as client:
        answers = [await client.request(method, path) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 429]
    assert "Wait" in told(answers[-1])


async def test_a_body_that_cannot_be_read_counts(serve: Serve) -> None:
    async with serve(rate_address=2) as client:
        client.headers["content-type"] = "application/json"
        answers = [await client.post("/requests.json", content=b"{") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]


async def test_a_used_up_address_is_refused_before_its_body_is_read(serve: Serve) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(3):
            sent += 1
            yield b"api_key=guess&"

    async with serve(rate_address=1) as client:
        form = {"content-type": "application/x-www-form-urlencoded"}
        first = await client.post("/requests.json", content=body(), headers=form)
        assert (first.status_code, sent) == (403, 3)
        second = await client.post("/requests.json", content=body(), headers=form)
    assert (second.status_code, sent) == (429, 3)


async def test_a_page_elsewhere_can_read_the_refusal(serve: Serve) -> None:
    elsewhere = {"Origin": "https://app.example"}
    async with serve(rate_address=1) as client:
        await client.get("/services.json", headers=elsewhere)
        answer = await client.get("/services.json", headers=elsewhere)
    assert answer.status_code == 429
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    assert answer.headers["x-request-id"]


async def test_without_redis_everything_is_served(serve: Serve, make_key: Any) -> None:
    # nothing listens on port 1
    async with serve(rate_address=1, rate_standard=1, redis_url="redis://127.0.0.1:1/0") as client:
        reads = [await client.get("/services.json") for _ in range(3)]
        key = await make_key()
        posts = [await post(client, key) for _ in range(3)]
    assert {answer.status_code for answer in reads + posts} == {200}


async def test_a_test_endpoint_has_keys_of_its_own(
    client: httpx.AsyncClient, database: Database, settings: Settings, city: str
) -> None:
    whose = jurisdictions.test_id(city)
    key = await keys.create(database, settings, whose, "An app")
    url = f"http://open311.test/open311/{whose}/v2/requests.json"
    answer = await client.post(url, data={**REPORT, "api_key": key})
    assert answer.status_code == 200, answer.text
