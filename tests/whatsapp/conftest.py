"""A city with numbers of its own, and calls as the message provider signs and sends them."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import pytest

from open311 import connections, db
from open311.app import create_app
from open311.settings import Settings
from open311.worker import handlers
from tests.conftest import run_sql
from tests.whatsapp import provider as provider_of_ours
from tests.whatsapp.citizens import World
from tests.whatsapp.messages import ACCOUNT, PUBLIC_URL, TOKEN, ours, sign
from tests.whatsapp.provider import Provider

Post = Callable[..., Any]


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


@pytest.fixture
def provider() -> Iterator[Provider]:
    """The message provider."""
    with provider_of_ours.serving(ACCOUNT, TOKEN) as made:
        yield made


@pytest.fixture
async def world(messaging: Settings, provider: Provider, city: str) -> AsyncIterator[World]:
    """The whole: server and worker with the provider between them and a citizen."""
    settings = msgspec.structs.replace(messaging, twilio_api_url=provider.url)
    # thousands of tasks that other tests left were due before the city's
    await run_sql(db.owner_url(settings), "delete from task")
    app = create_app(settings)
    context = connections.open_context(settings)
    async with app.lifespan():
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as hooks:
            yield World(hooks, context, handlers(context), provider, city)
    await connections.close_context(context)
