"""A city with numbers of its own, and calls as the message provider signs and sends them."""

import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import pytest
from twilio.request_validator import RequestValidator

from open311.app import create_app
from open311.settings import Settings

ACCOUNT, TOKEN = "AC" + "0" * 32, "a token of the tests"
PUBLIC_URL = "https://reports.example.org"
CITIZEN = "+27825550101"

Post = Callable[..., Any]


def ours(city: str) -> str:
    """The number of a test's city."""
    return "+2710" + str(int(city[:12], 16) % 10_000_000).zfill(7)


def form(city: str, text: str = "", sender: str = CITIZEN, **more: str) -> dict[str, str]:
    """What the provider sends of a message."""
    sid = "SM" + secrets.token_hex(16)
    named = {"MessageSid": sid, "SmsMessageSid": sid, "AccountSid": ACCOUNT}
    addresses = {"From": f"whatsapp:{sender}", "To": f"whatsapp:{ours(city)}"}
    rest = {"Body": text, "NumMedia": "0", "SmsStatus": "received", "ProfileName": "Thandi"}
    return named | addresses | rest | {"WaId": sender.lstrip("+")} | more


def sign(path: str, fields: dict[str, str], algorithm: str | None = None) -> dict[str, str]:
    """The headers with which the provider signs a form."""
    url = f"{PUBLIC_URL}{path}"
    signature = RequestValidator(TOKEN).compute_signature(url, fields, algorithm)
    how = {"X-Twilio-Webhooks-Signature-Settings": f"key=k1,algorithm={algorithm}"}
    headers = {"X-Twilio-Signature": signature}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return headers | (how if algorithm else {})


@pytest.fixture
def messaging(settings: Settings, city: str) -> Settings:
    """Settings with which the test's city has a number."""
    return msgspec.structs.replace(
        settings,
        public_url=PUBLIC_URL,
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        whatsapp_numbers=(f"whatsapp:{ours(city)}={city}",),
        sms_numbers=(f"{ours(city)}={city}",),
    )


@pytest.fixture
async def hooks(messaging: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The server, as the provider calls it."""
    app = create_app(messaging)
    async with app.lifespan():
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as made:
            yield made


@pytest.fixture
def post(hooks: httpx.AsyncClient) -> Post:
    """Send a signed form; it can be spoiled after the signing."""

    async def send(
        fields: dict[str, str], path: str = "/whatsapp/inbound", **spoiled: str
    ) -> httpx.Response:
        body = urlencode(fields | spoiled)
        return await hooks.post(path, content=body, headers=sign(path, fields))

    return send
