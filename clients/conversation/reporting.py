"""Making a report out of messages: what is heard is added to it, what is missing is asked for."""

from datetime import timedelta

from msgspec.structs import replace

from clients.conversation import commands
from clients.conversation.state import (
    OTHER,
    City,
    Draft,
    File,
    Heard,
    Question,
    Reply,
    Silent,
    Spot,
    State,
    Tell,
    Turn,
    ask,
    give,
    moments_ago,
    say,
)

SURE = 0.7
"""From this confidence on a service is taken without asking; it is still read back."""
LIKELY = 0.15
_LISTED = 3
_LATE = timedelta(minutes=15)
_LONGEST_READ_BACK = 200
_PICKED = ("city", "service", "group", "question", "which_place", "suburb")
"""Questions with a list to pick from."""


def go_on(state: State, heard: Heard, city: City, command: str) -> Turn:
    """What is heard answers the open question, or adds to the report, or begins one."""
    turn = _answer(state, heard, city, command)
    if turn is not None:
        return turn
    if _is_late(state, heard):
        filed = state.filed[-1]
        errand = Tell("", filed.city, filed.reference, "unchanged", attached=heard.attached)
        return give(state, errand)
    if heard.is_pin_lost and not _is_located(state.draft):
        return continue_after(state, Reply("pin_lost"), city)
    state = _add(state, heard)
    if state.draft == Draft():
        return ask(state, "describe", (), Reply("describe"))
    return next_question(state, city)


def _is_located(draft: Draft) -> bool:
    """Whether its place is known as a point."""
    return draft.spot is not None and draft.spot.lat is not None


def _is_late(state: State, heard: Heard) -> bool:
    """A photo or recording alone, moments after a report was filed: it belongs to that."""
    alone = heard.attached and not (heard.text or heard.spot)
    return bool(alone and state.draft == Draft() and moments_ago(state, heard.at, _LATE))


def pick(state: State, heard: Heard) -> str | None:
    """The option that an answer picks: by button, by number, or None."""
    if heard.choice in state.options:
        return heard.choice
    chosen = commands.number(heard.choice or heard.text)
    if chosen is not None and 1 <= chosen <= len(state.options):
        return state.options[chosen - 1]
    return None


def _answer(state: State, heard: Heard, city: City, command: str) -> Turn | None:
    """What follows from an answer to the open question; None when it is none."""
    picked = pick(state, heard)
    if picked is None and command in ("yes", "no", "new"):
        picked = _in_words(state, command)
    match state.asked:
        case "confirm" if picked == "yes":
            return file(state)
        case "confirm" if picked == "no":
            return _ask_group(replace(state, draft=_without_service(state.draft)), city)
        case "joined" if picked == "new" and state.last.service_code:
            return file(replace(state, draft=replace(state.last, insists=True)))
        case "filed" if picked == "no":
            return _take_back(state)
        case "filed" | "joined" if picked == "yes":
            return say(state, Reply("welcome"))
        case asked if asked in _PICKED and picked is not None:
            return next_question(_take(state, picked, city), city)
        case "question" if heard.text and not _question(state, city).choices:
            return next_question(_take(state, heard.text, city), city)
        case "place" if heard.text and not heard.spot:
            return next_question(replace(state, draft=_placed(state.draft, heard, city)), city)
        case "suburb" if heard.text and not heard.spot:
            return next_question(_take(state, heard.text, city), city)
    if command or (state.draft == Draft() and commands.number(heard.text) is not None):
        return continue_after(state, Reply("not_understood"), city)
    return None


def _placed(draft: Draft, heard: Heard, city: City) -> Draft:
    """The draft with the place that was written: as it was written, unless it means several.

    Where it names none that is known, the suburb is still to be asked for.
    """
    draft = replace(draft, attached=(*draft.attached, *heard.attached))
    if len(heard.spots) > 1:
        return replace(draft, places=heard.spots)
    if not heard.spots and city.suburbs:
        return replace(draft, unplaced=heard.text)
    known = heard.spots[0] if heard.spots else Spot("")
    return replace(draft, spot=replace(known, name=heard.text))


def _in_words(state: State, command: str) -> str | None:
    """The option that a yes or no means: of services the likeliest, or none of them.

    It is read back before it is filed.
    """
    if command in state.options:
        return command
    if state.asked == "service" and state.options[-1] == OTHER and command in ("yes", "no"):
        return state.options[0] if command == "yes" else OTHER
    return None


def _take(state: State, picked: str, city: City) -> State:
    """The state with an answer in its draft."""
    draft = state.draft
    match state.asked:
        case "city":
            draft = replace(draft, city=picked)
        case "service" if picked == OTHER:
            draft = replace(draft, guesses=())
        case "service":
            draft = replace(draft, service_code=picked)
        case "group":
            draft = replace(draft, guesses=_of_group(city, picked))
        case "which_place" if picked == OTHER:
            draft = replace(draft, places=())
        case "which_place":
            name, _, point = picked.partition("\t")
            lat, long = (float(part) for part in point.split()) if point else (None, None)
            draft = replace(draft, spot=Spot(name, lat, long), places=())
        case "suburb":
            name = draft.unplaced if picked == OTHER else f"{draft.unplaced}, {picked}"
            draft = replace(draft, spot=Spot(name), unplaced="")
        case "question":
            answered = (*draft.answers, (_question(state, city).code, picked))
            draft = replace(draft, answers=answered)
    return replace(state, draft=draft, asked="", options=())


def _question(state: State, city: City) -> Question:
    """The question of the service that is open."""
    known = {code for code, _ in state.draft.answers}
    offer = city.offer(state.draft.service_code)
    questions = offer.questions if offer else ()
    return next((each for each in questions if each.code not in known), Question("", ""))


def _add(state: State, heard: Heard) -> State:
    """The state with what is heard added to its draft."""
    draft = state.draft
    if heard.text:
        draft = replace(draft, words=(*draft.words, heard.text))
    if heard.spot:
        draft = replace(draft, spot=heard.spot, city=heard.city or draft.city)
    elif draft.spot is None:
        draft = _named(draft, heard.spots)
    draft = replace(draft, attached=(*draft.attached, *heard.attached))
    return replace(state, draft=_guess(draft, heard))


def _named(draft: Draft, spots: tuple[Spot, ...]) -> Draft:
    """The draft with a place that its words name; of several it is asked which."""
    if len(spots) == 1:
        return replace(draft, spot=spots[0], places=())
    return replace(draft, places=spots or draft.places)


def _guess(draft: Draft, heard: Heard) -> Draft:
    """The draft with its service, or those it may be; what a person chose is left alone."""
    if draft.service_code or not heard.guesses:
        return draft
    code, confidence = heard.guesses[0]
    if confidence >= SURE:
        return replace(draft, service_code=code)
    likely = tuple(code for code, sure in heard.guesses[:_LISTED] if sure >= LIKELY)
    return replace(draft, guesses=likely or draft.guesses)


def next_question(state: State, city: City) -> Turn:
    """Ask for what is missing most, or read all back."""
    draft = state.draft
    if city.shared_by and draft.city is None:
        return _ask_city(state, city)
    if not draft.words and draft.service_code is None:
        return ask(state, "describe", (), Reply(_describe(draft)))
    if draft.service_code is None:
        return _ask_service(state, city)
    if _question(state, city).code:
        return _ask_question(state, city)
    if draft.spot is None:
        return _ask_where(state, city)
    return _read_back(state, city)


def _describe(draft: Draft) -> str:
    """What asks for words: nobody has listened yet to who spoke."""
    if draft.recordings:
        return "voice"
    return "describe_more" if draft.photos else "describe"


def _ask_city(state: State, city: City) -> Turn:
    codes, names = zip(*city.shared_by, strict=True)
    return ask(state, "city", codes, Reply("which_city", choices=names))


def _ask_service(state: State, city: City) -> Turn:
    offers = [offer for code in state.draft.guesses if (offer := city.offer(code))]
    if not offers:
        return _ask_group(state, city)
    names = (*(offer.name for offer in offers), "@choice.other")
    codes = (*(offer.service_code for offer in offers), OTHER)
    return ask(state, "service", codes, Reply("which_service", choices=names))


def _ask_group(state: State, city: City) -> Turn:
    """The menu: groups, or all services where they are few."""
    groups = tuple(dict.fromkeys(offer.group or offer.name for offer in city.offers))
    if len(groups) <= 1 or len(city.offers) <= _LISTED:
        codes = tuple(offer.service_code for offer in city.offers)
        names = tuple(offer.name for offer in city.offers)
        return ask(state, "service", codes, Reply("which_service", choices=names))
    return ask(state, "group", groups, Reply("which_group", choices=groups))


def _of_group(city: City, group: str) -> tuple[str, ...]:
    return tuple(offer.service_code for offer in city.offers if group in (offer.group, offer.name))


def _ask_question(state: State, city: City) -> Turn:
    question = _question(state, city)
    keys = tuple(key for key, _ in question.choices)
    names = tuple(name for _, name in question.choices)
    return ask(state, "question", keys, Reply("question", {"question": question.text}, names))


def _ask_where(state: State, city: City) -> Turn:
    """Of several places which; of none that is known the suburb; or the place at all."""
    if state.draft.places:
        return _which_place(state)
    if state.draft.unplaced and city.suburbs:
        names = (*city.suburbs, "@choice.none_of_them")
        return ask(state, "suburb", (*city.suburbs, OTHER), Reply("which_suburb", choices=names))
    return _ask_place(state)


def _ask_place(state: State) -> Turn:
    key = "send_place_again" if state.draft.place_asked else "send_place"
    state = replace(state, draft=replace(state.draft, place_asked=True))
    return ask(state, "place", (), Reply(key))


def _which_place(state: State) -> Turn:
    """Ask which of several places is meant: never guess."""
    spots = state.draft.places
    options = tuple(
        spot.name if spot.lat is None else f"{spot.name}\t{spot.lat} {spot.long}" for spot in spots
    )
    names = (*(spot.name for spot in spots), "@choice.none_of_them")
    return ask(state, "which_place", (*options, OTHER), Reply("which_place", choices=names))


def _read_back(state: State, city: City) -> Turn:
    draft, offer = state.draft, city.offer(state.draft.service_code)
    values = {
        "service": offer.name if offer else "",
        "place": draft.spot.name if draft.spot and draft.spot.name else "@place.pin",
        "description": _short(draft.description) or "-",
        "photos": str(draft.photos),
    }
    key = "confirm_photos" if draft.photos else "confirm"
    told = Reply(key, values, ("@choice.yes", "@choice.change"))
    return ask(state, "confirm", ("yes", "no"), told)


def _short(text: str) -> str:
    longest = _LONGEST_READ_BACK
    return text if len(text) <= longest else f"{text[:longest].rstrip()}…"


def _without_service(draft: Draft) -> Draft:
    return replace(draft, service_code=None, guesses=(), answers=())


def _take_back(state: State) -> Turn:
    """Withdraw what was filed a moment ago, and ask again what it is."""
    filed = state.filed[-1]
    draft = replace(_without_service(state.last), insists=True)
    turn = give(replace(state, draft=draft), Tell("", filed.city, filed.reference, "cancelled"))
    return Turn(turn.state)


def file(state: State) -> Turn:
    """Have the report filed."""
    return give(state, File("", state.draft))


def wait_no_longer(state: State, silent: Silent, city: City) -> Turn:
    """File what was read back and not answered, and what can be filed as it is."""
    if silent.turn != state.turn or state.errand is not None:
        return Turn(state)
    draft = state.draft
    is_spoken = state.asked == "describe" and draft.recordings
    if (state.asked in ("service", "group") or is_spoken) and draft.spot and city.catch_all:
        draft = replace(draft, service_code=city.catch_all)
    elif state.asked in ("place", "suburb") and draft.words and draft.service_code:
        draft = replace(draft, spot=Spot(draft.unplaced or city.name))
    elif state.asked != "confirm":
        return Turn(state)
    return file(replace(state, draft=draft))


def continue_after(state: State, told: Reply, city: City) -> Turn:
    """Say something, and then ask again what was open."""
    if state.draft == Draft():
        return say(state, told)
    again = next_question(state, city)
    return Turn(again.state, (told, *again.replies))
