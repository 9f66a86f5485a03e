"""Event streams: the news of a jurisdiction, read once in a process and sent to all who listen."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from prometheus_client import Gauge

from mapserve import feed
from mapserve.anonymity import require_points
from open311 import events, jurisdictions
from open311.context import Context
from open311.errors import Busy, Forbidden
from open311.rates import Address

_PAUSE_WITHOUT_DATABASE = 1.0
_OPEN = Gauge("open311_live_streams", "Event streams that are open", multiprocess_mode="livesum")
_log = logging.getLogger(__name__)


class Stream:
    """One reader: what waits for it, and how far it has come."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: asyncio.Queue[feed.Message | None] = asyncio.Queue()
        self.position = 0

    def offer(self, message: feed.Message) -> None:
        """Give it the next message; one that reads too slowly is let go, and comes back."""
        if self._waiting.qsize() < self._most:
            self._waiting.put_nowait(message)
        else:
            self.end()

    def end(self) -> None:
        """Let the reader go, without what still waits: it is read again when it comes back."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def next(self) -> feed.Message | None:
        """The next message; None at the end."""
        return await self._waiting.get()


class Feed:
    """The news of one jurisdiction, and the streams that they go to."""

    def __init__(self, context: Context, jurisdiction_id: str) -> None:
        self._context = context
        self.jurisdiction_id = jurisdiction_id
        self.streams: set[Stream] = set()
        self.news = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self.position: int | None = None
        """The last event that was handed on; None before anybody asked."""

    def end(self) -> None:
        """Let all readers go."""
        for stream in self.streams:
            stream.end()

    async def follow(self) -> None:
        """Hand on what happens, until cancelled."""
        while True:
            await self.news.wait()
            self.news.clear()
            try:
                await self._hand_on()
            except Forbidden:  # the municipality shows no single requests any more
                self.end()
            except Exception as error:  # the database is away: it comes back, and so do we
                _log.warning("no news of %s: %s", self.jurisdiction_id, type(error).__name__)
                await asyncio.sleep(_PAUSE_WITHOUT_DATABASE)
                self.news.set()

    async def _hand_on(self) -> None:
        require_points(await jurisdictions.find(self._context.db, self.jurisdiction_id))
        while self.position is not None:
            position, messages = await feed.read(self._context, self.jurisdiction_id, self.position)
            if position == self.position:
                return
            self.position = position
            for stream in self.streams:
                for message in messages:
                    stream.offer(message)

    async def enter(self, stream: Stream) -> None:
        """Have a stream get all that comes after the position that it is given."""
        self.streams.add(stream)
        self._following = self._following or asyncio.create_task(self.follow())
        if self.position is None:
            latest = await self._latest()
            # somebody else may have asked meanwhile, and got an answer
            self.position = self.position or latest
            self.news.set()
        stream.position = self.position

    def leave(self, stream: Stream) -> None:
        """Take a stream out; without any, nobody needs the news."""
        self.streams.discard(stream)
        if not self.streams and self._following:
            self._following.cancel()
            self._following = None

    async def catch_up(self, stream: Stream, seen: int) -> AsyncIterator[feed.Message]:
        """What a reader missed who has seen an event, so that the stream goes on without a gap."""
        missed = stream.position - seen
        if missed > self._context.settings.live_replay or await self._never_was(seen):
            yield feed.reset(stream.position)
            return
        until, stream.position = stream.position, seen
        while stream.position < until:
            stream.position, messages = await feed.read(
                self._context, self.jurisdiction_id, stream.position
            )
            for message in messages:
                yield message

    async def _never_was(self, number: int) -> bool:
        """Whether a number is none that was ever given; another process may be ahead of this."""
        return number > (self.position or 0) and number > await self._latest()

    async def _latest(self) -> int:
        async with self._context.db.begin(self.jurisdiction_id) as connection:
            return await events.newest(connection, self.jurisdiction_id)


class Feeds:
    """The feeds of one process, each there for as long as somebody reads it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._feeds: dict[str, Feed] = {}
        self._open: Counter[str] = Counter()
        context.hub.subscribe(self._hear)

    def _hear(self, jurisdiction_id: str | None, _quadkeys: Sequence[int] | None) -> None:
        if jurisdiction_id is None:
            # something was missed, or the process ends: readers come back, and are told the rest
            feeds, self._feeds = self._feeds, {}
            for each in feeds.values():
                each.end()
        elif jurisdiction_id in self._feeds:
            self._feeds[jurisdiction_id].news.set()

    @asynccontextmanager
    async def reading(
        self, jurisdiction_id: str, address: Address
    ) -> AsyncIterator[tuple[Feed, Stream]]:
        """A stream of a jurisdiction's news. Raises Busy when there are too many already."""
        self._check(address)
        found = self._feeds.setdefault(jurisdiction_id, Feed(self._context, jurisdiction_id))
        stream = Stream(self._context.settings.live_waiting)
        self._open[address.bucket] += 1
        _OPEN.inc()
        try:
            await found.enter(stream)
            yield found, stream
        finally:
            _OPEN.dec()
            self._open -= Counter([address.bucket])
            self._leave(found, stream)

    def _check(self, address: Address) -> None:
        settings = self._context.settings
        if self._context.hub.ending:
            raise Busy("The server stops. Try again in a moment.")
        if self._open.total() >= settings.live_streams:
            raise Busy("There are too many event streams. Try again later.")
        if not address.exempt and self._open[address.bucket] >= settings.live_streams_address:
            raise Busy("There are too many event streams of your address. Close some.")

    def _leave(self, left: Feed, stream: Stream) -> None:
        left.leave(stream)
        if not left.streams and self._feeds.get(left.jurisdiction_id) is left:
            del self._feeds[left.jurisdiction_id]
