"""The queue worker: the one place that knows every kind of task. It takes them until told to stop."""

import asyncio
import logging
import signal
from contextlib import suppress
from functools import partial
from typing import Any

from redis.asyncio import Redis
from saq import Worker
from saq.queue.redis import RedisQueue

from open311 import connections, housekeeping, remote_media, tasks, tokens
from open311.context import Context
from open311.settings import Settings
from open311.tasks import Handler

CONCURRENCY = 8
POLL_SECONDS = 2.0
_log = logging.getLogger(__name__)


def handlers(context: Context) -> dict[str, Handler]:
    """What is done for each kind of task."""
    return {
        "token.issue": partial(tokens.issue, context.db),
        "media.copy": partial(remote_media.copy, context),
    }


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then finish what is under way within `drain_seconds`."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    context = connections.open_context(settings)
    due = asyncio.Event()
    # its own connection without a time limit: it waits in Redis for as long as nothing happens
    waker = RedisQueue(Redis.from_url(settings.redis_url), tasks.QUEUE_NAME)
    beside = [
        asyncio.create_task(_listen(waker, due)),
        asyncio.create_task(housekeeping.run(context)),
    ]
    _log.info("worker started")
    try:
        await _work(context, stop, due)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await waker.disconnect()
        await connections.close_context(context)
        _log.info("worker stopped")


async def _work(context: Context, stop: asyncio.Event, due: asyncio.Event) -> None:
    """Claim, do, and claim again; look by itself every POLL_SECONDS, or as soon as woken."""
    known = handlers(context)
    under_way: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        due.clear()
        free = CONCURRENCY - len(under_way)
        claimed = await _claim(context, list(known), free) if free else []
        for task in claimed:
            doing = asyncio.create_task(tasks.work(context.db, context.settings, known, task))
            under_way.add(doing)
            doing.add_done_callback(under_way.discard)
            doing.add_done_callback(lambda _: due.set())
        if not claimed:
            await _first(stop, due)
    if under_way:
        _, late = await asyncio.wait(under_way, timeout=context.settings.drain_seconds)
        for doing in late:
            doing.cancel()
        await asyncio.gather(*late, return_exceptions=True)


async def _claim(context: Context, kinds: list[str], most: int) -> list[tasks.Claimed]:
    try:
        return await tasks.claim(context.db, context.settings, kinds, most)
    except Exception as error:  # the database is away: it comes back, and so do we
        _log.warning("no tasks can be claimed: %s", type(error).__name__)
        return []


async def _first(stop: asyncio.Event, due: asyncio.Event) -> None:
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(due.wait())]
    await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def _listen(queue: RedisQueue, due: asyncio.Event) -> None:
    """Be woken through Redis for as long as it is there; start again whenever it fails."""

    async def wake(_: Any) -> None:
        due.set()

    Worker.SIGNALS = []  # ours: a worker of SAQ would take the process's handlers
    while True:
        with suppress(Exception):
            await queue.redis.ping()
            worker = Worker(queue, [("wake", wake)], concurrency=1)
            await worker.start()
        await asyncio.sleep(POLL_SECONDS)
