"""What one running server holds: settings and open connections, handed to whoever needs them."""

from collections.abc import Callable

from obstore.store import ObjectStore
from redis.asyncio import Redis

from open311.bell import Bell
from open311.db import Database
from open311.live import Hub
from open311.settings import Settings


class Context:
    """The server's state beside PostgreSQL and Redis themselves.

    `db` is the application role's, `maps` the map role's: it sees what everybody may see. By `hub`
    a web process hears what changes. `checks` say what is wrong with things that serving can do
    without, or nothing.
    A plain class: as a struct, msgspec would look into the store's types, which it cannot.
    """

    def __init__(
        self,
        settings: Settings,
        db: Database,
        maps: Database,
        redis: Redis,
        bell: Bell,
        store: ObjectStore,
        hub: Hub,
    ) -> None:
        self.settings = settings
        self.db = db
        self.maps = maps
        self.redis = redis
        self.bell = bell
        self.store = store
        self.hub = hub
        self.checks: dict[str, Callable[[], str]] = {}
