"""The queue worker as a process: killed, without Redis, stopped; each task has its effect once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy import text

from open311 import binaries
from open311.app import create_app
from open311.db import Database
from open311.settings import Settings
from tests.conftest import new_database

pytestmark = pytest.mark.anyio

SLOW_WORKER = Path(__file__).with_name("slow_worker.py")
REPORT = {"service_code": "GRAFFITI", "lat": "-33.92", "long": "18.65"}
PATIENCE_SECONDS = 30


class OwnRedis:
    """A Redis that the test may flush and stop."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.log = folder / "redis.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [binaries.redis(), "--port", "0", "--unixsocket", self.socket, "--save", ""],
                stdout=log,
                cwd=self.socket.parent,
            )

    def stop(self) -> None:
        """Without a word, and with everything that it held."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    async def flush(self) -> None:
        async with Redis.from_url(self.url) as redis:
            await redis.flushall()

    async def queued(self) -> int:
        """How many wake-ups nobody has heard yet."""
        async with Redis.from_url(self.url) as redis:
            return int(await redis.llen("saq:open311:queued"))

    async def answers(self) -> bool:
        try:
            async with Redis.from_url(self.url) as redis:
                return bool(await redis.ping())
        except RedisAway:
            return False


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so, but not for ever."""
    for _ in range(PATIENCE_SECONDS * 20):
        if await condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen")


@pytest.fixture(scope="module")
def settings(services: Settings) -> Iterator[Settings]:
    """A database without other tests' tasks: a worker takes the oldest first, whosever they are."""
    with new_database(services) as made:
        yield made


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[OwnRedis]:
    made = OwnRedis(tmp_path)
    made.start()
    await until(made.answers)
    yield made
    made.stop()


@pytest.fixture
def own(settings: Settings, redis: OwnRedis) -> Settings:
    """Leases that run out soon, and the Redis of the test."""
    return msgspec.structs.replace(
        settings, redis_url=redis.url, task_lease_seconds=2, drain_seconds=2
    )


@pytest.fixture
async def client(own: Settings, city: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with these settings, which wakes workers through that Redis."""
    app = create_app(own)
    base = f"http://open311.test/open311/{city}/v2"
    async with (
        app.lifespan(),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base) as made,
    ):
        yield made


async def file(client: httpx.AsyncClient, city: str, number: int) -> list[str]:
    """File requests of a batch service; the answers are tokens."""
    reports = [{**REPORT, "api_key": f"key-{city}", "description": str(n)} for n in range(number)]
    posted = [client.post("/requests.json", data=report) for report in reports]
    return [answer.json()[0]["token"] for answer in await asyncio.gather(*posted)]


def environment(settings: Settings) -> dict[str, str]:
    given = {
        name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in msgspec.structs.asdict(settings).items()
        if value
    }
    return {**os.environ, **given}


@contextmanager
def working(settings: Settings, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """A worker in a process of its own, whose tasks take so long; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, SLOW_WORKER, str(seconds)],
        env={**environment(settings), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Work:
    """What has become of the tasks of a jurisdiction."""

    def __init__(self, database: Database, city: str) -> None:
        self.database, self.city = database, city

    async def ask(self, sql: str) -> Any:
        async with self.database.begin(self.city) as connection:
            return (await connection.execute(text(sql))).scalar_one()

    async def is_under_way(self) -> bool:
        return bool(await self.ask("select count(*) > 0 from task where state = 'running'"))

    async def is_done(self) -> bool:
        """Of the slow worker's kind: filing a request leaves tasks for others too."""
        over = "select bool_and(state = 'done') from task where kind = 'token.issue'"
        return bool(await self.ask(over))

    async def issued(self) -> list[str]:
        return list(
            await self.ask("select array_agg(token) from token where issued_datetime is not null")
        )

    async def most_effects(self) -> int:
        """How often the luckiest request was issued."""
        return int(
            await self.ask(
                "select max(times) from (select count(*) as times from event"
                " where kind = 'request.issued' group by subject) each"
            )
        )


@pytest.fixture
async def work(database: Database, city: str) -> AsyncIterator[Work]:
    """The work of the test, which leaves none to the next."""
    yield Work(database, city)
    async with database.begin(city) as connection:
        await connection.execute(text("delete from task"))


async def test_killed_workers_and_a_flushed_redis_lose_nothing(
    client: httpx.AsyncClient, city: str, own: Settings, redis: OwnRedis, work: Work
) -> None:
    filed = await file(client, city, 30)
    for kill in range(4):
        with working(own, 0.6) as worker:
            await until(work.is_under_way)
            await asyncio.sleep(0.15 * kill)
            if kill == 1:
                await redis.flush()
            worker.kill()
    interrupted = await work.ask("select count(*) from task where state = 'running'")
    filed += await file(client, city, 5)
    with working(own, 0.1):
        await until(work.is_done)
    assert interrupted > 0
    assert await work.ask("select max(attempts) from task") > 1
    assert sorted(await work.issued()) == sorted(filed)
    assert await work.most_effects() == 1


async def test_without_redis_work_is_done_all_the_same(
    client: httpx.AsyncClient, city: str, own: Settings, redis: OwnRedis, work: Work
) -> None:
    redis.stop()
    filed = await file(client, city, 5)
    with working(own, 0) as worker:
        await until(work.is_done)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, PATIENCE_SECONDS) == 0
    filed += await file(client, city, 5)
    with working(own, 0):
        await until(work.is_done)
        assert sorted(await work.issued()) == sorted(filed)
        # and when it is back, the worker hears of new work through it again
        redis.start()
        await until(redis.answers)

        async def heard() -> bool:
            await file(client, city, 1)
            return await redis.queued() == 0 and bool(await signalled(redis))

        await until(heard)
        await until(work.is_done)
    assert await work.most_effects() == 1


async def signalled(redis: OwnRedis) -> int:
    """How many calls a worker made to take a wake-up off the queue."""
    async with Redis.from_url(redis.url) as client:
        return int((await client.info("commandstats")).get("cmdstat_blmove", {}).get("calls", 0))


async def test_a_stopped_worker_finishes_what_it_has(
    client: httpx.AsyncClient, city: str, own: Settings, work: Work
) -> None:
    await file(client, city, 40)
    with working(own, 0.5) as worker:
        await until(work.is_under_way)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, PATIENCE_SECONDS) == 0
    assert not await work.is_under_way()
    done = await work.ask("select count(*) from task where state = 'done'")
    assert 0 < done < 40
    assert await work.ask("select max(attempts) from task where state = 'waiting'") == 0


async def test_a_stopped_worker_gives_back_what_it_cannot_finish(
    client: httpx.AsyncClient, city: str, own: Settings, work: Work
) -> None:
    await file(client, city, 3)
    with working(own, 3600) as worker:
        await until(work.is_under_way)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, PATIENCE_SECONDS) == 0
    free = "state = 'waiting' and attempts = 0 and lease_until is null"
    assert await work.ask(f"select bool_and({free}) from task")
