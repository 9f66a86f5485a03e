"""Redis may be away: whoever notices says so here, and for a while nobody waits for it again."""

import logging
import time
from weakref import WeakKeyDictionary

from redis.asyncio import Redis

# So that a Redis which does not answer costs one short wait now and then, and not one a call.
_REST_SECONDS = 5.0
_until: WeakKeyDictionary[Redis, float] = WeakKeyDictionary()
_log = logging.getLogger(__name__)


def is_away(redis: Redis) -> bool:
    """Whether this client failed a moment ago and is not worth a try."""
    return _until.get(redis, 0.0) > time.monotonic()


def note(redis: Redis, error: Exception) -> None:
    """This client just failed: leave it alone for a while, and say so once."""
    if not is_away(redis):
        _log.warning("Redis is away: %s", type(error).__name__)
    _until[redis] = time.monotonic() + _REST_SECONDS
