"""Rate limits: fixed windows counted in Redis, exact under concurrency, open while it is away."""

import ipaddress
import re
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from litestar import Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec import Struct
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from open311 import absence, responses
from open311.context import Context
from open311.errors import TooMany
from open311.keys import ApiKey
from open311.settings import Settings

_OPEN = Counter("open311_rate_limit_open_total", "Calls let through because Redis was away")
# Some proxies write the port too: 203.0.113.9:4711, [2001:db8::1]:4711.
_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")
_WATCHING = ("/health/live", "/health/ready", "/metrics")
_READING = ("GET", "HEAD")

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Address(Struct, frozen=True):
    """Where a call comes from: what to count it under, and whether it is counted at all."""

    bucket: str
    exempt: bool


class Window:
    """What one process counts by itself, for limits that must not be open without Redis.

    A class: the counters of the current window.
    """

    def __init__(self) -> None:
        self._number = 0
        self._counters: dict[str, int] = {}

    def count(self, changes: Mapping[str, int], number: int) -> int:
        """Change counters; what the first then stands at."""
        if number != self._number:
            self._number, self._counters = number, {}
        for bucket, change in changes.items():
            self._counters[bucket] = self._counters.get(bucket, 0) + change
        return self._counters[next(iter(changes))]


async def spend(
    redis: Redis,
    settings: Settings,
    bucket: str,
    limit: int,
    back: str | None = None,
    meanwhile: Window | None = None,
) -> None:
    """Count one call in the current window, and give one back to another bucket.

    Without Redis the limit is open, unless it is counted here `meanwhile`. Raises TooMany when the
    bucket is used up.
    """
    window, now = settings.rate_window_seconds, time.time()
    changes = {bucket: 1, back: -1} if back else {bucket: 1}
    if await _change(redis, window, now, changes, meanwhile) > limit:
        wait = int(window - now % window) + 1
        raise TooMany(f"More than {limit} calls in {window} seconds. Wait {wait} s.", wait)


async def give_back(
    redis: Redis, settings: Settings, buckets: Sequence[str], meanwhile: Window
) -> None:
    """Take calls back that were counted and are to be free."""
    if buckets:
        changes = dict.fromkeys(buckets, -1)
        await _change(redis, settings.rate_window_seconds, time.time(), changes, meanwhile)


async def _change(
    redis: Redis, window: int, now: float, changes: Mapping[str, int], meanwhile: Window | None
) -> int:
    """Change counters, here while Redis is away; what the first then stands at."""
    number = int(now // window)
    try:
        if not absence.is_away(redis):
            return await _count(redis, changes, number, window)
    except (RedisError, OSError, TimeoutError) as error:
        absence.note(redis, error)
    if meanwhile is not None:
        return meanwhile.count(changes, number)
    _OPEN.inc()
    return 0


async def _count(redis: Redis, changes: Mapping[str, int], number: int, window: int) -> int:
    """Change the counters of a window, all at once; what the first then stands at."""
    async with redis.pipeline(transaction=True) as pipeline:
        for bucket, change in changes.items():
            name = f"rate:{bucket}:{number}"
            pipeline.incrby(name, change)
            pipeline.expire(name, window)
        return int((await pipeline.execute())[0])


async def spend_key(redis: Redis, settings: Settings, key: ApiKey, address: Address) -> None:
    """Count one call of a key by its class, and no longer by the address that it came from.

    The demo's is free from exempt networks.
    """
    if key.rate_class == "demo" and address.exempt:
        return
    limit = settings.rate_high if key.rate_class == "high" else settings.rate_standard
    back = None if address.exempt else _writing(address)
    await spend(redis, settings, f"key:{key.key_id}", limit, back)


async def spend_address(
    redis: Redis, settings: Settings, address: Address, *, kind: str = "reading"
) -> None:
    """Count one call by where it comes from and its kind; exempt networks are free.

    Each kind ("reading", "writing", "maps") is counted apart: a city's gateway that has read too
    much can still report, and a map that somebody moves about asks for hundreds of tiles.
    """
    if not address.exempt:
        limit = settings.rate_maps if kind == "maps" else settings.rate_address
        await spend(redis, settings, f"{address.bucket}:{kind}", limit)


def _writing(address: Address) -> str:
    return f"{address.bucket}:writing"


def address(scope: Scope, settings: Settings) -> Address:
    """The client's address: the connection's, or what the nearest trusted proxies say it was.

    Only hops that a trusted proxy wrote count, from the right; anything else can be made up.
    IPv6 clients count by their /64, which is one household's.
    """
    client = scope.get("client")
    hop = _ip(client[0]) if client else None
    forwarded = _forwarded(scope)
    trusted = _networks(settings.trusted_proxies)
    for text in reversed(forwarded):
        before = _ip(text)
        if hop is None or before is None or not _in_any(hop, trusted):
            break
        hop = before
    exempt = not forwarded and hop is not None and _in_any(hop, _networks(settings.rate_exempt))
    return Address(_bucket(hop), exempt)


def _forwarded(scope: Scope) -> list[str]:
    headers = scope["headers"]
    values = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _ip(text: str) -> Ip | None:
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2]
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


@lru_cache(maxsize=16)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def _in_any(ip: Ip, networks: tuple[Network, ...]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)


def _bucket(ip: Ip | None) -> str:
    if ip is None:
        return "address:unknown"
    bits = 64 if ip.version == 6 else 32
    return f"address:{ipaddress.ip_network((ip, bits), strict=False).network_address}"


def limit(app: ASGIApp, context: Context, headers: Mapping[str, str]) -> ASGIApp:
    """Count each call by its address, before its body is read and before it is known what it asks.

    A POST is given back once its key is accepted. `headers` let a page elsewhere read the refusal.
    """

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and _is_counted(scope):
            who = address(scope, context.settings)
            try:
                await spend_address(context.redis, context.settings, who, kind=_kind(scope))
            except TooMany as problem:
                request: Request[Any, Any, Any] = Request(scope, receive, send)
                answer = responses.tell_problem(request, problem)
                answer.headers.update(headers)
                return await answer.to_asgi_response(None, request)(scope, receive, send)
        return await app(scope, receive, send)

    return call


def _kind(scope: HTTPScope) -> str:
    if scope["method"] not in _READING:
        return "writing"
    return "maps" if scope["path"].startswith("/maps/") else "reading"


def _is_counted(scope: HTTPScope) -> bool:
    """Not who watches the server, and not what browsers ask before they call."""
    return scope["path"] not in _WATCHING and scope["method"] != "OPTIONS"
