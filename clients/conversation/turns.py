"""Hold conversations: messages in their order, each step in one transaction, errands in between.

A worker may die anywhere: an errand stands in the conversation's state until it is done, under a
key of its own, so it is tried again and done once.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from clients.channels.registry import numbers
from clients.conversation import catalogues, errands, hearing
from clients.conversation.desk import Desk, Here
from clients.conversation.state import Done, Errand, Silent, State, Turn
from clients.conversation.step import step
from open311 import conversations, dates, inbox, outbox, tasks
from open311.conversations import Connection
from open311.inbox import Letter
from open311.reporters import Contact
from open311.subscriptions import Follower

SILENT_KIND = "conversation.silent"
_PATIENCE = {"service": 3600, "group": 3600, "place": 3600}
"""Seconds after which what can be filed is filed, by the question that nobody answered."""


async def go_on(desk: Desk, home: str, payload: dict[str, Any]) -> None:
    """Task `conversation.continue`: answer all that waits of a conversation, in its order."""
    conversation_id, done = payload["conversation_id"], None
    who = Follower(home, conversation_id)
    try:
        while True:
            errand, contact = await _answer_all(desk, who, done)
            if errand is None:
                return
            done = await errands.do(desk, who, contact, errand)
    finally:
        await tasks.wake(desk.context.queue)


async def keep_silence(desk: Desk, home: str, payload: dict[str, Any]) -> None:
    """Task `conversation.silent`: nobody answered; then file what can be filed."""
    conversation_id = payload["conversation_id"]
    async with desk.context.db.begin(home) as connection:
        here, state = await _enter(desk, connection, Follower(home, conversation_id))
        if here is None or state.turn != payload["turn"]:
            return
        turn = step(state, Silent(payload["turn"], dates.now()), here.city)
        await _say(here, turn, f"silent-{payload['turn']}")
    await go_on(desk, home, payload)


async def _answer_all(
    desk: Desk, who: Follower, done: Done | None
) -> tuple[Errand | None, Contact | None]:
    """Go on from an errand that is done, and answer what waits, up to the next errand."""
    async with desk.context.db.begin(who.home) as connection:
        here, state = await _enter(desk, connection, who)
        if here is None:
            return None, None
        contact = here.standing.contact
        if done is not None:
            turn = step(state, done, here.city)
            await _say(here, turn, f"done-{done.key}")
            state = turn.state
        # read when the conversation is ours: whoever had it until now may have answered them
        for letter in await _letters(desk, connection, who):
            if state.errand is not None:
                break
            state, contact = await _answer(here, state, letter, contact)
        return state.errand, contact


async def _letters(desk: Desk, connection: Connection, who: Follower) -> list[Letter]:
    settings = desk.context.settings
    return await inbox.waiting(connection, settings, who.home, who.conversation_id)


async def _enter(desk: Desk, connection: Connection, who: Follower) -> tuple[Here | None, State]:
    """Take hold of a conversation, begun if need be; nobody else goes on with it meanwhile."""
    settings, home = desk.context.settings, who.home
    standing = await conversations.take(connection, settings, home, who.conversation_id)
    if standing is None:
        letters = await _letters(desk, connection, who)
        if not letters:
            return None, State()
        channel = letters[0].channel
        await conversations.open_one(connection, home, who.conversation_id, channel)
        return await _enter(desk, connection, who)
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


async def _answer(
    here: Here, state: State, letter: Letter, contact: Contact | None
) -> tuple[State, Contact | None]:
    """One message: heard, answered, and noted as handled, all or nothing."""
    await inbox.handled(here.connection, here.home, letter.message_id)
    inbound = hearing.read(letter)
    if inbound is None:
        return state, contact
    conversation_id = here.standing.conversation_id
    if contact is None or not contact.phone:
        contact = Contact(phone=inbound.sender, first_name=inbound.name)
        await conversations.introduce(
            here.connection, here.desk.context.settings, here.home, conversation_id, contact
        )
    await conversations.hear(here.connection, here.home, conversation_id, letter.received_at)
    heard = await hearing.hear(here, state, inbound, letter.received_at)
    turn = step(state, heard, here.city)
    await _say(here, turn, letter.message_id)
    return turn.state, contact


async def _say(here: Here, turn: Turn, reason: str) -> None:
    """Keep what follows from an event: where the conversation stands, and what is said."""
    settings, state = here.desk.context.settings, turn.state
    conversation_id = here.standing.conversation_id
    await conversations.save(
        here.connection,
        settings,
        here.home,
        conversation_id,
        msgspec.json.encode(state),
        stopped=state.stopped,
    )
    if turn.replies:
        about = next((reply.about for reply in turn.replies if reply.about), None)
        where = next((each.city for each in state.filed if each.reference == about), here.home)
        more = {"link": here.desk.link(where, about) if about else ""}
        said = catalogues.say(state.language, turn.replies, more)
        kind = turn.replies[-1].key if len(turn.replies) == 1 else ""
        name = f"{conversation_id}-{reason}"
        await outbox.put(
            here.connection, settings, here.home, conversation_id, name, kind, said, about
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
