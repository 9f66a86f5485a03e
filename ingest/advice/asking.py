"""Ask the language model within a city's budget of the day, and keep what it said for a while."""

import hashlib

import msgspec
from prometheus_client import Counter
from sqlalchemy import text

from ingest.advice.endpoint import Endpoint, Message, Refused, Unavailable, Useless
from open311.db import Database
from open311.settings import Settings

_ASKED = Counter(
    "open311_model_questions_total",
    "Questions to the language model, by how they ended",
    ["kind", "end"],
)
_KEPT = text("""
select answer from model_answer
where jurisdiction_id = :jurisdiction_id and digest = :digest and kept_until > now()
""")
_KEEP = text("""
insert into model_answer (jurisdiction_id, digest, answer, kept_until)
values (:jurisdiction_id, :digest, :answer, now() + make_interval(days => :days))
on conflict (jurisdiction_id, digest) do update
set answer = excluded.answer, kept_until = excluded.kept_until
""")
# One statement, so that processes that ask at the same time count one after the other.
_COUNT = text("""
insert into model_use (jurisdiction_id, day, calls)
values (:jurisdiction_id, (now() at time zone 'UTC')::date, 1)
on conflict (jurisdiction_id, day) do update
set calls = model_use.calls + 1
where model_use.calls < :most
returning calls
""")


class Spent(Exception):
    """The city's calls of the day are used up."""


class Model:
    """The endpoint, with what a city may ask of it."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._endpoint = Endpoint(settings)

    async def ask(self, jurisdiction_id: str, kind: str, messages: tuple[Message, ...]) -> str:
        """What the model answers, or answered to the same before.

        Raises Spent, Unavailable, Refused, or Useless.
        """
        names = {"jurisdiction_id": jurisdiction_id, "digest": self._digest(messages)}
        async with self._db.begin(jurisdiction_id) as connection:
            kept = (await connection.execute(_KEPT, names)).scalar_one_or_none()
        if kept is not None:
            _ASKED.labels(kind, "kept").inc()
            return str(kept)
        try:
            said = await self._endpoint.complete(messages, lambda: self._count(jurisdiction_id))
        except (Spent, Unavailable, Refused, Useless) as error:
            _ASKED.labels(kind, type(error).__name__.lower()).inc()
            raise
        _ASKED.labels(kind, "answered").inc()
        # a null byte is no text to PostgreSQL
        said = said.replace("\0", "")
        values = {"answer": said, "days": self._settings.model_answer_days}
        async with self._db.begin(jurisdiction_id) as connection:
            await connection.execute(_KEEP, names | values)
        return said

    async def _count(self, jurisdiction_id: str) -> None:
        """Take one call from the day's budget, before it is made: a try that fails costs as well.

        Raises Spent.
        """
        names = {"jurisdiction_id": jurisdiction_id, "most": self._settings.model_calls_a_day}
        async with self._db.begin(jurisdiction_id) as connection:
            if (await connection.execute(_COUNT, names)).first() is None:
                raise Spent

    def _digest(self, messages: tuple[Message, ...]) -> bytes:
        """Of the model and all that is said to it, which is masked already."""
        asked = msgspec.json.encode((self._settings.model_url, self._settings.model_name, messages))
        return hashlib.sha256(asked).digest()
