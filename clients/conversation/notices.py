"""Tell those who follow a request that it moved, each in their language and on their channel."""

from typing import Any

import msgspec

from clients.conversation import catalogues
from clients.conversation.desk import Desk
from clients.conversation.state import Reply, State
from clients.georeport import Refused
from open311 import conversations, outbox, subscriptions, workflow
from open311.subscriptions import Follower
from open311.workflow import Status

# Whoever reported knows the first, and whoever opened it again was told.
_UNTOLD = {Status.RECEIVED, Status.REOPENED}


async def tell(desk: Desk, jurisdiction_id: str, payload: dict[str, Any]) -> None:
    """Task `subscribers.tell`: leave each follower a message about a change, once."""
    reference, status = payload["service_request_id"], Status(payload["status"])
    if status in _UNTOLD:
        return
    async with desk.context.db.begin(jurisdiction_id) as connection:
        who = await subscriptions.followers(connection, jurisdiction_id, reference)
    told = await _reply(desk, jurisdiction_id, reference, status)
    for follower in who:
        link = desk.link(jurisdiction_id, reference)
        await _leave(desk, follower, told, f"{reference}-{payload['change']}", link)


async def _reply(desk: Desk, jurisdiction_id: str, reference: str, status: Status) -> Reply:
    service, note = "-", ""
    try:
        found = await (await desk.georeport(jurisdiction_id)).request(reference)
        service, note = found.service_name, found.status_notes or ""
    except Refused as refused:
        if refused.may_pass:
            raise
        # of a request that is not public no more is said than that it moved
    values = {"reference": reference, "service": service, "status": f"@status.{status}"}
    key = "notice_closed" if status in workflow.CLOSED else "notice"
    return Reply(key, values | {"note": note}, about=reference)


async def _leave(desk: Desk, follower: Follower, told: Reply, change: str, link: str) -> None:
    home, conversation_id = follower.home, follower.conversation_id
    settings = desk.context.settings
    async with desk.context.db.begin(home) as connection:
        standing = await conversations.take(connection, settings, home, conversation_id)
        if standing is None or standing.stopped_at or standing.state is None:
            return
        language = msgspec.json.decode(standing.state, type=State).language
        said = catalogues.say(language, (told,), {"link": link})
        name = f"{conversation_id}-{change}"
        about = told.about
        await outbox.put(connection, settings, home, conversation_id, name, told.key, said, about)
