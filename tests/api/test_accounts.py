"""Accounts: who is let in, by what, how often one may try, and what is remembered."""

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar, Request
from redis.asyncio import Redis
from sqlalchemy import text

from open311 import access_tokens, accounts, connections, passwords, staff
from open311.accounts import Account, Role
from open311.context import Context
from open311.db import Database
from open311.errors import BadInput, Conflict, Forbidden, NotFound, TooMany, Unauthorized
from open311.settings import Settings

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


@pytest.fixture
async def context(settings: Settings) -> AsyncIterator[Context]:
    """Connections of a process of its own, which remembers nobody."""
    made = connections.open_context(msgspec.structs.replace(settings, rate_exempt=()))
    yield made
    await connections.close_context(made)


@pytest.fixture
async def name(database: Database, city: str) -> str:
    """An account that is an analyst in the test's city."""
    made = await staff.create(database, f"{uuid.uuid4().hex[:12]}@city.test", PASSWORD)
    await staff.grant(database, city, made.name, Role.ANALYST, "tests")
    return made.name


async def identify(
    context: Context,
    header: str | None,
    method: str = "GET",
    client: str = "203.0.113.9",
    **headers: str,
) -> Account | None:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if header is not None:
        sent["authorization"] = header
    scope: Any = {
        "type": "http",
        **{"method": method, "path": "/maps/x", "query_string": b"a=1"},
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": (client, 50000),
    }
    return await accounts.identify(Request(scope), context)


async def test_a_password_or_a_token_says_who_calls(
    context: Context, database: Database, city: str, name: str
) -> None:
    token = await access_tokens.create(database, name, "QGIS", 30, "tests")
    for header in (
        basic(name, PASSWORD),
        basic(name.upper(), PASSWORD),
        basic(name, token),
        basic("", token),
        f"Bearer {token}",
        f"bearer {token}",
    ):
        account = await identify(context, header)
        assert account is not None
        assert account.name == name
        assert account.call == "GET /maps/x?a=1"
        assert account.may(city, Role.ANALYST)
        assert account.may(city, Role.MANAGER, Role.ANALYST)
        assert not account.may(city, Role.MANAGER)
        assert not account.may("other.test", Role.ANALYST)
    assert await identify(context, None) is None
    (used,) = await access_tokens.list_all(database, name)
    assert used.last_used_at is not None
    assert token not in repr(used)


async def test_what_is_wrong_is_told_alike(context: Context, database: Database, name: str) -> None:
    other = await staff.create(database, f"{uuid.uuid4().hex}@city.test", PASSWORD)
    token = await access_tokens.create(database, name, "QGIS", None, "tests")
    programs = await staff.create(database, f"{uuid.uuid4().hex}@city.test", None)
    told = set()
    for header in (
        basic(name, "wrong horse battery"),
        basic("nobody@city.test", PASSWORD),
        basic(other.name, token),
        basic(programs.name, ""),
        f"Bearer {token}x",
        f"Bearer {PASSWORD}",
    ):
        with pytest.raises(Unauthorized) as refused:
            await identify(context, header)
        told.add(str(refused.value))
    assert len(told) == 1


@pytest.mark.parametrize(
    "header",
    [
        *("", "Basic", "Basic !!!", "Digest x=1", "Bearer", "Negotiate abc"),
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        basic("a\0b", "x"),
    ],
)
async def test_what_cannot_be_read_is_refused(context: Context, header: str) -> None:
    with pytest.raises(Unauthorized) as refused:
        await identify(context, header)
    assert refused.value.headers["WWW-Authenticate"].startswith('Basic realm="open311"')


async def test_what_is_taken_away_ends(
    context: Context, database: Database, city: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "REMEMBERED_SECONDS", 0.0)
    token = await access_tokens.create(database, name, "QGIS", None, "tests")
    await staff.revoke(database, city, name, Role.ANALYST, "tests")
    account = await identify(context, basic(name, PASSWORD))
    assert account is not None
    assert not account.may(city, Role.ANALYST)
    await staff.set_password(database, name, "another long secret", "tests")
    assert await identify(context, basic(name, "another long secret"))
    with pytest.raises(Unauthorized):
        await identify(context, basic(name, PASSWORD))
    await staff.set_state(database, name, "disabled", "tests")
    for header in (basic(name, "another long secret"), f"Bearer {token}"):
        with pytest.raises(Unauthorized):
            await identify(context, header)
    await staff.set_state(database, name, "active", "tests")
    assert await identify(context, f"Bearer {token}")
    (listed,) = await access_tokens.list_all(database, name)
    await access_tokens.revoke(database, listed.token_id, "tests")
    with pytest.raises(Unauthorized):
        await identify(context, f"Bearer {token}")
    with pytest.raises(NotFound):
        await access_tokens.revoke(database, listed.token_id, "tests")


async def test_a_token_ends_on_its_day(context: Context, database: Database, name: str) -> None:
    token = await access_tokens.create(database, name, "QGIS", 0, "tests")
    with pytest.raises(Unauthorized):
        await identify(context, f"Bearer {token}")


async def test_a_login_is_checked_once_for_many_calls(
    context: Context, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []
    verify = passwords.is_right

    async def counted(password: str, stored: str | None) -> bool:
        checked.append(password)
        return await verify(password, stored)

    monkeypatch.setattr(passwords, "is_right", counted)
    calls = (identify(context, basic(name, PASSWORD)) for _ in range(30))
    assert all(await asyncio.gather(*calls))
    assert len(checked) == 1
    with pytest.raises(Unauthorized):
        await identify(context, basic(name, "wrong horse battery"))
    with pytest.raises(Unauthorized):
        await identify(context, basic(name, "wrong horse battery"))
    assert len(checked) == 3


async def test_who_shares_a_login_outlives_who_began_it(context: Context, name: str) -> None:
    first = asyncio.create_task(identify(context, basic(name, PASSWORD)))
    await asyncio.sleep(0)
    second = asyncio.create_task(identify(context, basic(name, PASSWORD)))
    await asyncio.sleep(0)
    first.cancel()
    assert await second


@pytest.mark.parametrize("redis_url", [None, "redis://127.0.0.1:1/0"])
async def test_guessing_ends(
    context: Context, database: Database, name: str, redis_url: str | None
) -> None:
    """By one address, and by many addresses for one account; with Redis and without."""
    few = msgspec.structs.replace(
        context.settings, rate_logins=3, rate_logins_account=5, rate_window_seconds=3600
    )
    context.settings = few
    if redis_url:
        await context.redis.aclose()
        context.redis = Redis.from_url(redis_url, socket_connect_timeout=0.05)
    home = f"2001:db8:{uuid.uuid4().hex[:4]}::1"
    for turn in range(3):
        with pytest.raises(Unauthorized):
            await identify(context, basic(name, f"wrong {turn}"), client=home)
    with pytest.raises(TooMany):
        await identify(context, basic(name, PASSWORD), client=home)
    with pytest.raises(TooMany):
        await identify(context, "Bearer o311_nonesuch", client=home)
    for turn in range(2):
        # those that are right do not count
        assert await identify(context, basic(name, PASSWORD), client=f"2001:db8:{turn}::1")
    for turn in range(2):
        away = f"2001:db8:a{turn}::{uuid.uuid4().hex[:4]}"
        with pytest.raises(Unauthorized):
            await identify(context, basic(name, f"wrong again {turn}"), client=away)
    accounts._doors[context.db].logins.clear()
    with pytest.raises(TooMany):
        await identify(context, basic(name, PASSWORD), client="2001:db8:ffff::1")
    # nobody keeps programs out
    token = await access_tokens.create(database, name, "QGIS", 30, "tests")
    assert await identify(context, basic(name, token), client="2001:db8:ffff::1")


async def test_a_page_elsewhere_changes_nothing(
    context: Context, database: Database, name: str
) -> None:
    """A browser sends the password that it remembers with any page's call."""
    token = await access_tokens.create(database, name, "QGIS", 30, "tests")
    for site in ("cross-site", "same-site"):
        for remembered in (basic(name, PASSWORD), basic("", token)):
            with pytest.raises(Forbidden):
                await identify(context, remembered, "POST", sec_fetch_site=site)
        assert await identify(context, basic(name, PASSWORD), sec_fetch_site=site)
        assert await identify(context, f"Bearer {token}", "POST", sec_fetch_site=site)
    assert await identify(context, basic(name, PASSWORD), "POST", sec_fetch_site="same-origin")
    assert await identify(context, basic(name, PASSWORD), "POST")


async def test_accounts_are_made_with_care(database: Database, name: str) -> None:
    with pytest.raises(Conflict):
        await staff.create(database, name.upper(), PASSWORD)
    for bad in ("", "a:b", "a b", "é", "-x", "x" * 101):
        with pytest.raises(BadInput):
            await staff.create(database, bad, PASSWORD)
    for bad in ("short", "x" * 1001):
        with pytest.raises(BadInput):
            await staff.set_password(database, name, bad, "tests")
    with pytest.raises(NotFound):
        await staff.find(database, "nobody@city.test")


async def test_no_secret_is_stored(database: Database, name: str) -> None:
    token = await access_tokens.create(database, name, "QGIS", None, "tests")
    async with database.shared() as connection:
        rows = [
            str(row)
            for table in ("account", "access_token")
            for row in await connection.execute(text(f"select t::text from {table} t"))
        ]
    assert any("$argon2id$" in row for row in rows)
    assert not [row for row in rows if PASSWORD in row or token in row]


async def test_what_happens_to_accounts_is_logged(database: Database, city: str, name: str) -> None:
    await staff.set_state(database, name, "disabled", "account:ADMIN")
    await staff.revoke(database, city, name, Role.ANALYST, "account:ADMIN")
    account_id = (await staff.find(database, name)).account_id
    logged = text("select kind, actor, after from event where subject = :id order by id")
    async with database.begin(city) as connection:
        rows = [tuple(row) for row in await connection.execute(logged, {"id": account_id})]
    assert [row[0] for row in rows] == ["account.granted", "account.disabled", "account.revoked"]
    assert rows[-1][1] == "account:ADMIN"
    assert name not in str(rows)


async def test_wrong_credentials_are_refused_over_http(app: Litestar, city: str) -> None:
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://m.test/maps/{city}") as it:
        for path in ("/collections", "/tiles/requests/0/0/0.mvt", "/tiles/requests.json"):
            answer = await it.get(path, auth=("nobody", PASSWORD))
            assert answer.status_code == 401, path
            offered = answer.headers["www-authenticate"]
            assert offered == 'Basic realm="open311", charset="UTF-8", Bearer realm="open311"'
            assert answer.headers["cache-control"] == "private, no-store"


async def test_answers_to_accounts_are_not_kept(app: Litestar, city: str, name: str) -> None:
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://m.test/maps/{city}") as it:
        for path in ("/collections", "/tiles/requests.json", "/styles/light.json"):
            assert "public" in (await it.get(path)).headers["cache-control"]
            answer = await it.get(path, auth=(name, PASSWORD))
            assert answer.status_code == 200
            assert answer.headers.get_list("cache-control") == ["private, no-store"]
            assert "etag" not in answer.headers
