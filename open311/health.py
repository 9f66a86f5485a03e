"""Whether the server lives, and whether it can serve; each says what is missing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from litestar import HttpMethod, Response, route
from litestar.di import NamedDependency
from prometheus_client import CollectorRegistry, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError
from sqlalchemy import text

from open311 import media, migrate
from open311.context import Context

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_CHECK_SECONDS = 2
_REVISION = text("select version_num from alembic_version")


@route("/health/live", http_method=_READ)
async def get_live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@route("/health/ready", http_method=_READ)
async def get_ready(context: NamedDependency[Context]) -> Response[dict[str, Any]]:
    """Everything that serving needs is there; Redis may be away, and then things are slower."""
    checks = {name: await _try(check, context) for name, check in _CHECKS.items()}
    missing = [name for name, trouble in checks.items() if trouble and name not in _OPTIONAL]
    told = {name: trouble or "ok" for name, trouble in checks.items()}
    status = "missing: " + ", ".join(missing) if missing else "ok"
    return Response({"status": status, "checks": told}, status_code=503 if missing else 200)


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
    head = migrate.head()
    return "" if revision == head else f"schema is {revision}, not {head}: run open311 migrate"


async def _check_media(context: Context) -> str:
    return await media.check(context.store)


async def _check_redis(context: Context) -> str:
    try:
        await context.redis.ping()
    except RedisError as error:
        return f"{type(error).__name__}: rate limits are open, tasks start late"
    return ""


_CHECKS = {"database": _check_database, "media": _check_media, "redis": _check_redis}
_OPTIONAL = {"redis"}
