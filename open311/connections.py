"""Open and close the connections of one process."""

from redis.asyncio import Redis
from saq.queue.redis import RedisQueue

from open311 import db, media, tasks
from open311.context import Context
from open311.settings import Settings


def open_context(settings: Settings) -> Context:
    """Everything that a server or worker holds; nothing is connected before its first use."""
    # it gives up at once: nobody waits for a rate limit or a wake-up
    redis = Redis.from_url(settings.redis_url, socket_connect_timeout=0.05, socket_timeout=0.25)
    return Context(
        settings=settings,
        db=db.connect(settings),
        maps=db.connect(settings, "map"),
        redis=redis,
        queue=RedisQueue(redis, tasks.QUEUE_NAME),
        store=media.open_store(settings),
    )


async def close_context(context: Context) -> None:
    """Close what was opened."""
    await context.db.close()
    await context.maps.close()
    await context.redis.aclose()
