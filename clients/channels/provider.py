"""The message provider's API by its own client, in threads; at rest while the provider is down."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import requests
from msgspec import Struct
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from open311.breaker import Breaker
from open311.errors import BadInput
from open311.pictures import Upload
from open311.settings import Settings

T = TypeVar("T")
_SECONDS = 10.0
_FAILURES = 5
_REST_SECONDS = 15.0
_MOST_HOPS = 3


class Unreachable(Exception):
    """The provider cannot be reached, or wants to be asked later; `seconds` says when, if told."""

    def __init__(self, seconds: float | None = None, *, is_unknown: bool = False) -> None:
        super().__init__()
        self.seconds = seconds
        self.is_unknown = is_unknown
        """Whether it may have done what it was asked."""


class Declined(Exception):
    """The provider will not do it, now or later; the code is one of its dictionary of errors."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class Sent(Struct, frozen=True):
    """A message that the provider has."""

    sid: str
    sender: str
    body: str
    created_at: datetime | None


class _Elsewhere(TwilioHttpClient):  # type: ignore[misc]
    """The library's transport, to the address of the settings instead of the one it builds."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=_SECONDS)
        self._address = base.rstrip("/")

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return super().request(method, f"{self._address}{parts.path}{query}", *args, **kwargs)


class Provider:
    """The account. After some failures in a row it is left alone for a while."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._account = (settings.twilio_account_sid, settings.twilio_auth_token)
        self._client: Client | None = None
        self._breaker = Breaker(_FAILURES, _REST_SECONDS)
        self._next = 0.0

    async def send(self, parameters: dict[str, str]) -> str:
        """Send a message, no faster than the settings say; the provider's id of it.

        Raises Unreachable or Declined.
        """
        await self._pace()
        message = await self._call(lambda client: client.messages.create(**parameters))
        return str(message.sid)

    async def find(self, parameters: dict[str, str], since: datetime) -> str | None:
        """The id of a message that was sent like this, when it is not known whether it was."""
        listing = {"to": parameters["to"], "from_": parameters["from_"], "date_sent_after": since}
        found = await self._call(lambda client: client.messages.list(**listing, limit=50))
        bodies = (message for message in found if message.body == parameters.get("body"))
        return next((str(message.sid) for message in bodies), None)

    async def received(self, number: str, since: datetime, most: int) -> list[Any]:
        """The messages to an address of ours, as the library has them."""
        listing = {"to": number, "date_sent_after": since, "limit": most}
        found: list[Any] = await self._call(lambda client: client.messages.list(**listing))
        return found

    async def media_of(self, sid: str) -> list[Any]:
        """What is attached to a message, as the library has it."""
        found: list[Any] = await self._call(lambda client: client.messages(sid).media.list())
        return found

    async def erase(self, sid: str) -> None:
        """Delete a message and its media there; what is gone already is well."""
        try:
            for media in await self.media_of(sid):
                await self._call(partial(_delete_media, sid=sid, media=media.sid))
            await self._call(lambda client: client.messages(sid).delete())
        except Declined as declined:
            if declined.code not in (20404, 404):
                raise

    async def _call(self, work: Callable[[Client], T]) -> T:
        if resting := self._breaker.rest():
            raise Unreachable(resting)
        try:
            done = await asyncio.to_thread(self._work, work)
        except (requests.RequestException, OSError) as error:
            self._breaker.failed()
            # what was never connected was never done
            raise Unreachable(
                is_unknown=not isinstance(error, requests.ConnectTimeout | ConnectionRefusedError)
            ) from error
        except TwilioRestException as error:
            raise self._translate(error) from error
        self._breaker.worked()
        return done

    def _work(self, work: Callable[[Client], T]) -> T:
        if self._client is None:
            transport = _Elsewhere(self._settings.twilio_api_url)
            self._client = Client(*self._account, http_client=transport)
        return work(self._client)

    def _translate(self, error: TwilioRestException) -> Exception:
        if error.status == 429 or error.status >= 500:
            self._breaker.failed()
            return Unreachable(is_unknown=error.status >= 500)
        self._breaker.worked()
        return Declined(error.code or error.status)

    async def _pace(self) -> None:
        """Wait for one's turn: so many messages a second and no more."""
        now = time.monotonic()
        turn = max(now, self._next)
        self._next = turn + 1 / self._settings.messages_per_second
        if turn > now:
            await asyncio.sleep(turn - now)

    async def fetch(self, url: str) -> Upload:
        """Read what is attached to a message: from the provider's host and where it leads.

        The account's name and token go to that host alone. Raises BadInput for another host or
        what is too large or gone, Unreachable when trying again may help.
        """
        ours = urlsplit(self._settings.twilio_api_url)
        asked = urlsplit(url)
        official = asked.scheme == "https" and asked.netloc == "api.twilio.com"
        if (asked.scheme, asked.netloc) != (ours.scheme, ours.netloc) and not official:
            raise BadInput("That is not at the message provider's.")
        path = f"{asked.path}?{asked.query}" if asked.query else asked.path
        target = f"{ours.scheme}://{ours.netloc}{path}"
        try:
            return await self._fetch(target, ours.netloc)
        except httpx.TransportError as error:
            raise Unreachable from error

    async def _fetch(self, url: str, host: str) -> Upload:
        # the provider says where its media lie, and never that they lie open
        allowed = {"https", urlsplit(url).scheme}
        async with httpx.AsyncClient(timeout=_SECONDS * 2, trust_env=False) as client:
            for _ in range(_MOST_HOPS):
                parts = urlsplit(url)
                auth = httpx.BasicAuth(*self._account) if parts.netloc == host else None
                if parts.scheme not in allowed:
                    raise BadInput("The photo's address leads elsewhere.")
                async with client.stream("GET", url, auth=auth) as answer:
                    if not answer.is_redirect:
                        return Upload("photo", await self._read(answer))
                    url = str(httpx.URL(url).join(answer.headers.get("location", "")))
        raise BadInput("The photo's address leads in circles.")

    async def _read(self, answer: httpx.Response) -> bytes:
        if answer.status_code >= 500 or answer.status_code in (404, 429):
            raise Unreachable  # new media are not there at once
        if not answer.is_success:
            raise BadInput("The photo is not to be had.")
        content = bytearray()
        async for piece in answer.aiter_raw():
            content += piece
            if len(content) > self._settings.max_upload_bytes:
                raise BadInput("The photo is too large.")
        return bytes(content)


def _delete_media(client: Client, sid: str, media: str) -> None:
    client.messages(sid).media(media).delete()
