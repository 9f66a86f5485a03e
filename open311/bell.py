"""Wake the workers: Redis tells them to look, and may lose that; they look now and then anyway."""

import asyncio
import time

from redis.asyncio import Redis
from redis.exceptions import RedisError
from saq.queue.redis import RedisQueue

from open311 import absence

QUEUE_NAME = "open311"
_GATHER_SECONDS = 0.04
_WAIT_SECONDS = 0.25
_NAME_SECONDS = 10


class Bell:
    """Heard by one worker. Who rings does not wait, and many rings of a moment are one."""

    def __init__(self, redis: Redis) -> None:
        self._queue = RedisQueue(redis, QUEUE_NAME)
        self._coming: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def ring(self) -> None:
        """Have a worker look for tasks, a moment after the commit of whoever left them."""
        if self._coming is None:
            self._coming = asyncio.create_task(self._ring())
            self._under_way.add(self._coming)
            self._coming.add_done_callback(self._under_way.discard)

    async def _ring(self) -> None:
        await asyncio.sleep(_GATHER_SECONDS)
        # whoever rings from now on may have committed too late for this one
        self._coming = None
        if absence.is_away(self._queue.redis):
            return
        # One job at a time is enough. Its name changes, or a worker that died with it would leave
        # all later ones refused as repeats.
        name = f"wake-{int(time.time()) // _NAME_SECONDS}"
        job = {"key": name, "timeout": 10, "retries": 1, "ttl": 1}
        try:
            await asyncio.wait_for(self._queue.enqueue("wake", **job), _WAIT_SECONDS)
        except (RedisError, OSError, TimeoutError) as error:
            absence.note(self._queue.redis, error)

    async def close(self) -> None:
        """Let the last rings be heard."""
        await asyncio.gather(*self._under_way)
