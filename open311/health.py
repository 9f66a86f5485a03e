"""Whether the server lives, and whether it can serve; each says what is missing."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from litestar import HttpMethod, Response, route
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, Gauge, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError
from sqlalchemy import text

from open311 import events, media, migrate, tasks
from open311.context import Context

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_CHECK_SECONDS = 2
_REMEMBER_SECONDS = 1
# the code stays what it is while it runs, and this reads all migrations
_head = cache(migrate.head)
_REVISION = text("select version_num from alembic_version")


class _Latest:
    """What was found at the last look; who asks meanwhile waits for that."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.until = 0.0
        self.checks: dict[str, str] = {}


_LATEST: WeakKeyDictionary[Context, _Latest] = WeakKeyDictionary()


@route("/health/live", http_method=_READ)
async def get_live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@route("/health/ready", http_method=_READ)
async def get_ready(context: NamedDependency[Context]) -> Response[dict[str, Any]]:
    """Everything that serving needs is there; without Redis or a worker, some things are late.

    And without the models of messages, people are asked what programs would have guessed.
    """
    checks = await _look(context)
    missing = [name for name, trouble in checks.items() if trouble and name in _NEEDED]
    told = {name: trouble or "ok" for name, trouble in checks.items()}
    status = "missing: " + ", ".join(missing) if missing else "ok"
    return Response({"status": status, "checks": told}, status_code=503 if missing else 200)


async def _look(context: Context) -> dict[str, str]:
    """What is wrong with each, at most a second old: anyone can ask, and looking costs a write."""
    latest = _LATEST.setdefault(context, _Latest())
    async with latest.lock:
        if time.monotonic() >= latest.until:
            latest.checks = {name: await _try(check, context) for name, check in _CHECKS.items()}
            latest.checks |= {name: check() for name, check in context.checks.items()}
            latest.until = time.monotonic() + _REMEMBER_SECONDS
    return latest.checks


async def _try(check: Callable[[Context], Awaitable[str]], context: Context) -> str:
    """What is wrong, or nothing."""
    try:
        return await asyncio.wait_for(check(context), _CHECK_SECONDS)
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS} s"
    except Exception as error:  # whatever it is, it is the answer
        return type(error).__name__


async def _check_database(context: Context) -> str:
    async with context.db.shared() as connection:
        revision = (await connection.execute(_REVISION)).scalar_one_or_none()
    head = await asyncio.to_thread(_head)
    return "" if revision == head else f"schema is {revision}, not {head}: run open311 migrate"


async def _check_media(context: Context) -> str:
    return await media.check(context.store)


async def _check_redis(context: Context) -> str:
    try:
        await context.redis.exists("readiness")
    except RedisError as error:
        return f"{type(error).__name__}: rate limits are open, tasks start late"
    return ""


async def _check_relay(context: Context) -> str:
    lag = await events.lag_seconds(context.db)
    late = lag >= context.settings.relay_late_seconds
    return f"maps and streams are {lag:.0f} s behind: does a worker run?" if late else ""


@route("/metrics", http_method=_READ)
async def get_metrics(context: NamedDependency[Context]) -> Response[bytes]:
    """Counters of all web processes, and the task queue as it stands, for Prometheus."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        counters = generate_latest(registry)
    else:
        counters = generate_latest()
    parts = [_task_metrics(context), _relay_metrics(context), _check_metrics(context)]
    body = counters + b"".join([await part for part in parts])
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _task_metrics(context: Context) -> bytes:
    registry = CollectorRegistry()
    number = Gauge("open311_tasks", "Tasks that are not done", ["kind", "state"], registry=registry)
    age = Gauge(
        "open311_task_age_seconds",
        "How long the oldest is due",
        ["kind", "state"],
        registry=registry,
    )
    for each in await tasks.count(context.db):
        number.labels(each.kind, each.state).set(each.number)
        age.labels(each.kind, each.state).set(max(0.0, each.oldest_seconds))
    return generate_latest(registry)


async def _relay_metrics(context: Context) -> bytes:
    registry = CollectorRegistry()
    lag = Gauge("open311_relay_lag_seconds", "Wait of the oldest new event", registry=registry)
    lag.set(await events.lag_seconds(context.db))
    return generate_latest(registry)


async def _check_metrics(context: Context) -> bytes:
    registry = CollectorRegistry()
    ready = Gauge("open311_ready", "1 when a part is as it should be", ["part"], registry=registry)
    for name, trouble in (await _look(context)).items():
        ready.labels(name).set(not trouble)
    return generate_latest(registry)


_CHECKS = {
    "database": _check_database,
    "media": _check_media,
    "redis": _check_redis,
    "relay": _check_relay,
}
_NEEDED = {"database", "media"}

routes = [get_live, get_ready, get_metrics]
