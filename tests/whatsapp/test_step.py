"""The conversation as a function: any order, one question at a time, commands at any time."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from msgspec.structs import replace

from clients.channels.channel import Attached
from clients.conversation import catalogues, commands
from clients.conversation.state import (
    City,
    Done,
    Draft,
    Event,
    File,
    Filed,
    Heard,
    LookUp,
    Offer,
    Question,
    Silent,
    Spot,
    State,
    Tell,
)
from clients.conversation.step import step

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOLE = Offer("HOLE", "Pothole", "Roads")
TREE = Offer(
    "TREE", "Tree", "Parks", (Question("KIND", "Which?", (("L", "Leans"), ("D", "Dead"))),)
)
CITY = City(
    "city.test",
    "Testville",
    ("en", "af", "xh"),
    (HOLE, TREE, Offer("OTHER", "Other", "Other"), Offer("SIGN", "Sign", "Roads")),
    "0860 103 089",
    "107",
)
SUBURBS = replace(CITY, suburbs=("Bellville", "Parow"))
PIN = Spot("Main Road", -33.9, 18.6)
PHOTO = Attached("https://example.org/1", "image/jpeg")
WORDS = Heard(NOW, "a deep hole in the road", guesses=(("HOLE", 0.95),))
PLACE = Heard(NOW, spot=PIN)
VOICE = Attached("https://example.org/2", "audio/ogg")
SPOKEN = Heard(NOW, attached=(VOICE,))
PICTURE = Heard(NOW, attached=(PHOTO,))
FILES = yaml.safe_load((catalogues._FOLDER.parent / "commands.yaml").read_text())


START = State()


def talk(*events: Event, state: State = START, city: City = CITY) -> tuple[State, list[str]]:
    """Where a conversation stands after some events, and the keys of all that was said."""
    said: list[str] = []
    for event in events:
        turn = step(state, event, city)
        state = turn.state
        said += [reply.key for reply in turn.replies]
    return state, said


def hear(text: str, **more: object) -> Heard:
    return replace(Heard(NOW, text), **more)


def filed(state: State, outcome: str = "filed") -> Done:
    assert state.errand is not None
    return Done(state.errand.key, outcome, NOW, "7K2M-Q4XZ", "Pothole")


@pytest.mark.parametrize("order", list(itertools.permutations([WORDS, PLACE, PICTURE])))
def test_description_photo_and_place_come_in_any_order(order: tuple[Heard, ...]) -> None:
    state, said = talk(*order)
    assert state.asked == "confirm"
    assert said[-1] == "confirm_photos"
    state, _ = talk(hear("1"), state=state)
    assert isinstance(state.errand, File)
    assert state.errand.draft.description == "a deep hole in the road"
    assert state.errand.draft.spot == PIN
    assert state.errand.draft.attached == (PHOTO,)
    assert state.errand.draft.service_code == "HOLE"


def test_who_answers_nothing_has_a_report_all_the_same() -> None:
    state, _ = talk(WORDS, PLACE)
    unmoved, _ = talk(Silent(state.turn - 1, NOW), state=state)
    assert unmoved.errand is None
    state, _ = talk(Silent(state.turn, NOW), state=state)
    assert isinstance(state.errand, File)


def test_a_late_yes_changes_nothing_and_a_late_no_takes_it_back() -> None:
    state, _ = talk(WORDS, PLACE)
    state, _ = talk(Silent(state.turn, NOW), state=state)
    state, said = talk(filed(state), state=state)
    assert said == ["filed"]
    late, said = talk(hear("1"), state=state)
    assert (late.errand, said) == (None, ["welcome"])
    state, _ = talk(hear("2"), state=state)
    assert isinstance(state.errand, Tell)
    assert state.errand.status == "cancelled"
    state, said = talk(filed(state, "told"), state=state)
    assert said == ["withdrawn", "which_group"]
    assert state.draft.description == "a deep hole in the road"
    assert state.draft.insists


def test_of_several_faults_each_is_a_report() -> None:
    state, _ = talk(WORDS, PLACE, hear("yes"))
    state, _ = talk(filed(state), state=state)
    state, _ = talk(hear("a tree fell over", guesses=(("TREE", 0.9),)), state=state)
    assert state.asked == "question"
    state, _ = talk(hear("2"), replace(PLACE, spot=Spot("Park")), hear("ewe"), state=state)
    assert isinstance(state.errand, File)
    assert state.errand.draft.answers == (("KIND", "D"),)
    assert state.errand.draft.words == ("a tree fell over",)
    assert [each.reference for each in state.filed] == ["7K2M-Q4XZ"]


def test_photos_that_come_late_belong_to_what_was_filed() -> None:
    state, _ = talk(WORDS, PLACE, hear("yes"))
    state, _ = talk(filed(state), PICTURE, state=state)
    assert isinstance(state.errand, Tell)
    assert state.errand.attached == (PHOTO,)


def test_who_speaks_is_asked_to_write_and_what_was_said_stays() -> None:
    state, said = talk(SPOKEN)
    assert said == ["greeting", "voice"]
    state, said = talk(WORDS, PLACE, state=state)
    assert said[-1] == "confirm", "there is no photo"
    state, _ = talk(hear("yes"), state=state)
    assert isinstance(state.errand, File)
    assert state.errand.draft.attached == (VOICE,)
    state, _ = talk(filed(state), SPOKEN, state=state)
    assert isinstance(state.errand, Tell), "it belongs to what was just filed"


def test_who_only_speaks_and_says_where_is_heard_by_the_staff() -> None:
    state, _ = talk(SPOKEN, PLACE)
    state, _ = talk(Silent(state.turn, NOW), state=state)
    assert isinstance(state.errand, File)
    assert state.errand.draft.service_code == "OTHER"


def test_what_may_be_several_services_is_asked() -> None:
    unsure = (("SIGN", 0.4), ("HOLE", 0.3), ("TREE", 0.05))
    state, said = talk(hear("something", guesses=unsure))
    assert said == ["greeting", "which_service"]
    assert state.options == ("SIGN", "HOLE", "other")
    picked, _ = talk(hear("2."), state=state)
    assert picked.draft.service_code == "HOLE"
    menu, said = talk(hear("3"), state=state)
    assert said == ["which_group"]
    assert menu.options == ("Roads", "Parks", "Other")
    roads, _ = talk(hear("1"), state=menu)
    assert roads.options == ("HOLE", "SIGN", "other")


def test_of_services_a_yes_means_the_likeliest() -> None:
    for word, code in (("ja", "HOLE"), ("nee", None)):
        state, _ = talk(hear("thing", guesses=(("HOLE", 0.4), ("SIGN", 0.3))), hear(word))
        assert state.draft.service_code == code


def test_a_place_of_several_is_asked_never_guessed() -> None:
    spots = (Spot("Main Road, Claremont"), Spot("Main Road, Diep River"))
    state, _ = talk(WORDS)
    state, said = talk(hear("Main Road", spots=spots), state=state)
    assert said == ["which_place"]
    state, _ = talk(hear("2"), state=state)
    assert state.draft.spot == spots[1]
    assert state.draft.words == WORDS.text.splitlines() or state.draft.words == (WORDS.text,)


def test_a_place_in_words_is_taken_as_it_was_written() -> None:
    state, said = talk(WORDS, hear("behind the clinic in Site C"))
    assert said[-1] == "confirm"
    assert state.draft.spot == Spot("behind the clinic in Site C")


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (hear("2"), "by the tap, Parow"),
        (hear("Parow"), "by the tap, Parow"),
        (hear("Elsies River"), "by the tap, Elsies River"),
        (hear("3"), "by the tap"),
        (Silent(2, NOW), "by the tap"),
        (PLACE, "Main Road"),
    ],
    ids=["number", "name", "another", "none of them", "silence", "pin"],
)
def test_a_place_that_is_not_known_is_asked_its_suburb(answer: Event, name: str) -> None:
    state, said = talk(WORDS, hear("by the tap"), city=SUBURBS)
    assert said[-1] == "which_suburb"
    state, said = talk(answer, state=state, city=SUBURBS)
    draft = state.errand.draft if isinstance(state.errand, File) else state.draft
    assert draft.spot is not None
    assert draft.spot.name == name
    assert said == (["confirm"] if isinstance(answer, Heard) else [])


def test_the_place_is_asked_again_after_a_suburb_that_was_outside() -> None:
    state, _ = talk(WORDS, hear("by the tap"), hear("1"), hear("yes"), city=SUBURBS)
    state, said = talk(filed(state, "outside"), state=state, city=SUBURBS)
    assert (state.asked, said) == ("place", ["outside"])
    state, said = talk(hear("near the school"), hear("2"), state=state, city=SUBURBS)
    assert said[-1] == "confirm"
    assert state.draft.spot == Spot("near the school, Parow")


def test_a_place_outside_is_asked_again() -> None:
    state, _ = talk(WORDS, PLACE, hear("yes"))
    state, said = talk(filed(state, "outside"), state=state)
    assert (state.asked, said) == ("place", ["outside"])
    assert state.draft.description == WORDS.text


def test_who_joins_a_known_report_can_insist() -> None:
    state, _ = talk(WORDS, PLACE, hear("yes"))
    state, said = talk(filed(state, "joined"), state=state)
    assert said == ["joined"]
    same, said = talk(hear("1"), state=state)
    assert (same.errand, said) == (None, ["welcome"])
    state, _ = talk(hear("2"), state=state)
    assert isinstance(state.errand, File)
    assert state.errand.draft.insists


def test_a_reply_to_an_old_message_continues_its_request() -> None:
    old = Filed("AAAA-2222", "city.test", "Pothole", NOW - timedelta(days=3))
    state, _ = talk(hear("it is getting worse", about=old, attached=(PHOTO,)))
    assert state.errand == Tell(
        "1", "city.test", "AAAA-2222", "unchanged", "it is getting worse", (PHOTO,)
    )
    for said in ("Not fixed!", "nog stukkend", "akulungisiwe"):
        state, _ = talk(hear(said, about=old))
        assert isinstance(state.errand, Tell)
        assert state.errand.status == "reopen"
    state, _ = talk(Heard(NOW, choice="not_fixed", about=old))
    assert isinstance(state.errand, Tell)


def test_an_answer_by_button_beats_what_it_replies_to() -> None:
    state, _ = talk(WORDS, PLACE)
    old = Filed("AAAA-2222", "city.test", "Pothole", NOW)
    state, _ = talk(Heard(NOW, "Yes", choice="yes", about=old), state=state)
    assert isinstance(state.errand, File)


def test_after_a_day_everything_begins_anew() -> None:
    state, _ = talk(WORDS)
    state, said = talk(replace(PLACE, at=NOW + timedelta(hours=25)), state=state)
    assert said == ["describe"]
    assert state.draft.words == ()


def test_danger_comes_first() -> None:
    _, said = talk(hear("a cable is lying in the water", is_danger=True))
    assert said[:2] == ["danger", "greeting"]


def test_a_number_that_serves_several_cities_asks_which() -> None:
    shared = replace(CITY, shared_by=(("a.test", "A"), ("b.test", "B")))
    state, said = talk(WORDS, city=shared)
    assert said[-1] == "which_city"
    state, said = talk(hear("2"), state=state, city=shared)
    assert state.draft.city == "b.test"
    state, said = talk(WORDS, replace(PLACE, city="a.test"), city=shared)
    assert (state.draft.city, said[-1]) == ("a.test", "confirm")


def test_a_pin_without_words_is_asked_what_is_there_and_silence_files_nothing() -> None:
    state, said = talk(PLACE)
    assert said == ["greeting", "describe"]
    state, _ = talk(Silent(state.turn, NOW), state=state)
    assert state.errand is None


def test_what_nobody_names_goes_to_the_catch_all_in_the_end() -> None:
    state, _ = talk(hear("things are bad"), PLACE)
    assert state.asked == "group"
    state, _ = talk(Silent(state.turn, NOW), state=state)
    assert isinstance(state.errand, File)
    assert state.errand.draft.service_code == "OTHER"


SAYINGS = [
    (name, language, word)
    for name, languages in FILES.items()
    for language, words in languages.items()
    for word in words
]
STATES = {
    "new": State(),
    "described": talk(WORDS)[0],
    "complete": talk(WORDS, PLACE)[0],
    "asked": talk(hear("thing", guesses=(("SIGN", 0.4), ("HOLE", 0.3))))[0],
    "filed": talk(
        filed(talk(WORDS, PLACE, hear("yes"))[0]), state=talk(WORDS, PLACE, hear("yes"))[0]
    )[0],
}
ANSWERS = {
    "stop": "stopped",
    "start": "started",
    "help": "help",
    "human": "human",
    "language": "language",
    "thanks": "welcome",
}


@pytest.mark.parametrize("where", STATES)
def test_commands_are_understood_in_every_state_and_language(where: str) -> None:
    state = STATES[where]
    for name, language, word in SAYINGS:
        meant = commands.find(word.upper())
        assert meant is not None, word
        after = step(state, hear(word), CITY)
        said = [reply.key for reply in after.replies]
        if meant.name in ANSWERS:
            assert ANSWERS[meant.name] in said, (name, language, word)
        if name == "stop":
            assert after.state.stopped
            assert (said, after.state.errand) == (["stopped"], None)
            assert after.state.filed == state.filed
        if name == "cancel":
            assert after.state.draft == Draft()


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("STXB-NNEN", "STXB-NNEN"),
        ("status of stxb-nnen", "STXB-NNEN"),
        ("status 7k2mq4xz", "7K2M-Q4XZ"),
        ("status 7k2m q4xz", "7K2M-Q4XZ"),
        ("NNEN Q4XZ", "NNEN-Q4XZ"),
        ("status ward 7K2M-Q4XZ", "7K2M-Q4XZ"),
        ("STXBNNEN", None),
        ("that tree", None),
        ("that tree 4", None),
    ],
)
def test_a_reference_is_found_as_it_is_written(said: str, reference: str | None) -> None:
    command = commands.find(said)
    assert (command.reference if command else None) == reference


def test_status_by_reference_and_of_the_last() -> None:
    state, _ = talk(hear("status 7k2m q4xz"))
    assert state.errand == LookUp("1", "city.test", "7K2M-Q4XZ")
    _, said = talk(hear("isimo"))
    assert said[-1] == "status_of_what"
    state, _ = talk(hear("stand"), state=STATES["filed"])
    assert isinstance(state.errand, LookUp)
    state, said = talk(Done(state.errand.key, "found", NOW, "X", "Y", "fixed"), state=state)
    assert said == ["status"]
    _, said = talk(hear("7K2M-Q4XZ"), Done("1", "unknown", NOW, "7K2M-Q4XZ"))
    assert said[-1] == "unknown"
