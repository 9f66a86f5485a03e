"""What one running server holds: settings and open connections, handed to whoever needs them."""

from msgspec import Struct
from obstore.store import ObjectStore
from redis.asyncio import Redis
from saq.queue.redis import RedisQueue

from open311.db import Database
from open311.settings import Settings


class Context(Struct, frozen=True):
    """The server's state beside PostgreSQL and Redis themselves."""

    settings: Settings
    db: Database
    redis: Redis
    queue: RedisQueue
    store: ObjectStore
