"""Bring photos and recordings from the provider to their requests; forget what is to be."""

from datetime import UTC, datetime, timedelta
from typing import Any

from clients.channels.provider import Unreachable
from clients.conversation.desk import Desk
from open311 import attachments
from open311.errors import BadInput
from open311.tasks import Later

_GIVEN_UP = timedelta(days=7)
_PAUSE = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 3600.0


async def bring(desk: Desk, jurisdiction_id: str, payload: dict[str, Any]) -> None:
    """Task `message.media`: fetch what was attached, clean it, and add it to its request, once.

    Tried for days, as new media may not be there yet; what is neither a photo nor a recording
    stays away for good.
    """
    try:
        upload = await desk.provider.fetch(payload["url"])
    except BadInput:
        return
    except Unreachable as away:
        _try_again(payload, away)
        return
    await attachments.add(
        *(desk.context, jurisdiction_id, payload["reference"], upload, payload["name"]),
        payload.get("reporter_id"),
    )


def _try_again(payload: dict[str, Any], away: Unreachable) -> None:
    """Later and later, until it is no use."""
    age = datetime.now(UTC) - datetime.fromisoformat(payload["since"])
    if age < _GIVEN_UP:
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE + age.total_seconds() / 2)
        raise Later(away.seconds or pause) from away


async def erase(desk: Desk, _jurisdiction_id: str, payload: dict[str, Any]) -> None:
    """Task `messages.erase`: delete messages at the provider too, with what was attached."""
    for sid in payload["provider_ids"]:
        try:
            await desk.provider.erase(sid)
        except Unreachable as away:
            raise Later(away.seconds or _PAUSE) from away
