"""One step of a conversation: what follows from what was heard. Pure: all it knows is given.

Description, photos and place come in any order and in any number of messages; what is missing is
asked for, one question at a time; what is complete is read back, and filed when it is confirmed or
nobody answers.
"""

from collections.abc import Callable
from datetime import timedelta

from msgspec.structs import replace

from clients.conversation import commands, following, reporting
from clients.conversation.commands import Command
from clients.conversation.state import (
    City,
    Done,
    Draft,
    Event,
    Heard,
    Reply,
    Silent,
    State,
    Turn,
    ask,
    say,
)

FRESH = timedelta(hours=24)
"""After this silence a conversation begins anew: nobody remembers an open question for longer."""


def step(state: State, event: Event, city: City) -> Turn:
    """What is said and done after an event, and where the conversation stands then."""
    match event:
        case Heard():
            return _hear(state, event, city)
        case Done():
            return following.conclude(state, event, city)
        case Silent():
            return reporting.wait_no_longer(state, event, city)


def _hear(state: State, heard: Heard, city: City) -> Turn:
    state = _arrive(state, heard, city)
    command = None if heard.choice else commands.find(heard.text)
    turn = _obey(state, heard, city, command) if command else None
    if turn is None:
        turn = _understand(state, heard, city, command)
    turn = _greet(turn, state, city, command)
    return _warn(turn, heard, city)


def _arrive(state: State, heard: Heard, city: City) -> State:
    """The state as the message finds it: its language, and nothing left of the day before."""
    if state.heard_at and heard.at - state.heard_at > FRESH:
        state = replace(state, asked="", options=(), draft=Draft(), last=Draft())
    language = state.language
    if heard.language and (not language or commands.is_long(heard.text)):
        language = heard.language
    language = language or next(iter(city.languages), "en")
    return replace(state, language=language, heard_at=heard.at, turn=state.turn + 1)


def _understand(state: State, heard: Heard, city: City, command: Command | None) -> Turn:
    """What is no command: an answer to the open question, about an old request, or a report."""
    name = command.name if command else ""
    turn = following.about_old(state, heard, name)
    if turn is None and state.asked == "language":
        turn = _choose_language(state, heard, city)
    return turn or reporting.go_on(state, heard, city, name)


def _obey(state: State, heard: Heard, city: City, command: Command) -> Turn | None:
    action = _ACTIONS.get(command.name)
    return action(state, heard, city, command) if action else None


def _stop(state: State, _heard: Heard, _city: City, _command: Command) -> Turn:
    """At once, and of the messages alone: a report stays, and so does the draft's end."""
    return say(replace(state, stopped=True, draft=Draft()), Reply("stopped"))


def _start(state: State, _heard: Heard, city: City, _command: Command) -> Turn:
    return reporting.continue_after(replace(state, stopped=False), Reply("started"), city)


def _help(state: State, _heard: Heard, city: City, _command: Command) -> Turn:
    return reporting.continue_after(state, Reply("help", {"city": city.name}), city)


def _human(state: State, _heard: Heard, city: City, _command: Command) -> Turn:
    told = Reply("human", {"city": city.name, "contact": city.contact})
    return reporting.continue_after(state, told, city)


def _thank(state: State, _heard: Heard, city: City, _command: Command) -> Turn:
    return reporting.continue_after(state, Reply("welcome"), city)


def _cancel(state: State, _heard: Heard, _city: City, _command: Command) -> Turn:
    nothing = state.draft == Draft()
    told = Reply("nothing_to_cancel" if nothing else "cancelled")
    return say(replace(state, draft=Draft()), told)


def _ask_language(state: State, _heard: Heard, city: City, command: Command) -> Turn | None:
    if command.language:
        return _speak(state, command.language, city)
    options = tuple(dict.fromkeys((*city.languages, *("en", "af", "zu", "xh"))))
    names = tuple(f"@language.{code}" for code in options)
    return ask(state, "language", options, Reply("language", choices=names))


def _choose_language(state: State, heard: Heard, city: City) -> Turn | None:
    picked = reporting.pick(state, heard)
    if picked is None:
        return None
    return _speak(state, picked, city)


def _speak(state: State, language: str, city: City) -> Turn:
    state = replace(state, language=language, asked="", options=())
    return reporting.continue_after(state, Reply("language_set"), city)


_ACTIONS: dict[str, Callable[[State, Heard, City, Command], Turn | None]] = {
    "stop": _stop,
    "start": _start,
    "help": _help,
    "status": following.look_up,
    "cancel": _cancel,
    "language": _ask_language,
    "human": _human,
    "thanks": _thank,
    "not_fixed": following.reopen,
}


def _greet(turn: Turn, state: State, city: City, command: Command | None) -> Turn:
    """Say once who answers here and what becomes of a number; not to who wants silence."""
    if state.greeted or (command and command.name == "stop"):
        return turn
    greeting = Reply("greeting", {"city": city.name})
    return Turn(replace(turn.state, greeted=True), (greeting, *turn.replies))


def _warn(turn: Turn, heard: Heard, city: City) -> Turn:
    """Before anything else: whom to call when somebody is in danger."""
    if not heard.is_danger or not city.emergency:
        return turn
    danger = Reply("danger", {"numbers": city.emergency})
    return Turn(turn.state, (danger, *turn.replies))
