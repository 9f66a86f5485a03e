"""What conversations know of a city: its services and their questions, by its public API."""

import asyncio
import time

from msgspec import UNSET
from msgspec.structs import replace

from clients.conversation.state import City, Offer, Question
from clients.georeport import GeoReport
from open311 import geocoding, jurisdictions, wire
from open311.context import Context
from open311.jurisdictions import Jurisdiction

_REMEMBERED_SECONDS = 30.0
_SUBURBS_SECONDS = 86_400.0


class Cities:
    """Cities by their ids, looked up again now and then."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, tuple[float, City]] = {}
        self._suburbs_of: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._alone = asyncio.Lock()

    async def find(self, jurisdiction_id: str, desk: GeoReport) -> City:
        """A city. Raises NotFound, and what the desk raises."""
        city = self._remembered(jurisdiction_id)
        if city is not None:
            return city
        async with self._alone:  # many ask at once, and one reads
            city = self._remembered(jurisdiction_id)
            if city is None:
                city = await self._read(jurisdiction_id, desk)
                self._known[jurisdiction_id] = time.monotonic() + _REMEMBERED_SECONDS, city
        return city

    def _remembered(self, jurisdiction_id: str) -> City | None:
        until, city = self._known.get(jurisdiction_id, (0.0, None))
        return city if until >= time.monotonic() else None

    async def sharing(self, city: City, served: tuple[str, ...]) -> City:
        """The city as it is for a number that several share."""
        if len(served) < 2:
            return city
        named = [await jurisdictions.find(self._context.db, each) for each in served]
        return replace(city, shared_by=tuple((each.jurisdiction_id, each.name) for each in named))

    async def _read(self, jurisdiction_id: str, desk: GeoReport) -> City:
        known = await jurisdictions.find(self._context.db, jurisdiction_id)
        offers = [await _offer(service, desk) for service in await desk.services()]
        return City(
            jurisdiction_id=known.jurisdiction_id,
            name=known.name,
            languages=tuple(known.languages) or ("en",),
            offers=tuple(offers),
            contact=known.contact,
            emergency=known.settings.emergency,
            categories=tuple(known.settings.categories.items()),
            suburbs=await self._suburbs(known),
        )

    async def _suburbs(self, city: Jurisdiction) -> tuple[str, ...]:
        """Those that the city chose, or where its requests are: that is looked up once a day."""
        if city.settings.suburbs:
            return tuple(city.settings.suburbs)
        until, found = self._suburbs_of.get(city.jurisdiction_id, (0.0, ()))
        if until < time.monotonic():
            async with self._context.db.begin(city.jurisdiction_id) as connection:
                named = await geocoding.suburbs(connection, city.jurisdiction_id)
            found = tuple(named[: jurisdictions.MOST_SUBURBS])
            self._suburbs_of[city.jurisdiction_id] = time.monotonic() + _SUBURBS_SECONDS, found
        return found


async def _offer(service: wire.Service, desk: GeoReport) -> Offer:
    questions: list[Question] = []
    if service.metadata:
        asked = (await desk.definition(service.service_code)).attributes
        questions = [_question(each) for each in asked if each.variable and each.required]
    return Offer(
        service.service_code,
        service.service_name,
        service.group,
        tuple(questions),
        service.keywords,
    )


def _question(attribute: wire.Attribute) -> Question:
    values = () if attribute.values is UNSET else attribute.values
    choices = tuple((value.key, value.name) for value in values)
    return Question(attribute.code, attribute.description, choices)
