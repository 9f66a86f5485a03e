"""Readiness: it names what is missing, and is cheap however often it is asked."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import Engine, event

from open311.app import create_app
from open311.settings import Settings

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with (
        app.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://open311.test") as client,
    ):
        yield client


async def test_many_who_ask_at_once_cost_one_look(settings: Settings) -> None:
    looks: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        looks.extend([statement] if "alembic_version" in statement else [])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        async with serve(settings) as client:
            answers = await asyncio.gather(*(client.get("/health/ready") for _ in range(50)))
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    for answer in answers:
        checks = answer.json()["checks"]
        assert answer.json()["status"] == "ok"
        # other tests' events wait here for a worker, which is late but no reason not to serve
        assert set(checks) == {
            *("database", "media", "redis", "relay", "language model", "category model")
        }
        assert {checks[name] for name in ("database", "media", "redis")} == {"ok"}
    assert 1 <= len(looks) < 10


async def test_names_what_is_missing(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    changed = msgspec.structs.replace(
        settings, media_url=f"file://{folder}", redis_url="redis://127.0.0.1:1/0"
    )
    async with serve(changed) as client:
        shutil.rmtree(folder)
        folder.write_text("a file where the folder was")
        answer = await client.get("/health/ready")
        head = await client.head("/health/ready")
    assert answer.status_code == head.status_code == 503
    assert answer.json()["status"] == "missing: media"
    assert answer.json()["checks"]["database"] == "ok"
    assert "rate limits are open" in answer.json()["checks"]["redis"]
