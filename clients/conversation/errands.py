"""Do what a conversation asks for: file, tell, look up; tried again, each is done once."""

from typing import Any

from clients.channels.channel import Attached
from clients.conversation.desk import Desk
from clients.conversation.state import Done, Draft, Errand, File, LookUp, Spot, Tell
from clients.georeport import GeoReport, Refused
from open311 import dates, reporters, subscriptions, tasks, wire
from open311.reporters import Contact
from open311.subscriptions import Follower
from open311.tasks import Later

MEDIA_KIND = "message.media"
_TOKEN_SECONDS = 2.0
_LONGEST_PLACE = 500


async def do(
    desk: Desk, who: Follower, contact: Contact | None, errand: Errand, channel: str
) -> Done:
    """Do an errand and say what came of it.

    Raises Later, or what httpx raises, when it must be tried again.
    """
    try:
        match errand:
            case File():
                return await _file(desk, who, contact, errand, channel)
            case Tell():
                return await _tell(desk, who, contact, errand)
            case LookUp():
                return await _look_up(desk, errand)
    except Refused as refused:
        if refused.may_pass or refused.status == 403:
            raise
        return _refused(errand, refused)


def _refused(errand: Errand, refused: Refused) -> Done:
    told = " ".join(refused.descriptions)
    if isinstance(errand, File):
        is_place = "outside" in told
        return Done(errand.key, "outside" if is_place else "refused", dates.now(), note=told)
    return Done(errand.key, "unknown", dates.now(), errand.reference)


async def _file(
    desk: Desk, who: Follower, contact: Contact | None, errand: File, channel: str
) -> Done:
    where = errand.draft.city or who.home
    api, draft = await desk.georeport(where, channel), errand.draft
    if _may_be_known(draft):
        known = await _find_known(api, draft)
        if known is None:
            return Done(errand.key, "clear", dates.now())
        name, reference = known.service_name, known.service_request_id
        done = Done(errand.key, "joined", dates.now(), reference, name)
    else:
        key = f"{who.conversation_id}-{errand.key}"
        receipt = await api.file(_fields(draft, contact), key)
        done = await _receipt(desk, api, errand, receipt, where)
    if done.reference:
        await _follow(desk, who, where, done.reference)
        await _attach(desk, who, errand.key, where, done.reference, draft.attached, contact)
    return done


def _may_be_known(draft: Draft) -> bool:
    return not draft.insists and draft.spot is not None and draft.spot.lat is not None


async def _find_known(api: GeoReport, draft: Draft) -> wire.Request | None:
    """An open request of the same service nearby: another would only be a second job."""
    spot = draft.spot or Spot("")
    found = await api.nearby(draft.service_code or "", spot.lat or 0.0, spot.long or 0.0)
    return found[0] if found else None


def _fields(draft: Draft, contact: Contact | None) -> dict[str, Any]:
    spot = draft.spot
    point = spot is not None and spot.lat is not None
    return {
        "service_code": draft.service_code,
        "description": draft.description or None,
        "lat": str(spot.lat) if spot and point else None,
        "long": str(spot.long) if spot and point else None,
        "address_string": (spot.name[:_LONGEST_PLACE] or None) if spot else None,
        "phone": contact.phone if contact else None,
        "first_name": contact.first_name if contact else None,
        **{f"attribute[{code}]": answer for code, answer in draft.answers},
    }


async def _receipt(
    desk: Desk, api: GeoReport, errand: File, receipt: wire.Receipt, where: str
) -> Done:
    """What a receipt says; a token is waited for, for people can do nothing with one."""
    reference = receipt.service_request_id or ""
    if receipt.token:
        reference = (await api.token(receipt.token)).service_request_id or ""
        if not reference:
            raise Later(_TOKEN_SECONDS)
    city = await desk.cities.find(where, api)
    offer = city.offer(errand.draft.service_code)
    note = receipt.service_notice or ""
    name = offer.name if offer else ""
    return Done(errand.key, "filed", dates.now(), reference, name, note=note)


async def _tell(desk: Desk, who: Follower, contact: Contact | None, errand: Tell) -> Done:
    api = await desk.georeport(errand.city)
    if errand.status == "cancelled":
        async with desk.context.db.begin(errand.city) as connection:
            await subscriptions.leave(connection, errand.city, errand.reference, who)
    if errand.status != "unchanged" or errand.words:
        await api.update(
            {
                "service_request_id": errand.reference,
                "update_id": f"{who.conversation_id}-{errand.key}",
                "status": errand.status,
                "description": errand.words or None,
                "phone": contact.phone if contact else None,
            }
        )
    await _attach(desk, who, errand.key, errand.city, errand.reference, errand.attached, contact)
    return Done(errand.key, "told", dates.now(), errand.reference)


async def _look_up(desk: Desk, errand: LookUp) -> Done:
    found = await (await desk.georeport(errand.city)).request(errand.reference)
    more = found.extended_attributes
    status = more.detailed_status if more else str(found.status)
    note, name = found.status_notes or "", found.service_name
    reference = found.service_request_id
    return Done(errand.key, "found", dates.now(), reference, name, status, note)


async def _follow(desk: Desk, who: Follower, where: str, reference: str) -> None:
    async with desk.context.db.begin(where) as connection:
        await subscriptions.follow(connection, where, reference, who)


async def _attach(
    desk: Desk,
    who: Follower,
    key: str,
    where: str,
    reference: str,
    attached: tuple[Attached, ...],
    contact: Contact | None,
) -> None:
    """Have what is attached fetched, each by itself: a report never waits for it."""
    if not attached:
        return
    context = desk.context
    async with context.db.begin(where) as connection:
        sender = None
        if contact and any(each.is_recording for each in attached):
            sender = await reporters.store(connection, context.settings, where, contact)
        for number, each in enumerate(attached):
            name = f"{who.conversation_id}-{key}-{number}"
            payload = {"reference": reference, "url": each.url, "name": name}
            payload["since"] = dates.now().isoformat()
            if sender:
                payload["reporter_id"] = sender
            await tasks.add(connection, where, MEDIA_KIND, name, payload)
