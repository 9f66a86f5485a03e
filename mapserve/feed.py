"""What happened to public requests, as server-sent events.

The event log says that something happened to a request, and the map role what everybody may see of
it: what that role does not see is not told, not even its id, unless an event says that it was
public until then.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import text

from open311 import events
from open311.context import Context
from open311.events import Entry

_AT_ONCE = 500
_SHOWN = text("""
select service_request_id, service_code,
    case when closed_datetime is null then 'open' else 'closed' end as status,
    requested_datetime, updated_datetime, st_y(geom) as lat, st_x(geom) as long
from service_request
where jurisdiction_id = :jurisdiction_id and visibility = 'public'
    and service_request_id = any(:ids)
""")
# Beside all that begin with "request.": the subject is a request's id.
_OF_REQUESTS = ("update.posted", "media.copied")


class Message(Struct, frozen=True):
    """One message of the stream, with the number of its event."""

    number: int
    content: bytes


class Change(Struct, frozen=True):
    """A public request that is new, or that something happened to; its place in degrees, if any."""

    service_request_id: str
    service_code: str
    status: str
    requested_datetime: datetime
    updated_datetime: datetime
    lat: float | None
    long: float | None
    new: bool = False


class Gone(Struct, frozen=True):
    """A request that is not public any more."""

    service_request_id: str


class _News(Struct):
    """What the log says of one request: its last event, and whether it appeared or disappeared."""

    number: int = 0
    new: bool = False
    hidden: bool = False


async def read(context: Context, jurisdiction_id: str, after: int) -> tuple[int, list[Message]]:
    """The next messages, and the number of the last event that they cover.

    That number is `after` when nothing follows. Of several events of one request the last is told.
    """
    async with context.db.begin(jurisdiction_id) as connection:
        entries = await events.after(connection, jurisdiction_id, after, _AT_ONCE)
    if not entries:
        return after, []
    of_requests = _gather(entries)
    shown = await _shown(context, jurisdiction_id, list(of_requests))
    told = [_tell(request_id, news, shown) for request_id, news in of_requests.items()]
    resets = [reset(entry.number) for entry in entries if _moves_many(entry)]
    messages = sorted([each for each in told if each] + resets, key=lambda each: each.number)
    return entries[-1].number, messages


def _gather(entries: Sequence[Entry]) -> dict[str, _News]:
    """The news of each request, by its id."""
    gathered: dict[str, _News] = {}
    for entry in entries:
        if entry.kind.startswith("request.") or entry.kind in _OF_REQUESTS:
            news = gathered.setdefault(entry.subject, _News())
            news.number = entry.number
            news.new |= (entry.after or {}).get("visibility") == "public"
            news.hidden |= (entry.before or {}).get("visibility") == "public"
    return gathered


def _moves_many(entry: Entry) -> bool:
    """Whether requests came or went that have no events of their own."""
    if entry.kind == "service.changed":
        return "sensitive" in (entry.before or {})
    return entry.kind == "requests.imported"


async def _shown(context: Context, jurisdiction_id: str, ids: Sequence[str]) -> dict[str, Change]:
    """The public ones of these requests, as they are now."""
    if not ids:
        return {}
    names = {"jurisdiction_id": jurisdiction_id, "ids": ids}
    async with context.maps.begin(jurisdiction_id) as connection:
        rows = (await connection.execute(_SHOWN, names)).mappings().all()
    return {row["service_request_id"]: msgspec.convert(dict(row), Change) for row in rows}


def _tell(request_id: str, news: _News, shown: Mapping[str, Change]) -> Message | None:
    if request_id in shown:
        change = msgspec.structs.replace(shown[request_id], new=news.new)
        return _message(news.number, "request", change)
    return _message(news.number, "gone", Gone(request_id)) if news.hidden else None


def reset(number: int) -> Message:
    """More happened than is told one by one: load anew, and go on from this number."""
    return _message(number, "reset", {})


def _message(number: int, event: str, data: object) -> Message:
    # JSON has no line breaks, which would end the message
    head = f"id: {number}\nevent: {event}\ndata: ".encode()
    return Message(number, head + msgspec.json.encode(data) + b"\n\n")
