"""Rate limits: what is counted under which address, how exactly, and what without Redis."""

import asyncio
import multiprocessing
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from open311 import rates
from open311.dates import now
from open311.errors import TooMany
from open311.keys import ApiKey
from open311.rates import Address
from open311.settings import Settings

pytestmark = pytest.mark.anyio

# One window from the year 2001 to 2033: no test sees it end.
ENDLESS = 10**9
ELSEWHERE = Address("address:203.0.113.9", exempt=False)
HERE = Address("address:127.0.0.1", exempt=True)


@pytest.fixture
def patient(services: Settings) -> Settings:
    """Settings with a window that does not end."""
    return msgspec.structs.replace(services, rate_window_seconds=ENDLESS)


@pytest.fixture
async def redis(services: Settings) -> AsyncIterator[Redis]:
    async with Redis.from_url(services.redis_url) as made:
        yield made


def scope(client: str | None, *forwarded: str) -> Any:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    return {"client": (client, 4711) if client else None, "headers": headers}


@pytest.mark.parametrize(
    ("client", "forwarded", "bucket"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        # nobody trusted wrote it
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        # the right-most that no proxy of ours wrote
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        # what is no address ends the search where it was: left of it anything may stand
        ("10.0.0.1", ["1.1.1.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [" , ,"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:5123"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8:1:2:3::4]:5123"], "2001:db8:1:2::"),
        # IPv6 by /64, and IPv4 in its clothes as IPv4
        ("2001:db8:1:2:aaaa::1", [], "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::2", [], "2001:db8:1:2::"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        (None, ["1.1.1.1"], "unknown"),
    ],
)
def test_finds_the_address_of_the_client(
    client: str | None, forwarded: list[str], bucket: str
) -> None:
    settings = Settings(trusted_proxies=("10.0.0.0/8",))
    assert rates.address(scope(client, *forwarded), settings).bucket == f"address:{bucket}"


@pytest.mark.parametrize(
    ("client", "forwarded", "exempt"),
    [
        ("127.0.0.1", [], True),
        ("::1", [], True),
        ("203.0.113.9", [], False),
        (None, [], False),
        # a proxy on this machine speaks for others
        ("127.0.0.1", ["203.0.113.9"], False),
        ("127.0.0.1", ["127.0.0.1"], False),
    ],
)
def test_exempts_only_who_is_here(client: str | None, forwarded: list[str], exempt: bool) -> None:
    settings = Settings(trusted_proxies=("127.0.0.0/8",))
    assert rates.address(scope(client, *forwarded), settings).exempt is exempt


async def spend_many(settings: Settings, bucket: str, limit: int, calls: int) -> int:
    """How many of so many concurrent calls pass."""
    async with Redis.from_url(settings.redis_url) as redis:
        spent = [rates.spend(redis, settings, bucket, limit) for _ in range(calls)]
        ended = await asyncio.gather(*spent, return_exceptions=True)
    assert all(end is None or isinstance(end, TooMany) for end in ended), ended
    return ended.count(None)


def in_process(settings: Settings, bucket: str, limit: int, calls: int) -> int:
    return asyncio.run(spend_many(settings, bucket, limit, calls))


async def test_is_exact_in_two_processes_at_once(patient: Settings) -> None:
    bucket = f"test:{uuid.uuid4()}"
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        halves = [processes.submit(in_process, patient, bucket, 10, 30) for _ in range(2)]
        passed = await asyncio.gather(*map(asyncio.wrap_future, halves))
    assert sum(passed) == 10


async def test_says_how_long_to_wait(redis: Redis, patient: Settings) -> None:
    bucket = f"test:{uuid.uuid4()}"
    await rates.spend(redis, patient, bucket, 1)
    with pytest.raises(TooMany) as refused:
        await rates.spend(redis, patient, bucket, 1)
    left = ENDLESS - now().timestamp() % ENDLESS
    assert refused.value.retry_after == pytest.approx(left, abs=60)


async def test_a_bucket_goes_away_with_its_window(redis: Redis, services: Settings) -> None:
    bucket = f"test:{uuid.uuid4()}"
    await rates.spend(redis, services, bucket, 1)
    names = [name async for name in redis.scan_iter(f"rate:{bucket}:*")]
    assert len(names) == 1
    assert 0 < await redis.ttl(names[0]) <= services.rate_window_seconds


def key(rate_class: str) -> ApiKey:
    return ApiKey(uuid.uuid4().hex, "tests", [], rate_class, "api", "active", now())


async def calls_of(redis: Redis, settings: Settings, key: ApiKey, address: Address) -> int:
    """How many of twenty calls pass."""
    for number in range(20):
        try:
            await rates.spend_key(redis, settings, key, address)
        except TooMany:
            return number
    return 20


@pytest.mark.parametrize(
    ("rate_class", "address", "passed"),
    [
        ("standard", ELSEWHERE, 3),
        ("standard", HERE, 3),
        ("high", ELSEWHERE, 7),
        ("demo", ELSEWHERE, 3),
        ("demo", HERE, 20),
    ],
)
async def test_a_key_has_the_rate_of_its_class(
    redis: Redis, patient: Settings, rate_class: str, address: Address, passed: int
) -> None:
    settings = msgspec.structs.replace(patient, rate_standard=3, rate_high=7)
    assert await calls_of(redis, settings, key(rate_class), address) == passed


def let_through() -> float:
    return REGISTRY.get_sample_value("open311_rate_limit_open_total") or 0.0


async def test_lets_through_and_counts_while_redis_is_away(patient: Settings) -> None:
    before = let_through()
    # nothing listens on port 1
    async with Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.05) as nowhere:
        for _ in range(5):
            await rates.spend(nowhere, patient, "test", 1)
    assert let_through() - before == 5


async def test_leaves_a_silent_redis_alone(patient: Settings) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"redis://127.0.0.1:{port}/0"
        async with Redis.from_url(url, socket_timeout=0.05) as silent:
            for _ in range(20):
                await rates.spend(silent, patient, "test", 1)
    assert len(heard) == 1
