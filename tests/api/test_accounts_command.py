"""`open311 account`: what an operator types, and what is told."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import nullcontext

import pytest
from click.testing import CliRunner, Result

from open311 import access_tokens, audit, staff
from open311.account_tables import membership
from open311.accounts import Account, Role
from open311.commands.accounts import account
from open311.db import Database
from open311.settings import Settings

pytestmark = pytest.mark.anyio

Command = Callable[..., Awaitable[Result]]
PASSWORD = "correct horse battery"


@pytest.fixture
def command(settings: Settings) -> Command:
    """Call a command in a thread: commands have event loops of their own."""

    async def call(*words: str, typed: str = "") -> Result:
        runner = CliRunner()
        return await asyncio.to_thread(
            runner.invoke, account, words, input=typed, obj=lambda: nullcontext(settings)
        )

    return call


@pytest.fixture
def name() -> str:
    return f"{uuid.uuid4().hex[:12]}@city.test"


async def test_the_life_of_an_account(
    command: Command, database: Database, city: str, name: str
) -> None:
    words = ("create", name, "--jurisdiction", city, "--role", "analyst")
    told = await command(*words, typed=f"{PASSWORD}\n")
    assert told.exit_code == 0, told.output
    assert PASSWORD not in told.output
    of_city = ("--jurisdiction", city)
    assert (await command("grant", name, "field", *of_city)).exit_code == 0
    assert (await command("revoke", name, "analyst", *of_city)).exit_code == 0
    assert (await command("revoke", name, "analyst", *of_city)).exit_code == 1
    assert f"{name}\tactive\tfield@{city}\n" in (await command("list")).stdout
    before = (await staff.find(database, name)).account_id
    assert (await command("password", name, typed="another secret\n")).exit_code == 0
    assert (await command("disable", name)).stdout == f"{name} is disabled\n"
    assert f"{name}\tdisabled\t" in (await command("list")).stdout
    assert (await command("enable", name)).exit_code == 0
    assert (await staff.find(database, name)).account_id == before


async def test_a_token_is_shown_once(command: Command, database: Database, name: str) -> None:
    await staff.create(database, name, None)
    made = (await command("token", "create", name, "--label", "QGIS at home")).stdout.strip()
    assert await access_tokens.use(database, made)
    listed = (await command("token", "list", name)).stdout
    token_id, state, *_, label = listed.strip().split("\t")
    assert (state, label) == ("active", "QGIS at home")
    assert made not in listed
    assert (await command("token", "revoke", token_id)).exit_code == 0
    assert "\trevoked\t" in (await command("token", "list", name)).stdout
    assert await access_tokens.use(database, made) is None


async def test_uses_are_listed(command: Command, database: Database, city: str, name: str) -> None:
    made = await staff.create(database, name, None)
    using = Account(made.account_id, name, {city: frozenset({Role.ANALYST})}, "GET /maps")
    await audit.record(database, city, using, "staff-requests")
    listed = (await command("uses", "--jurisdiction", city)).stdout
    assert listed.splitlines()[0].split("\t")[1:3] == [name, "staff-requests"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("disable", "nobody@city.test"), "There is no account 'nobody@city.test'"),
        (("create", "a:b", "--no-password"), "A name has letters"),
        (("create", "x@city.test", "--role", "field"), "go together"),
        (("grant", "x@city.test", "king", "--jurisdiction", "x"), "king"),
        (("token", "revoke", "NONE"), "There is no token NONE"),
    ],
)
async def test_what_is_wrong_is_told(command: Command, words: tuple[str, ...], told: str) -> None:
    result = await command(*words)
    assert result.exit_code != 0
    assert told in result.output


def test_every_role_is_one_of_the_table() -> None:
    """The check constraint repeats them."""
    checks = [str(each.sqltext) for each in membership.constraints if hasattr(each, "sqltext")]
    assert checks == [f"role in ({', '.join(repr(str(role)) for role in Role)})"]
