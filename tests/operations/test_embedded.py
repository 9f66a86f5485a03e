"""The private services: safe, durable, and found again."""

import asyncio
import logging
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from redis import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from open311 import db, embedded
from open311.settings import Settings, SettingsError

_SETTINGS = text("""
select name, setting from pg_settings
where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses')
""")


async def _show(settings: Settings) -> dict[str, str]:
    engine = create_async_engine(db.owner_url(settings))
    async with engine.connect() as connection:
        rows = (await connection.execute(_SETTINGS)).all()
    await engine.dispose()
    return {row.name: row.setting for row in rows}


def test_services_are_durable_private_and_the_same_again(tmp_path: Path) -> None:
    # deeper than a socket's path may be
    folder = tmp_path / ("deep" * 20) / ("deeper" * 10)
    given = Settings(var_dir=str(folder))
    with embedded.running(given) as first:
        shown = asyncio.run(_show(first))
        with Redis.from_url(first.redis_url) as redis:
            assert redis.ping()
    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
    }
    for path in (folder / "secrets.json", folder / "postgres", folder):
        assert not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    with embedded.running(given) as second:
        assert second == first
        assert asyncio.run(_show(second)) == shown


def test_given_services_are_used_as_they_are(tmp_path: Path) -> None:
    given = Settings(
        database_url="postgresql://a@b/c",
        redis_url="redis://d/0",
        media_url="s3://e",
        secret_keys=("f" * 32,),
        var_dir=str(tmp_path / "var"),
    )
    with embedded.running(given) as settings:
        assert settings is given
    assert not (tmp_path / "var").exists()


def test_a_lost_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    given = Settings(var_dir=str(tmp_path))
    with pytest.raises(SettingsError, match="is gone"), embedded.running(given):
        pass


def test_a_command_uses_the_services_of_a_running_server(tmp_path: Path) -> None:
    given = msgspec.structs.replace(Settings(var_dir=str(tmp_path)), database_url="postgresql://x")
    given = msgspec.structs.replace(given, secret_keys=("k" * 32,))
    with embedded.serving(given) as (serving, daemons):
        assert [daemon.name for daemon in daemons] == ["Redis"]
        with embedded.running(given) as joined:
            assert joined == serving
        with Redis.from_url(serving.redis_url) as redis:
            assert redis.ping()


def test_a_server_waits_for_a_command_and_refuses_beside_a_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = Settings(
        database_url="postgresql://x/y", secret_keys=("k" * 32,), var_dir=str(tmp_path)
    )
    began, end = threading.Event(), threading.Event()

    def command() -> None:
        with embedded.running(given):
            began.set()
            end.wait()

    def let_it_end(_: logging.LogRecord) -> bool:
        end.set()
        return True

    log = logging.getLogger("open311.embedded")
    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        stack.callback(end.set)
        done = threads.submit(command)
        began.wait()
        # the command ends when the server says that it waits
        log.addFilter(let_it_end)
        with embedded.serving(given):
            log.removeFilter(let_it_end)
            done.result(10)
            with pytest.raises(SettingsError, match=f"another server .process {os.getpid()}."):
                embedded.serving(given).__enter__()
    assert f"another command (process {os.getpid()})" in caplog.text
