"""Read the words of requests that were filed: their language, urgency, and what they may be of."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from prometheus_client import Counter
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from ingest.advice import advising
from ingest.category import classify
from ingest.category.services import Offer, match
from ingest.language import OTHER, identify
from ingest.urgency import assess
from open311 import events, tasks
from open311.db import Database
from open311.settings import Settings

KIND = "request.read"
ACTOR = "reader"
CATCH_ALL = "other"
"""The code, in whatever case, of a city's service for what fits no other."""

_MOST_SUGGESTED = 3
_READ = Counter("open311_requests_read_total", "Requests whose words were read", ["language"])
_FIND = text(Path(__file__).with_suffix(".sql").read_text()).columns(chosen=JSONB, offers=JSONB)
# what a person or a client said stays; a second try of the task changes nothing
_KEEP = text("""
update service_request
set language = coalesce(language, :language), urgency = coalesce(urgency, :urgency),
    reading = cast(:reading as jsonb)
where jurisdiction_id = :jurisdiction_id and service_request_id = :service_request_id
    and description is not null and reading is null
""")


class Suggestion(Struct, frozen=True):
    """A service that a request of the catch-all may be of, and from 0 to 1 how sure that is."""

    service_code: str
    confidence: float


class Reading(Struct, frozen=True):
    """What the words of a request say; nothing of the words themselves."""

    language: str
    language_confidence: float
    urgency: int
    reasons: tuple[str, ...]
    sentiment: int
    suggestions: tuple[Suggestion, ...]
    """Best first; of requests of the catch-all alone, for others a person chose."""


async def read(
    db: Database, settings: Settings, jurisdiction_id: str, payload: dict[str, Any]
) -> None:
    """Do the task of one request. One that is gone, or has no words any more, needs nothing.

    With a language model's endpoint in the settings, that is asked next.
    """
    names = {
        "jurisdiction_id": jurisdiction_id,
        "service_request_id": payload["service_request_id"],
    }
    async with db.begin(jurisdiction_id) as connection:
        row = (await connection.execute(_FIND, names)).mappings().one_or_none()
    if row is None:
        return
    # the first time in a process the models are loaded
    reading = await asyncio.to_thread(read_words, dict(row))
    async with db.begin(jurisdiction_id) as connection:
        await _keep(connection, names, reading)
        if settings.model_url:
            subject = names["service_request_id"]
            asked = {"service_request_id": subject}
            await tasks.add(connection, jurisdiction_id, advising.KIND, subject, asked)


async def _keep(connection: AsyncConnection, names: dict[str, str], reading: Reading) -> None:
    known = reading.language if reading.language != OTHER else None
    values = {
        "language": known,
        "urgency": reading.urgency,
        "reading": msgspec.json.encode(reading).decode(),
    }
    if (await connection.execute(_KEEP, names | values)).rowcount:
        where, subject = names["jurisdiction_id"], names["service_request_id"]
        told = msgspec.to_builtins(reading)
        await events.record(connection, where, "reading.made", subject, ACTOR, after=told)
        _READ.labels(reading.language).inc()


def read_words(row: dict[str, Any]) -> Reading:
    """What is in the words of a row of reading.sql."""
    words, languages = row["description"], [each.split("-")[0] for each in row["languages"]]
    found = identify(words, languages or None)
    language = row["language"] or found.language
    guesses = classify(words, language)
    urgency = assess(words, language, guesses)
    suggested: list[Suggestion] = []
    if row["service_code"].casefold() == CATCH_ALL:
        offers = [msgspec.convert(each, Offer) for each in row["offers"]]
        best = match(guesses, offers, row["chosen"])[:_MOST_SUGGESTED]
        suggested = [Suggestion(each.service_code, round(each.confidence, 3)) for each in best]
    return Reading(
        language=found.language,
        language_confidence=round(found.confidence, 3),
        urgency=urgency.level,
        reasons=urgency.reasons,
        sentiment=urgency.sentiment,
        suggestions=tuple(suggested),
    )
