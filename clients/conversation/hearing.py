"""Make sense of a message: its words, its pin, what is attached, and what it answers to."""

from datetime import UTC, datetime

from clients.channels.channel import Inbound
from clients.channels.registry import CHANNELS
from clients.conversation import commands
from clients.conversation.desk import Desk, Here
from clients.conversation.state import City, Filed, Heard, Spot, State
from open311 import geocoding, jurisdictions, outbox
from open311.conversations import Connection
from open311.errors import NotFound
from open311.inbox import Letter

_ATTACHED = ("image/", "audio/")
_NEAR_METRES = 300.0
_MOST_PLACES = 4
_NAMED = 0.7


def read(letter: Letter) -> Inbound | None:
    """A message as its channel reads it; None of one that was erased before it was answered."""
    if letter.content is None:
        return None
    return CHANNELS[letter.channel].read(letter.content)


async def hear(here: Here, state: State, inbound: Inbound, at: datetime) -> Heard:
    """What a message says, as far as can be made out."""
    connection, city = here.connection, here.city
    text, senses = inbound.text, here.desk.senses
    is_report = bool(text) and commands.find(text) is None and commands.number(text) is None
    language = senses.language(text, city.languages, state.language) if is_report else None
    spoken = language or state.language or next(iter(city.languages), "en")
    spots: tuple[Spot, ...] = ()
    if is_report and state.asked == "place":
        spots = await _places(connection, city, text)
    return Heard(
        at=at,
        text=text,
        spot=await _spot(connection, inbound),
        attached=tuple(
            each for each in inbound.attached if each.content_type.startswith(_ATTACHED)
        ),
        is_pin_lost=_is_pin_lost(inbound),
        choice=inbound.choice,
        about=await _about(here, state, inbound),
        language=language,
        guesses=senses.services(text, spoken, city) if is_report else (),
        spots=spots,
        is_danger=is_report and senses.is_danger(text, spoken),
        city=await _city_of(here.desk, city, inbound),
    )


def _is_pin_lost(inbound: Inbound) -> bool:
    """Whether a message is what the provider's list leaves of a pin."""
    return inbound.is_from_list and not (inbound.text or inbound.attached or inbound.choice)


async def _spot(connection: Connection, inbound: Inbound) -> Spot | None:
    """The pin, with the name it came with or that of what it is at."""
    if inbound.lat is None or inbound.long is None:
        return None
    name = inbound.place
    if not name:
        described = await geocoding.describe(connection, inbound.lat, inbound.long)
        near = described.metres is not None and described.metres <= _NEAR_METRES
        name = described.name if near else None
    return Spot(name or "", inbound.lat, inbound.long)


async def _places(connection: Connection, city: City, text: str) -> tuple[Spot, ...]:
    """The places of the city that words name: one, several to ask about, or none that is known.

    A name alone is no point: where exactly in a suburb it is, the words say.
    """
    code = await geocoding.municipality_of(connection, city.jurisdiction_id)
    if code is None:
        return ()
    found = await geocoding.find(connection, text, code, limit=_MOST_PLACES)
    sure = [
        each
        for each in found
        if each.municipality_code == code and each.score >= _NAMED and each.how == "name"
    ]
    names = dict.fromkeys(each.name for each in sure)
    return tuple(Spot(name) for name in names)


async def _about(here: Here, state: State, inbound: Inbound) -> Filed | None:
    """The request that the message replied to was about, if it was."""
    if inbound.answers is None:
        return None
    who = here.standing.conversation_id
    reference = await outbox.about(here.connection, here.home, who, inbound.answers)
    if reference is None:
        return None
    known = (each for each in state.filed if each.reference == reference)
    return next(known, Filed(reference, here.home, "", _long_ago(state)))


def _long_ago(state: State) -> datetime:
    """When the conversation was last heard of, for a request that it has forgotten."""
    return state.heard_at or datetime.min.replace(tzinfo=UTC)


async def _city_of(desk: Desk, city: City, inbound: Inbound) -> str | None:
    """The city that the pin lies in, when the number serves several."""
    if not city.shared_by or inbound.lat is None or inbound.long is None:
        return None
    try:
        found = await jurisdictions.around(desk.context.db, inbound.lat, inbound.long)
    except NotFound:
        return None
    served = {code for code, _ in city.shared_by}
    return found.jurisdiction_id if found.jurisdiction_id in served else None
