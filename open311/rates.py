"""Rate limits: fixed windows counted in Redis, exact under concurrency, open while it is away."""

import ipaddress
import re
import time
from functools import lru_cache

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from open311 import absence
from open311.context import Context
from open311.errors import TooMany
from open311.keys import ApiKey
from open311.settings import Settings

_OPEN = Counter("open311_rate_limit_open_total", "Calls let through because Redis was away")
# Some proxies write the port too: 203.0.113.9:4711, [2001:db8::1]:4711.
_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Address(Struct, frozen=True):
    """Where a call comes from: what to count it under, and whether it is counted at all."""

    bucket: str
    exempt: bool


async def spend(redis: Redis, settings: Settings, bucket: str, limit: int) -> None:
    """Count one call in the current window. Raises TooMany when the bucket is used up."""
    if absence.is_away(redis):
        _OPEN.inc()
        return
    window = settings.rate_window_seconds
    now = time.time()
    name = f"rate:{bucket}:{int(now // window)}"
    try:
        async with redis.pipeline(transaction=True) as pipeline:
            pipeline.incr(name)
            pipeline.expire(name, window)
            used, _ = await pipeline.execute()
    except (RedisError, OSError, TimeoutError) as error:
        _OPEN.inc()
        absence.note(redis, error)
        return
    if used > limit:
        wait = int(window - now % window) + 1
        raise TooMany(f"More than {limit} calls in {window} seconds. Wait {wait} s.", wait)


async def spend_key(redis: Redis, settings: Settings, key: ApiKey, address: Address) -> None:
    """Count one call of a key by its class; the demo's is free from exempt networks."""
    if key.rate_class == "demo" and address.exempt:
        return
    limit = settings.rate_high if key.rate_class == "high" else settings.rate_standard
    await spend(redis, settings, f"key:{key.key_id}", limit)


async def spend_address(redis: Redis, settings: Settings, address: Address) -> None:
    """Count one call without a valid key, by where it comes from; exempt networks are free."""
    if not address.exempt:
        await spend(redis, settings, address.bucket, settings.rate_address)


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


class LimitAddresses(ASGIMiddleware):
    """Limits reading by address; posts are limited by their key."""

    scopes = (ScopeType.HTTP,)
    exclude_path_pattern = ("^/health/", "^/metrics$")

    def __init__(self, context: Context) -> None:
        self.context = context

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        settings = self.context.settings
        if scope.get("method") in ("GET", "HEAD"):
            await spend_address(self.context.redis, settings, address(scope, settings))
        await next_app(scope, receive, send)
