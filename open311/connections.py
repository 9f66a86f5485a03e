"""Open and close the connections of one process."""

import msgspec
from redis.asyncio import Redis

from open311 import db, jurisdictions, media
from open311.bell import Bell
from open311.context import Context
from open311.db import Database
from open311.live import Hub
from open311.settings import Settings


def open_context(settings: Settings) -> Context:
    """Everything that a server or worker holds; nothing is connected before its first use."""
    seconds = settings.redis_milliseconds / 1000
    redis = Redis.from_url(
        settings.redis_url, socket_connect_timeout=seconds, socket_timeout=seconds
    )
    database = db.connect(settings)
    hub = Hub(_for_the_hub(settings), settings.live_milliseconds)
    # the first to hear of it: what the others do then must not be by the old catalogue
    hub.subscribe(
        lambda _id, quadkeys: jurisdictions.forget(database) if quadkeys is None else None
    )
    return Context(
        settings=settings,
        db=database,
        maps=db.connect(settings, "map"),
        redis=redis,
        bell=Bell(redis),
        store=media.open_store(settings),
        hub=hub,
    )


def _for_the_hub(settings: Settings) -> Database:
    """A connection of its own: when all are busy, it must know all the more what is out of date."""
    return db.connect(msgspec.structs.replace(settings, pool_size=1))


async def close_context(context: Context) -> None:
    """Close what was opened."""
    await context.db.close()
    await context.maps.close()
    await context.hub.close()
    await context.bell.close()
    await context.redis.aclose()
