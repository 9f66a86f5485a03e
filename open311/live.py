"""What the relay announced, heard in this process: whoever subscribed is called at once."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct
from prometheus_client import Counter
from sqlalchemy import text

from open311.db import Database

Callback = Callable[[str | None, Sequence[int] | None], None]
"""Called with a jurisdiction's id and the quadkeys of the points that changed there; None instead
of quadkeys is "any may have", and None instead of the id "anything anywhere may have". Must not
wait and must not raise."""

FRESH_SECONDS = 1.0
_PAUSE_WITHOUT_DATABASE = 1.0
_LOST = Counter("open311_live_lost_total", "Times that a web process had missed what was relayed")
_log = logging.getLogger(__name__)
_SINCE = text("select batch, jurisdiction_id, last_event, quadkeys from relayed_since(:seen)")


class _Batch(Struct, frozen=True):
    number: int
    jurisdiction_id: str
    last_event: int
    quadkeys: list[int] | None


class Hub:
    """Asks several times a second what was relayed, and tells those who subscribed.

    A class: it is one process's place in the news, and whether that can be relied on.
    """

    def __init__(self, db: Database, milliseconds: int) -> None:
        self._db = db
        self._pause = milliseconds / 1000
        self._callbacks: list[Callback] = []
        self._asked = False
        self._last: _Batch | None = None
        self._heard = -FRESH_SECONDS
        self.ending = False

    def subscribe(self, callback: Callback) -> None:
        """Have a function called with all news from now on, in order."""
        self._callbacks.append(callback)

    def fresh(self) -> bool:
        """Whether all that was relayed up to a second ago has been told."""
        return time.monotonic() - self._heard < FRESH_SECONDS

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen for as long as the block runs."""
        listening = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    def end(self) -> None:
        """The process is about to stop: whoever keeps clients waiting for news lets them go."""
        self.ending = True
        self._tell(None, None)

    async def close(self) -> None:
        """Close the connection."""
        await self._db.close()

    async def _listen(self) -> None:
        while True:
            pause = self._pause
            try:
                await self.catch_up()
            except Exception as error:  # the database is away: it comes back, and so do we
                _log.warning("no news is heard: %s", type(error).__name__)
                pause = _PAUSE_WITHOUT_DATABASE
            await asyncio.sleep(pause)

    async def catch_up(self) -> None:
        """Ask once, and tell everything that is new."""
        asked = time.monotonic()
        while batches := await self._next():
            for batch in batches:
                self._tell(batch.jurisdiction_id, batch.quadkeys)
                self._last = batch
        self._heard = asked

    async def _next(self) -> list[_Batch]:
        """The batches after the last one; when that is gone, everything may have changed.

        It is gone when this process slept for long, or when the database is a backup's.
        """
        if not self._asked:
            await self._start()
            return []
        if self._last is None:
            return await self._read(0)
        batches = await self._read(self._last.number - 1)
        if batches[:1] == [self._last]:
            return batches[1:]
        _LOST.inc()
        await self._start()
        return []

    async def _start(self) -> None:
        """Begin with what comes after the newest batch."""
        self._last = next(iter(await self._read(None)), None)
        self._asked = True
        self._tell(None, None)

    async def _read(self, seen: int | None) -> list[_Batch]:
        async with self._db.shared() as connection:
            return [_Batch(*row) for row in await connection.execute(_SINCE, {"seen": seen})]

    def _tell(self, jurisdiction_id: str | None, quadkeys: Sequence[int] | None) -> None:
        for callback in self._callbacks:
            callback(jurisdiction_id, quadkeys)
