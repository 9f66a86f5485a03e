"""Ask a language model by the API that most servers of them speak: OpenAI's chat completions."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime

import httpx
import msgspec
from msgspec import Struct
from prometheus_client import Histogram

from open311.breaker import Breaker
from open311.settings import Settings

_FAILURES = 5
_REST_SECONDS = 60.0
_LONGEST_PAUSE = 30.0
_LONGEST_WAIT = 3600.0
_MOST_BYTES = 1_000_000
_SECONDS = Histogram(
    "open311_model_seconds",
    "Calls of the language model's endpoint, by how they ended",
    ["end"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40),
)


class Unavailable(Exception):
    """It does not answer, or wants to be asked later: after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Refused(Exception):
    """It does not accept the call, such as the key or the model's name; says the status."""


class Useless(Exception):
    """It answered, and the answer cannot be read."""


class Message(Struct, frozen=True):
    """What is said to a model: by the `system` or by a `user`."""

    role: str
    content: str


class _Said(Struct, frozen=True):
    content: str


class _Choice(Struct, frozen=True):
    message: _Said


class _Completion(Struct, frozen=True):
    choices: list[_Choice]


class Endpoint:
    """The endpoint of the settings. After some failures in a row it is left alone for a while."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._breaker = Breaker(_FAILURES, _REST_SECONDS)

    async def complete(
        self, messages: tuple[Message, ...], may_call: Callable[[], Awaitable[None]]
    ) -> str:
        """What the model says. `may_call` is awaited before each call, and may raise to forbid it.

        Raises Unavailable after some tries, Refused, or Useless.
        """
        left = self._settings.model_retries
        while True:
            if resting := self._breaker.rest():
                raise Unavailable(resting)
            await may_call()
            try:
                return await self._measure(messages)
            except Unavailable as error:
                if not left or error.seconds > _LONGEST_PAUSE:
                    raise
                pause = 2.0 ** (self._settings.model_retries - left) * random.uniform(0.5, 1.0)  # noqa: S311
                await asyncio.sleep(min(_LONGEST_PAUSE, max(error.seconds, pause)))
                left -= 1

    async def _measure(self, messages: tuple[Message, ...]) -> str:
        started, end = time.monotonic(), "answered"
        try:
            said = await self._call(messages)
        except (Unavailable, Refused, Useless) as error:
            end = type(error).__name__.lower()
            raise
        else:
            return said
        finally:
            _SECONDS.labels(end).observe(time.monotonic() - started)

    async def _call(self, messages: tuple[Message, ...]) -> str:
        try:
            async with asyncio.timeout(self._settings.model_seconds):
                status, after, body = await self._post(messages)
        except (TimeoutError, httpx.HTTPError) as error:
            self._breaker.failed()
            raise Unavailable(0.0) from error
        if status == 429 or status >= 500:
            self._breaker.failed()
            raise Unavailable(_seconds(after))
        if status != 200:
            self._breaker.failed()
            raise Refused(str(status))
        self._breaker.worked()
        try:
            return msgspec.json.decode(body, type=_Completion).choices[0].message.content
        except (msgspec.MsgspecError, UnicodeDecodeError, IndexError) as error:
            raise Useless from error

    async def _post(self, messages: tuple[Message, ...]) -> tuple[int, str, bytes]:
        """Status, `Retry-After` and body; redirects are not followed, for the key goes along."""
        settings = self._settings
        url = f"{settings.model_url.rstrip('/')}/chat/completions"
        asked = {
            "model": settings.model_name,
            "messages": msgspec.to_builtins(messages),
            "temperature": 0,
        }
        headers = {"Authorization": f"Bearer {settings.model_key}"} if settings.model_key else {}
        body = bytearray()
        async with (
            httpx.AsyncClient(timeout=settings.model_seconds, trust_env=False) as client,
            client.stream("POST", url, json=asked, headers=headers) as answer,
        ):
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise Useless
        return answer.status_code, answer.headers.get("retry-after", ""), bytes(body)


def _seconds(after: str) -> float:
    """`Retry-After` in seconds, which may be a date (RFC 9110, 10.2.3); 0 when it says nothing."""
    try:
        return min(_LONGEST_WAIT, max(0.0, float(after))) if after else 0.0
    except ValueError:
        pass
    try:
        seconds = parsedate_to_datetime(after).timestamp() - time.time()
    except ValueError:
        return 0.0
    return min(_LONGEST_WAIT, max(0.0, seconds))
