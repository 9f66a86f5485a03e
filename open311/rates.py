"""Rate limits: fixed windows counted in Redis, exact under concurrency, open while it is away."""

import ipaddress
import logging
import time
from functools import lru_cache

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from open311.context import Context
from open311.errors import TooMany
from open311.keys import ApiKey
from open311.settings import Settings

_log = logging.getLogger(__name__)
_OPEN = Counter("open311_rate_limit_open_total", "Calls let through because Redis was away")
# After a failure Redis is left alone this long, so that it costs one short wait and not one a call.
_REST_SECONDS = 5.0
_resting: dict[int, float] = {}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Address(Struct, frozen=True):
    """Where a call comes from: what to count it under, and whether it is counted at all."""

    bucket: str
    exempt: bool


async def spend(redis: Redis, settings: Settings, bucket: str, limit: int) -> None:
    """Count one call in the current window. Raises TooMany when the bucket is used up."""
    if _resting.get(id(redis), 0.0) > time.monotonic():
        _OPEN.inc()
        return
    window = settings.rate_window_seconds
    now = time.time()
    name = f"rate:{bucket}:{int(now // window)}"
    try:
        async with redis.pipeline(transaction=True) as pipeline:
            used, _ = await pipeline.incr(name).expire(name, window).execute()
    except (RedisError, OSError, TimeoutError) as error:
        _rest(redis, error)
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


def _rest(redis: Redis, error: Exception) -> None:
    _OPEN.inc()
    _resting[id(redis)] = time.monotonic() + _REST_SECONDS
    _log.warning("rate limits are open: Redis is away (%s)", type(error).__name__)


def address(scope: Scope, settings: Settings) -> Address:
    """The client's address: the connection's, or what the nearest trusted proxies say it was.

    Only hops that a trusted proxy wrote count, from the right; anything else can be made up.
    IPv6 clients count by their /64, which is one household's.
    """
    client = scope.get("client")
    hop = _ip(client[0]) if client else None
    forwarded = _forwarded(scope)
    trusted = _networks(settings.trusted_proxies)
    believed = list(forwarded)
    while hop is not None and believed and _in_any(hop, trusted):
        hop = _ip(believed.pop())
    exempt = not forwarded and hop is not None and _in_any(hop, _networks(settings.rate_exempt))
    return Address(_bucket(hop), exempt)


def _forwarded(scope: Scope) -> list[str]:
    values = [value.decode("latin-1") for name, value in scope["headers"]
              if name == b"x-forwarded-for"]
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


@lru_cache(maxsize=16)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def _in_any(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: tuple[Network, ...]
) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)


def _bucket(ip: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> str:
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

    async def handle(
        self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        settings = self.context.settings
        caller = address(scope, settings)
        if scope["method"] in ("GET", "HEAD") and not caller.exempt:
            await spend(self.context.redis, settings, caller.bucket, settings.rate_address)
        await next_app(scope, receive, send)
