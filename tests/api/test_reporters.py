"""Personal data: sealed, found by keyed hashes, forgotten for good."""

import asyncio
from contextlib import nullcontext
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from cryptography.fernet import InvalidToken
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from open311 import db, reporters
from open311.commands.reporters import reporter
from open311.db import Database
from open311.errors import BadInput
from open311.reporters import Contact
from open311.settings import Settings

pytestmark = pytest.mark.anyio

THANDI = Contact(
    email="Thandi.Mokoena@example.org",
    phone="+27 82 555 0199",
    first_name="Thandi",
    last_name="Mokoena",
    device_id="device-4711",
    account_id="account-0815",
)


async def keep(database: Database, settings: Settings, city: str, contact: Contact = THANDI) -> str:
    async with database.begin(city) as connection:
        reporter_id = await reporters.store(connection, settings, city, contact)
    assert reporter_id
    return reporter_id


async def unseal(
    database: Database, settings: Settings, city: str, reporter_id: str
) -> Contact | None:
    async with database.begin(city) as connection:
        return await reporters.unseal(connection, settings, city, reporter_id)


async def find(database: Database, settings: Settings, city: str, **known: str) -> list[str]:
    async with database.begin(city) as connection:
        return await reporters.find_by(connection, settings, city, Contact(**known))


async def whole_database(settings: Settings, city: str) -> str:
    """Every row of a jurisdiction in every table as text, as a stolen backup would show it."""
    tables = text("""
    select c.table_name from information_schema.columns c join information_schema.tables t
        using (table_schema, table_name)
    where c.column_name = 'jurisdiction_id' and c.table_schema = 'public'
        and t.table_type = 'BASE TABLE'
    """)
    engine = create_async_engine(db.owner_url(settings), poolclass=NullPool)
    texts: list[str] = []
    async with engine.connect() as connection:
        for table in (await connection.execute(tables)).scalars():
            rows = text(f"select t::text from {table} t where jurisdiction_id = :city")
            texts += (await connection.execute(rows, {"city": city})).scalars()
    await engine.dispose()
    return "\n".join(texts)


async def test_what_is_kept_opens_again(database: Database, settings: Settings, city: str) -> None:
    reporter_id = await keep(database, settings, city)
    assert await unseal(database, settings, city, reporter_id) == THANDI
    assert await unseal(database, settings, city, "NONE") is None


async def test_nothing_is_kept_of_nobody(database: Database, settings: Settings, city: str) -> None:
    async with database.begin(city) as connection:
        assert await reporters.store(connection, settings, city, Contact()) is None
        assert (await connection.execute(text("select count(*) from reporter"))).scalar() == 0


async def test_no_row_anywhere_says_who_reported(
    client: httpx.AsyncClient, settings: Settings, city: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The whole way in, and the tables searched as whoever steals them would."""
    caplog.set_level("DEBUG")
    contact: dict[str, str] = msgspec.to_builtins(THANDI)
    report = {
        "api_key": f"key-{city}",
        "service_code": "POTHOLE",
        "lat": "-33.92",
        "long": "18.65",
        **contact,
    }
    headers = {"Idempotency-Key": "once"}
    answer = await client.post("/requests.json", data=report, headers=headers)
    assert answer.status_code == 200, answer.text
    update = {
        "api_key": f"key-{city}",
        "service_request_id": answer.json()[0]["service_request_id"],
        "update_id": "1",
        "status": "OPEN",
        "description": "Still there",
        **contact,
    }
    answer = await client.post("/servicerequestupdates.json", data=update)
    assert answer.status_code == 200, answer.text
    stored = (await whole_database(settings, city)).casefold()
    assert stored.count("pothole") >= 2
    logged = caplog.text.casefold()
    for value in contact.values():
        for written in (value, value.encode().hex()):
            assert written.casefold() not in stored
            assert written.casefold() not in logged


async def test_the_same_person_twice_does_not_look_the_same_when_sealed(
    database: Database, settings: Settings, city: str
) -> None:
    await keep(database, settings, city)
    await keep(database, settings, city)
    async with database.begin(city) as connection:
        sealed = (await connection.execute(text("select sealed from reporter"))).scalars().all()
    assert len(set(sealed)) == 2


@pytest.mark.parametrize(
    "known",
    [
        {"email": "thandi.mokoena@EXAMPLE.org "},
        {"phone": "+27825550199"},
        {"phone": "+27 (82) 555-0199"},
        {"email": "somebody@else.org", "phone": "+27 82 555 0199"},
    ],
)
async def test_people_are_found_however_they_write_it(
    database: Database, settings: Settings, city: str, known: dict[str, str]
) -> None:
    reporter_id = await keep(database, settings, city)
    assert await find(database, settings, city, **known) == [reporter_id]


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"email": "thandi@example.org"},
        {"phone": "+27 82 555 0198"},
        {"email": "+27825550199"},
        {"first_name": "Thandi", "last_name": "Mokoena"},
    ],
)
async def test_nobody_is_found_by_less(
    database: Database, settings: Settings, city: str, known: dict[str, str]
) -> None:
    await keep(database, settings, city)
    await keep(database, settings, city, Contact(first_name="Nobody"))
    assert await find(database, settings, city, **known) == []


async def test_hashes_tell_nothing_across_jurisdictions(
    database: Database, settings: Settings, city: str, other_city: str
) -> None:
    """The same phone in two cities has two hashes, so their rows cannot be matched."""
    hashes: set[bytes] = set()
    for each in (city, other_city):
        await keep(database, settings, each)
        async with database.begin(each) as connection:
            rows = await connection.execute(text("select email_hash, phone_hash from reporter"))
            hashes.update(rows.one())
    assert len(hashes) == 4


@pytest.fixture
async def other_city(database: Database, city: str) -> str:
    """A second jurisdiction, without services."""
    other = f"other-{city}"
    insert = text("""
    insert into jurisdiction (jurisdiction_id, name, time_zone)
    values (:jurisdiction_id, 'Otherville', 'Africa/Johannesburg')
    """)
    async with database.shared() as connection:
        await connection.execute(insert, {"jurisdiction_id": other})
    return other


async def test_what_was_sealed_with_an_older_secret_opens(
    database: Database, settings: Settings, city: str
) -> None:
    old = await keep(database, settings, city)
    newer = "newer-secret-newer-secret-newer-secret"
    rotated = msgspec.structs.replace(settings, secret_keys=(newer, *settings.secret_keys))
    assert await unseal(database, rotated, city, old) == THANDI
    new = await keep(database, rotated, city)
    assert await unseal(database, rotated, city, new) == THANDI
    assert await find(database, rotated, city, phone=str(THANDI.phone)) == [old, new]
    only_old = settings
    with pytest.raises(InvalidToken):
        await unseal(database, only_old, city, new)


async def test_who_is_forgotten_is_gone_for_good(
    database: Database, settings: Settings, city: str
) -> None:
    reporter_id = await keep(database, settings, city)
    assert await reporters.erase(database, city, reporter_id, "staff:1")
    assert await unseal(database, settings, city, reporter_id) is None
    assert await find(database, settings, city, phone=str(THANDI.phone)) == []
    async with database.begin(city) as connection:
        row = (await connection.execute(text("select * from reporter"))).mappings().one()
        events = await connection.execute(text("select * from event order by id"))
        event = events.mappings().all()[-1]
    assert row["erased_at"] is not None
    left = {name for name, value in row.items() if value is not None}
    assert left == {"jurisdiction_id", "reporter_id", "created_at", "erased_at"}
    assert (event["kind"], event["subject"]) == ("reporter.erased", reporter_id)
    assert (event["actor"], event["before"], event["after"]) == ("staff:1", None, None)
    assert not await reporters.erase(database, city, reporter_id, "staff:1")


async def test_forgetting_a_person_leaves_the_report(
    client: httpx.AsyncClient, database: Database, city: str
) -> None:
    place = {"lat": "-33.92", "long": "18.65"}
    report = {"api_key": f"key-{city}", "service_code": "POTHOLE", **place, "email": "a@b.example"}
    filed = await client.post("/requests.json", data=report)
    async with database.begin(city) as connection:
        found = await connection.execute(text("select reporter_id from service_request"))
        reporter_id = found.scalar_one()
    assert await reporters.erase(database, city, reporter_id, "staff:1")
    path = f"/requests/{filed.json()[0]['service_request_id']}.json"
    assert (await client.get(path)).status_code == 200


async def test_another_jurisdiction_sees_nobody(
    database: Database, settings: Settings, city: str, other_city: str
) -> None:
    reporter_id = await keep(database, settings, city)
    assert await find(database, settings, other_city, phone=str(THANDI.phone)) == []
    assert await unseal(database, settings, other_city, reporter_id) is None
    assert not await reporters.erase(database, other_city, reporter_id, "staff:1")
    async with database.begin(other_city) as connection:
        # not even for a caller that names the other one
        assert await reporters.unseal(connection, settings, city, reporter_id) is None
        named = Contact(phone=THANDI.phone)
        assert await reporters.find_by(connection, settings, city, named) == []
    assert await unseal(database, settings, city, reporter_id) == THANDI


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"email": "thandi.example.org"}, "email"),
        ({"email": "x" * 250 + "@x.za"}, "email"),
        ({"phone": "0" * 255}, "phone"),
        ({"first_name": "Than\x00di"}, "first_name"),
        ({"last_name": "Mokoena\r\nBcc: all@example.org"}, "last_name"),
        ({"device_id": "\x1b[31m"}, "device_id"),
        ({"account_id": "a\x7f"}, "account_id"),
    ],
)
def test_what_cannot_be_right_is_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(BadInput, match=f"^{named}"):
        reporters.read_contact({name: [value] for name, value in given.items()})


def test_names_are_not_judged() -> None:
    """Of names, numbers and addresses only what breaks things is refused."""
    given: dict[str, Any] = {
        "email": "  o'hara+311@münchen.example ",
        "phone": "call the office",
        "first_name": "Nguyễn-Đặng",
        "last_name": "-",
    }
    contact = reporters.read_contact({name: ["earlier", value] for name, value in given.items()})
    assert contact.email == "o'hara+311@münchen.example"
    assert contact.phone == "call the office"
    assert (contact.first_name, contact.last_name) == ("Nguyễn-Đặng", "-")
    assert reporters.read_contact({"description": ["no contact"]}) == Contact()


async def test_a_person_is_forgotten_by_command(
    settings: Settings, database: Database, city: str
) -> None:
    async with database.begin(city) as connection:
        thandi = Contact(email="thandi@example.org", phone="+27 82 123 4567")
        known = await reporters.store(connection, settings, city, thandi)
    words = ["erase", "--jurisdiction", city, "--email", "THANDI@example.org"]

    def erase() -> str:
        return CliRunner().invoke(reporter, words, obj=lambda: nullcontext(settings)).output

    assert await asyncio.to_thread(erase) == "1 entries erased\n"
    assert await asyncio.to_thread(erase) == "0 entries erased\n"
    async with database.begin(city) as connection:
        assert await reporters.unseal(connection, settings, city, str(known)) is None
