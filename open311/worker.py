"""The queue worker: the one place that knows every kind of task; does them until told to stop."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from redis.asyncio import Redis
from saq import Status
from saq.queue.redis import RedisQueue
from sqlalchemy.ext.asyncio import AsyncConnection

from clients.conversation import enclosures, errands, notices, polling, sending, turns
from clients.conversation.desk import Desk
from clients.conversation.senses import Guesses, Senses, by_words
from clients.conversation.state import City
from ingest import lexicon, reading, uploads, urgency
from ingest.advice import advising
from ingest.category import classify
from ingest.category.services import Offer, match
from ingest.language import identify
from ingest.language.identification import OTHER, SURE
from mapserve import recount, rollups
from mapserve.opendata import snapshots
from open311 import (
    connections,
    erasure,
    events,
    housekeeping,
    inbox,
    media,
    outbox,
    remote_media,
    reporters,
    subscriptions,
    tasks,
    tokens,
)
from open311.bell import QUEUE_NAME
from open311.context import Context
from open311.settings import Settings, SettingsError
from open311.tasks import Claimed, Handler

POLL_SECONDS = 2.0
# A message on its way to the provider waits, and does nothing.
_QUICK_TASKS, _LONG_TASKS = 24, 4
_LONG_KINDS = frozenset(
    {
        *(errands.MEDIA_KIND, erasure.PROVIDER_KIND, media.FORGET_KIND, "media.copy"),
        *(advising.KIND, uploads.KIND, snapshots.KIND, rollups.REBUILD),
    }
)
_LISTEN_SECONDS = 10
# Tasks that end together are followed by one claim, and not by one each.
_PAUSE_SECONDS = 0.005
_CLEAR = 0.5
_log = logging.getLogger(__name__)

Handlers = Mapping[str, Handler]


def handlers(context: Context) -> Handlers:
    """What is done for each kind of task."""
    desk = Desk(context, Senses(_language, _services, _is_danger))
    names_of = partial(_names_of, context.settings)
    adviser = advising.Adviser(context.db, context.settings, names_of)
    return {
        inbox.KIND: partial(turns.go_on, desk),
        turns.SILENT_KIND: partial(turns.keep_silence, desk),
        outbox.KIND: partial(sending.send, desk),
        subscriptions.KIND: partial(notices.tell, desk),
        errands.MEDIA_KIND: partial(enclosures.bring, desk),
        erasure.PROVIDER_KIND: partial(enclosures.erase, desk),
        media.FORGET_KIND: partial(media.take_out, context),
        "token.issue": partial(tokens.issue, context.db),
        "media.copy": partial(remote_media.copy, context),
        reading.KIND: partial(reading.read, context.db, context.settings),
        advising.KIND: adviser.advise,
        uploads.KIND: partial(uploads.import_upload, context.db, context.settings, context.store),
        snapshots.KIND: partial(snapshots.write, context),
        rollups.REBUILD: lambda city, _payload: recount.rebuild(context.db, city),
    }


def _language(text: str, spoken: Sequence[str], before: str) -> str | None:
    """The language of a message, if that is sure; who chose another than the city's keeps it."""
    found = identify(text, {*spoken, before} if before else spoken, before or None)
    return found.language if found.language != OTHER and found.confidence >= SURE else None


def _services(text: str, language: str, city: City) -> Guesses:
    """What of a city's services a message may mean; by their names, where that is not clear."""
    offers = [Offer(each.service_code, f"{each.name} {each.keywords}") for each in city.offers]
    found = match(classify(text, language), offers, dict(city.categories))
    guesses = {each.service_code: each.confidence for each in found}
    if not found or found[0].confidence < _CLEAR:
        for code, sure in by_words(text, city):
            guesses[code] = max(sure, guesses.get(code, 0.0))
    return tuple(sorted(guesses.items(), key=lambda each: -each[1]))


def _is_danger(text: str, language: str) -> bool:
    """Whether somebody may come to harm, by what a message says."""
    return any(hazard.level >= urgency.DANGER for hazard in urgency.hazards(text, language))


async def _names_of(
    settings: Settings, connection: AsyncConnection, jurisdiction_id: str, reporter_id: str
) -> tuple[str, ...]:
    """What a reporter is called, as far as they told."""
    contact = await reporters.unseal(connection, settings, jurisdiction_id, reporter_id)
    known = (contact.first_name, contact.last_name) if contact else ()
    return tuple(name for name in known if name)


async def run(settings: Settings, known: Callable[[Context], Handlers] = handlers) -> None:
    """Work until SIGTERM or SIGINT; then finish what is under way within `drain_seconds`.

    Raises SettingsError when the word lists cannot be read, or a format is none.
    """
    _learn_words(settings)
    snapshots.check(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    context = connections.open_context(settings)
    lanes = _lanes(context, known(context))
    try:
        async with (
            _beside(housekeeping.run(context)),
            _beside(events.relay(context.db, rollups.follow, settings)),
            _beside(_listen(settings, lanes)),
            _beside(polling.run(Desk(context))),
            _beside(snapshots.run(context)),
        ):
            _log.info("worker started")
            await asyncio.gather(*(lane.work(stop) for lane in lanes))
    finally:
        await connections.close_context(context)
        _log.info("worker stopped")


def _learn_words(settings: Settings) -> None:
    try:
        lexicon.use(settings.words_dir)
    except lexicon.LexiconError as error:
        raise SettingsError(f"WORDS_DIR: {error}") from None


def _lanes(context: Context, known: Handlers) -> list["_Lane"]:
    """What waits for others for long has a lane of its own."""
    long = {kind: known[kind] for kind in known if kind in _LONG_KINDS}
    quick = {kind: known[kind] for kind in known if kind not in _LONG_KINDS}
    sizes = ((quick, _QUICK_TASKS), (long, _LONG_TASKS))
    return [_Lane(context, kinds, most) for kinds, most in sizes if kinds]


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Something that goes on for as long as the block runs."""
    going = asyncio.create_task(work)
    try:
        yield
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)


class _Lane:
    """Some kinds of tasks, so many at a time: what takes long is in nobody else's way."""

    def __init__(self, context: Context, known: Handlers, most: int) -> None:
        self.due = asyncio.Event()
        self._context, self._known, self._most = context, known, most
        self._under_way: set[asyncio.Task[bool]] = set()
        self._done: list[Claimed] = []

    async def work(self, stop: asyncio.Event) -> None:
        """Claim, do, and claim again: every POLL_SECONDS, when woken, and when a task has ended.

        What a task leaves to be done is so found by its own worker, which nobody needs to wake.
        """
        while not stop.is_set():
            self.due.clear()
            for task in await self._claim(self._most - len(self._under_way)):
                self._begin(task)
            # either nothing else is due, or nobody is free
            await _first(stop, self.due)
            await asyncio.sleep(_PAUSE_SECONDS)
        await self._drain(self._context.settings.drain_seconds)

    def _begin(self, task: Claimed) -> None:
        context = self._context

        def over(doing: asyncio.Task[bool]) -> None:
            self._under_way.discard(doing)
            self.due.set()
            if doing.cancelled():
                return
            if error := doing.exception():
                _log.warning("the end of a task was not written: %s", type(error).__name__)
            elif doing.result():
                self._done.append(task)

        doing = asyncio.create_task(tasks.work(context.db, context.settings, self._known, task))
        self._under_way.add(doing)
        doing.add_done_callback(over)

    async def _claim(self, most: int) -> list[Claimed]:
        """Take what is due, as many as are free, and write what is done."""
        if not (most or self._done):
            return []
        context, done = self._context, self._done
        self._done = []
        try:
            return await tasks.claim(context.db, context.settings, list(self._known), most, done)
        except Exception as error:  # the database is away: it comes back, and so do we
            _log.warning("no tasks can be claimed: %s", type(error).__name__)
            self._done = done + self._done
            return []

    async def _drain(self, seconds: float) -> None:
        """Let tasks finish; those that cannot give their leases back, and are done by another."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        late = list(self._under_way)
        for doing in late:
            doing.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await self._claim(0)


async def _first(stop: asyncio.Event, due: asyncio.Event) -> None:
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(due.wait())]
    await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def _listen(settings: Settings, lanes: Sequence[_Lane]) -> None:
    """Be woken through Redis while it is there; a lost wake-up costs POLL_SECONDS.

    SAQ's own worker is not for this: it takes the process's signals, and without Redis it spins.
    """
    async with Redis.from_url(settings.redis_url, socket_timeout=2 * _LISTEN_SECONDS) as redis:
        queue = RedisQueue(redis, QUEUE_NAME)
        while True:
            try:
                await _be_woken(queue, lanes)
            except Exception as error:  # Redis is away: it comes back, and until then we look
                _log.debug("nobody can wake this worker: %s", type(error).__name__)
                await asyncio.sleep(POLL_SECONDS)


async def _be_woken(queue: RedisQueue, lanes: Sequence[_Lane]) -> None:
    job = await queue.dequeue(timeout=_LISTEN_SECONDS)
    if job is not None:
        # finished first: a wake-up that was dropped as a repeat of this one came before the look
        await job.finish(Status.COMPLETE)
        for lane in lanes:
            lane.due.set()
