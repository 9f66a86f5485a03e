"""What became of reports: what errands bring back, and what is said of requests filed before."""

from msgspec.structs import replace

from clients.conversation.commands import Command
from clients.conversation.reporting import continue_after
from clients.conversation.state import (
    City,
    Done,
    Draft,
    Errand,
    File,
    Filed,
    Heard,
    LookUp,
    Reply,
    State,
    Tell,
    Turn,
    ask,
    give,
    say,
)

_REMEMBERED = 5


def look_up(state: State, heard: Heard, city: City, command: Command) -> Turn:
    """Find out how a request stands: the one that is named, or the last one."""
    last = heard.about or (state.filed[-1] if state.filed else None)
    if command.reference:
        known = (filed.city for filed in state.filed if filed.reference == command.reference)
        where = next(known, state.draft.city or city.jurisdiction_id)
        return give(state, LookUp("", where, command.reference))
    if last is None:
        return say(state, Reply("status_of_what"))
    return give(state, LookUp("", last.city, last.reference))


def reopen(state: State, heard: Heard, _city: City, _command: Command) -> Turn:
    """Open a request again: the one that is answered to, or the last one."""
    filed = heard.about or (state.filed[-1] if state.filed else None)
    if filed is None:
        return say(state, Reply("status_of_what"))
    errand = Tell("", filed.city, filed.reference, "reopen", heard.text, heard.attached)
    return give(state, errand)


def about_old(state: State, heard: Heard, command: str) -> Turn | None:
    """What a reply to an old message says goes to the request that the message was about."""
    answers_question = state.asked and (heard.choice or not heard.text)
    if heard.about is None or answers_question or command in ("yes", "no", "new"):
        return None
    if heard.choice == "not_fixed":
        return reopen(state, heard, _NOWHERE, Command("not_fixed"))
    if not (heard.text or heard.attached):
        return None
    filed = heard.about
    errand = Tell("", filed.city, filed.reference, "unchanged", heard.text, heard.attached)
    return give(state, errand)


_NOWHERE = City("", "", (), (), "", "")


def conclude(state: State, done: Done, city: City) -> Turn:
    """What is said when an errand is done; one that is not waited for any more says nothing."""
    errand = state.errand
    if errand is None or errand.key != done.key:
        return Turn(state)
    if done.outcome == "clear" and isinstance(errand, File):
        # kept before it is filed: whoever tries again must not take it for another's
        fresh = replace(errand, draft=replace(errand.draft, insists=True))
        return Turn(replace(state, errand=fresh))
    state = replace(state, errand=None)
    match done.outcome:
        case "filed" | "joined":
            return _conclude_filing(state, done, city)
        case "outside":
            return _ask_place_again(state, done)
        case "refused":
            told = Reply("refused", {"reason": done.note})
            return say(replace(state, draft=Draft()), told)
        case "found":
            return say(state, _standing(done))
        case "told":
            return _conclude_telling(state, done, errand, city)
    return say(state, Reply("unknown", {"reference": done.reference}))


def _conclude_filing(state: State, done: Done, city: City) -> Turn:
    where = state.draft.city or city.jurisdiction_id
    filed = Filed(done.reference, where, done.service, done.at)
    others = tuple(each for each in state.filed if each.reference != done.reference)
    state = replace(
        state,
        filed=(*others, filed)[-_REMEMBERED:],
        last=state.draft,
        draft=Draft(),
    )
    values = {"reference": done.reference, "service": done.service, "note": done.note}
    if done.outcome == "joined":
        told = Reply("joined", values, ("@choice.same", "@choice.different"), done.reference)
        return ask(state, "joined", ("yes", "new"), told)
    key = "filed_note" if done.note else "filed"
    # numbered as the reading back was: an answer to that may come when it is filed already
    return ask(state, "filed", ("yes", "no"), Reply(key, values, about=done.reference))


def _ask_place_again(state: State, done: Done) -> Turn:
    draft = replace(state.draft, spot=None, place_asked=True)
    told = Reply("outside", {"reason": done.note})
    return ask(replace(state, draft=draft), "place", (), told)


def _standing(done: Done) -> Reply:
    values = {
        "reference": done.reference,
        "service": done.service,
        "status": f"@status.{done.status}",
        "note": done.note,
    }
    return Reply("status_note" if done.note else "status", values, about=done.reference)


def _conclude_telling(state: State, done: Done, errand: Errand, city: City) -> Turn:
    key = "added"
    if isinstance(errand, Tell):
        key = {"reopen": "reopened", "cancelled": "withdrawn"}.get(errand.status, "added")
    told = Reply(key, {"reference": done.reference}, about=done.reference)
    return continue_after(state, told, city)
