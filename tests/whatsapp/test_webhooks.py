"""The provider's webhooks: what is signed is kept once, what is not is refused."""

from urllib.parse import urlencode

import httpx
import msgspec
import pytest
from sqlalchemy import text

from clients.whatsapp.signatures import is_signed
from open311 import inbox, outbox
from open311.app import create_app
from open311.db import Database
from open311.environment import from_environment
from open311.outbox import Said
from open311.settings import Settings, SettingsError
from tests.whatsapp.conftest import Post
from tests.whatsapp.messages import ACCOUNT, PUBLIC_URL, TOKEN, form, ours, sign

pytestmark = pytest.mark.anyio


async def count(database: Database, city: str, table: str) -> int:
    async with database.begin(city) as connection:
        found = await connection.execute(text(f"select count(*) from {table}"))
        return int(found.scalar_one())


async def test_a_message_is_kept_once_and_answered_with_an_empty_document(
    post: Post, database: Database, city: str
) -> None:
    fields = form(city, "amanzi awekho")
    for _ in range(3):
        answer = await post(fields)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/xml")
        assert answer.text.endswith("<Response/>")
    assert await count(database, city, "inbox") == 1
    assert await count(database, city, "task") == 1


async def test_nothing_that_a_person_wrote_can_be_read_in_the_table(
    post: Post, database: Database, city: str
) -> None:
    await post(form(city, "my secret"))
    async with database.begin(city) as connection:
        row = str((await connection.execute(text("select inbox::text from inbox"))).all())
        hidden = bytes((await connection.execute(text("select sealed from inbox"))).scalar_one())
    for told in ("secret", "825550101", "Thandi"):
        assert told not in row
        assert told.encode() not in hidden


@pytest.mark.parametrize(
    "spoiled",
    [{"Body": "other"}, {"From": "whatsapp:+27825550999"}, {"Extra": "1"}, {"NumMedia": ""}],
)
async def test_a_changed_form_is_refused(
    post: Post, database: Database, city: str, spoiled: dict[str, str]
) -> None:
    assert (await post(form(city, "water"), **spoiled)).status_code == 403
    assert await count(database, city, "inbox") == 0


async def test_unknown_and_empty_parameters_count_for_the_signature(post: Post, city: str) -> None:
    fields = form(city, " Line one\r\nline two ", Latitude="", NewThing="1")
    assert (await post(fields)).status_code == 200


@pytest.mark.parametrize("path", ["/whatsapp/inbound", "/whatsapp/status", "/sms/inbound"])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"MessageSid=SM1"),
        ({"X-Twilio-Signature": ""}, b"MessageSid=SM1"),
        ({"X-Twilio-Signature": "bm90IGl0"}, b"MessageSid=SM1"),
        ({"X-Twilio-Signature": "b\u00e9"}, b"MessageSid=SM1"),
        ({"X-Twilio-Signature": "bm90IGl0"}, b""),
        ({"X-Twilio-Signature": "bm90IGl0"}, b"\xff\xfe=%ff%fe"),
        ({"X-Twilio-Signature": "bm90IGl0", "Content-Type": "application/json"}, b"{}"),
        (
            {
                "X-Twilio-Signature": "bm90IGl0",
                "X-Twilio-Webhooks-Signature-Settings": "key=1,algorithm=NONE",
            },
            b"MessageSid=SM1",
        ),
        ({"X-Twilio-Signature": "bm90IGl0"}, b"a=" + b"b" * 300_000),
    ],
)
async def test_what_is_not_signed_is_forbidden(
    hooks: httpx.AsyncClient, path: str, headers: dict[str, str], body: bytes
) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = await hooks.post(path, content=body, headers=encoded)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "changed",
    [
        {"MessageSid": "", "SmsMessageSid": ""},
        {"MessageSid": "SM'; drop"},
        {"To": "whatsapp:+27999"},
        {"To": "+27105550100"},
        {"From": ""},
        {"From": "whatsapp:abc"},
        {"AccountSid": "AC" + "1" * 32},
    ],
)
async def test_a_signed_form_that_is_no_message_of_ours_is_forbidden(
    post: Post, city: str, changed: dict[str, str]
) -> None:
    assert (await post(form(city, "water") | changed)).status_code == 403


async def test_a_number_of_a_city_that_is_not_there_takes_nothing(messaging: Settings) -> None:
    number = "+27105559999"
    settings = msgspec.structs.replace(
        messaging, whatsapp_numbers=(f"whatsapp:{number}=nowhere.test",)
    )
    app = create_app(settings)
    fields = form("000000000000.test", "water") | {"To": f"whatsapp:{number}"}
    async with app.lifespan():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            headers = sign("/whatsapp/inbound", fields)
            body = urlencode(fields)
            answer = await client.post("/whatsapp/inbound", content=body, headers=headers)
    assert answer.status_code == 403


async def test_the_newer_signature(hooks: httpx.AsyncClient, city: str) -> None:
    fields = form(city, "water")
    headers = sign("/whatsapp/inbound", fields, "HMAC_SHA256")
    sent = await hooks.post("/whatsapp/inbound", content=urlencode(fields), headers=headers)
    assert sent.status_code == 200
    headers["X-Twilio-Webhooks-Signature-Settings"] = "key=k1,algorithm=HMAC_SHA1"
    sent = await hooks.post("/whatsapp/inbound", content=urlencode(fields), headers=headers)
    assert sent.status_code == 403


def test_the_signature_of_the_documentation() -> None:
    """The provider's own example (Twilio: "Validating requests")."""
    settings = Settings(public_url="https://example.com", twilio_auth_token="12345")
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675310",
        "To": "+18005551212",
        "Caller": "+14158675310",
    }
    known = "L/OH5YylLD5NRKLltdqwSvS0BnU="
    target = "/myapp.php?foo=1&bar=2"
    body = urlencode(fields).encode()
    assert is_signed(settings, target, body, known, None)
    assert not is_signed(settings, "/myapp.php?bar=2&foo=1", body, known, None)
    assert not is_signed(settings, target, body + b"&Digits=1", known, None)
    untold = msgspec.structs.replace(settings, twilio_auth_token="")
    assert not is_signed(untold, target, body, known, None)


async def test_without_an_account_nothing_is_taken(settings: Settings, city: str) -> None:
    app = create_app(settings)
    async with app.lifespan():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            fields = form(city, "water")
            answer = await client.post(
                "/whatsapp/inbound",
                content=urlencode(fields),
                headers=sign("/whatsapp/inbound", fields),
            )
    assert answer.status_code == 403


@pytest.mark.parametrize("name", ["WHATSAPP_NUMBERS", "SMS_NUMBERS"])
def test_numbers_without_a_token_stop_the_start(name: str) -> None:
    with pytest.raises(SettingsError, match="TWILIO_AUTH_TOKEN"):
        from_environment({name: "whatsapp:+27105550100=capetown.gov.za"})
    with pytest.raises(SettingsError, match="number=jurisdiction"):
        from_environment(
            {name: "+27105550100", "TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN}
        )


@pytest.mark.parametrize(
    ("states", "end"),
    [
        (["sent", "delivered", "read"], "read"),
        (["read", "delivered", "sent"], "read"),
        (["delivered", "queued", "sent"], "delivered"),
        (["failed", "sent"], "failed"),
        (["delivered", "failed"], "delivered"),
        (["undelivered"], "failed"),
    ],
)
async def test_states_come_in_any_order(
    post: Post,
    database: Database,
    messaging: Settings,
    city: str,
    states: list[str],
    end: str,
) -> None:
    await inbox.keep(database, messaging, city, "C1", "whatsapp", ("M1", b""))
    async with database.begin(city) as connection:
        said = Said("Hello", "en")
        await outbox.put(connection, messaging, city, "C1", "O1", "hello", said)
    for state in states:
        fields = {"MessageSid": "SM" + "1" * 32, "MessageStatus": state, "AccountSid": ACCOUNT}
        fields |= {"From": f"whatsapp:{ours(city)}", "To": "whatsapp:+27825550101"}
        assert (await post(fields, "/whatsapp/status?id=O1")).status_code == 200
    async with database.begin(city) as connection:
        found = await connection.execute(text("select state, provider_id from outbound"))
        assert found.all() == [(end, "SM" + "1" * 32)]
