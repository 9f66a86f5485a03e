"""What conversations are held with: the GeoReport API of each city, the provider, and senses."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from msgspec import Struct

from clients.channels.provider import Provider
from clients.conversation.alone import Alone
from clients.conversation.cities import Cities
from clients.conversation.senses import Senses
from clients.conversation.state import City
from clients.georeport import GeoReport
from open311 import georeport, keys, secrets
from open311.context import Context
from open311.conversations import Connection, Standing


class Here(Struct, frozen=True):
    """One conversation in one transaction."""

    desk: "Desk"
    connection: Connection
    home: str
    standing: Standing
    city: City


Handler = Callable[[str, dict[str, Any]], Awaitable[None]]

# It calls from the machine itself, where this class of key has no limit: one program speaks for
# all citizens of a city.
_UNLIMITED = "demo"


class Desk:
    """Everything beside the conversation itself, for as long as a worker runs."""

    def __init__(self, context: Context, senses: Senses | None = None) -> None:
        self.context = context
        self.senses = senses or Senses()
        self.provider = Provider(context.settings)
        self.cities = Cities(context)
        self.answering, self.sending = Alone(), Alone()
        self._filed_at: dict[tuple[str, str], GeoReport] = {}
        own: Any = georeport.alone(context)  # its types are narrower than those of ASGI
        self._own = httpx.ASGITransport(own, client=("127.0.0.1", 0))

    async def close(self) -> None:
        """Close the connections."""
        for api in self._filed_at.values():
            await api.close()

    async def georeport(self, jurisdiction_id: str, channel: str = keys.API) -> GeoReport:
        """A city's API: by default our own, without the network in between.

        What is filed at our own was reported by `channel`: that has a key for each.
        """
        which = (jurisdiction_id, channel)
        if which not in self._filed_at:
            self._filed_at[which] = await self._open(jurisdiction_id, channel)
        return self._filed_at[which]

    async def _open(self, jurisdiction_id: str, channel: str) -> GeoReport:
        settings = self.context.settings
        if settings.georeport_url:
            base = settings.georeport_url.replace("{jurisdiction}", jurisdiction_id)
            return GeoReport(base, settings.georeport_key)
        purpose = f"messages\0{channel}\0{jurisdiction_id}"
        key = secrets.derive(settings.secret_keys[-1], purpose).hex()
        await keys.ensure(
            *(self.context.db, jurisdiction_id, key, f"messages: {channel}"),
            *(keys.SCOPES, _UNLIMITED, channel),
        )
        base = f"http://localhost/open311/{jurisdiction_id}/v2"
        return GeoReport(base, key, self._own)

    def link(self, jurisdiction_id: str, reference: str) -> str:
        """Where everybody can look at a request."""
        return f"{self.context.settings.address}/{jurisdiction_id}/requests/{reference}"
