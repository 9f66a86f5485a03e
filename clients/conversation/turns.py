"""Hold conversations: messages in their order, each step in one transaction, errands in between.

A worker may die anywhere: an errand stands in the conversation's state until it is done, under a
key of its own, so it is tried again and done once.
"""

import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from clients.channels.registry import numbers
from clients.conversation import catalogues, errands, hearing
from clients.conversation.desk import Desk, Here
from clients.conversation.state import Done, Errand, Silent, State, Turn
from clients.conversation.step import step
from open311 import conversations, dates, inbox, outbox, reporters, tasks
from open311.conversations import Connection
from open311.inbox import Letter
from open311.reporters import Contact
from open311.subscriptions import Follower
from open311.tasks import Later

SILENT_KIND = "conversation.silent"
_PAUSE_SECONDS = 0.5
"""When to look again whether another worker's errand is done."""
_PATIENCE = dict.fromkeys(("describe", "service", "group", "place", "suburb"), 3600)
"""Seconds after which what can be filed is filed, by the question that nobody answered."""


class _Heard(Struct):
    """What one transaction hears of a citizen."""

    contact: Contact | None
    reporter_id: str | None = None
    letters: list[str] = []
    at: datetime | None = None


async def go_on(desk: Desk, home: str, payload: dict[str, Any]) -> None:
    """Task `conversation.continue`: answer all that waits of a conversation, in its order."""
    who = Follower(home, payload["conversation_id"])
    await desk.answering.run(who, partial(_go_on, desk, who))


async def _go_on(desk: Desk, who: Follower) -> None:
    done = None
    while True:
        errand, contact, channel = await _answer_all(desk, who, done)
        if errand is None:
            return
        try:
            done = await errands.do(desk, who, contact, errand, channel)
        except BaseException:
            async with desk.context.db.begin(who.home) as connection:
                await conversations.give_up(connection, who.home, who.conversation_id)
            raise


async def keep_silence(desk: Desk, home: str, payload: dict[str, Any]) -> None:
    """Task `conversation.silent`: nobody answered; then file what can be filed."""
    conversation_id = payload["conversation_id"]
    async with desk.context.db.begin(home) as connection:
        here, state = await _enter(desk, connection, Follower(home, conversation_id))
        if here is None or state.turn != payload["turn"]:
            return
        if state.errand is None:
            turn = step(state, Silent(payload["turn"], dates.now()), here.city)
            await _say(here, turn, f"silent-{payload['turn']}")
            await _save(here, turn.state)
    await go_on(desk, home, payload)


async def _answer_all(
    desk: Desk, who: Follower, done: Done | None
) -> tuple[Errand | None, Contact | None, str]:
    """Go on from an errand that is done, and answer what waits, up to the next errand.

    What that is, of whom, and by which channel they wrote.
    """
    async with desk.context.db.begin(who.home) as connection:
        here, state = await _enter(desk, connection, who)
        if here is None:
            return None, None, ""
        if done is None and here.standing.is_on_errand:
            raise Later(_PAUSE_SECONDS)
        heard = _Heard(here.standing.contact)
        if done is not None:
            turn = step(state, done, here.city)
            await _say(here, turn, f"done-{done.key}")
            state = turn.state
        # read when the conversation is ours: whoever had it until now may have answered them
        settings = desk.context.settings
        for letter in await inbox.waiting(connection, settings, who.home, who.conversation_id):
            if state.errand is not None:
                break
            state = await _answer(here, state, letter, heard)
        if done is not None or heard.letters or state.errand is not None:
            await _save(here, state, heard, on_errand=state.errand is not None)
        return state.errand, heard.contact, here.standing.channel


async def _enter(desk: Desk, connection: Connection, who: Follower) -> tuple[Here | None, State]:
    """Take hold of a conversation; nobody else goes on with it meanwhile."""
    settings, home = desk.context.settings, who.home
    standing = await conversations.take(connection, settings, home, who.conversation_id)
    if standing is None:
        return None, State()
    # what was forgotten must not be continued under numbers that were used
    state = State(serial=int(time.time()))
    if standing.state is not None:
        state = msgspec.json.decode(standing.state, type=State)
    where = state.draft.city or home
    city = await desk.cities.find(where, await desk.georeport(where))
    entries = numbers(settings, standing.channel).values()
    shared = next((each for each in entries if each[0] == home and len(each) > 1), ())
    city = await desk.cities.sharing(city, shared)
    return Here(desk, connection, home, standing, city), state


async def _answer(here: Here, state: State, letter: Letter, heard: _Heard) -> State:
    """One message, heard and answered: where the conversation stands then."""
    heard.letters.append(letter.message_id)
    inbound = hearing.read(letter)
    if inbound is None:
        return state
    if heard.contact is None or not heard.contact.phone:
        heard.contact = Contact(phone=inbound.sender, first_name=inbound.name)
        settings = here.desk.context.settings
        heard.reporter_id = await reporters.store(
            here.connection, settings, here.home, heard.contact
        )
    heard.at = letter.received_at
    turn = step(state, await hearing.hear(here, state, inbound, heard.at), here.city)
    await _say(here, turn, letter.message_id)
    return turn.state


async def _say(here: Here, turn: Turn, reason: str) -> None:
    """Leave what is said to be sent."""
    if not turn.replies:
        return
    settings, state = here.desk.context.settings, turn.state
    conversation_id = here.standing.conversation_id
    about = next((reply.about for reply in turn.replies if reply.about), None)
    where = next((each.city for each in state.filed if each.reference == about), here.home)
    more = {"link": here.desk.link(where, about) if about else ""}
    said = catalogues.say(state.language, turn.replies, more)
    kind = turn.replies[-1].key if len(turn.replies) == 1 else ""
    name = f"{conversation_id}-{reason}"
    await outbox.put(here.connection, settings, here.home, conversation_id, name, kind, said, about)


async def _save(
    here: Here, state: State, heard: _Heard | None = None, *, on_errand: bool = False
) -> None:
    """Keep where the conversation stands, with all that brought it there.

    The errand is this worker's alone if it now goes `on_errand`, until it may be taken for dead.
    """
    settings, heard = here.desk.context.settings, heard or _Heard(here.standing.contact)
    seconds = settings.task_lease_seconds if on_errand else None
    if heard.letters:
        await inbox.handled(here.connection, here.home, heard.letters)
    await conversations.save(
        here.connection,
        settings,
        here.home,
        here.standing.conversation_id,
        msgspec.json.encode(state),
        stopped=state.stopped,
        heard_at=heard.at,
        reporter_id=heard.reporter_id,
        errand_seconds=seconds,
    )
    await _wait_for_answer(here, state)


async def _wait_for_answer(here: Here, state: State) -> None:
    seconds = _PATIENCE.get(state.asked)
    if state.asked == "confirm":
        seconds = here.desk.context.settings.confirm_seconds
    if seconds is None:
        return
    conversation_id = here.standing.conversation_id
    name = f"{conversation_id}-{state.serial}-{state.turn}"
    payload = {"conversation_id": conversation_id, "turn": state.turn}
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    await tasks.add(here.connection, here.home, SILENT_KIND, name, payload, due)
