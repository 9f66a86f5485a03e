"""The conversation as a function, whatever is sent: one question at a time, nobody unanswered."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from clients.conversation import catalogues
from clients.conversation.state import Done, Event, File, Filed, Heard, Silent, Spot, State
from clients.conversation.step import step
from tests.whatsapp.test_step import CITY, NOW, PHOTO, SAYINGS, SUBURBS, VOICE

texts = st.one_of(
    st.sampled_from([word for _, _, word in SAYINGS]),
    st.sampled_from(["1", "2", "9", "", "water everywhere", "STATUS 7K2M-Q4XZ", "{x}", "\t"]),
    st.text(max_size=30),
)
guesses = st.lists(
    st.tuples(st.sampled_from(["HOLE", "TREE", "GONE"]), st.floats(0, 1)), max_size=3
).map(tuple)
spots = st.builds(Spot, st.text(max_size=5), st.none() | st.floats(-90, 90), st.floats(-180, 180))
heards = st.builds(
    Heard,
    st.integers(0, 72).map(lambda hours: NOW + timedelta(hours=hours)),
    texts,
    st.none() | spots,
    st.lists(st.sampled_from([PHOTO, VOICE]), max_size=2).map(tuple),
    st.none() | st.sampled_from(["yes", "no", "HOLE", "not_fixed", "junk"]),
    st.none() | st.just(Filed("AAAA-2222", "city.test", "Pothole", NOW)),
    st.none() | st.sampled_from(["en", "zu", "ve", "other"]),
    guesses,
    st.lists(spots, max_size=3).map(tuple),
    st.booleans(),
    is_pin_lost=st.booleans(),
)
outcomes = st.sampled_from(
    ["clear", "filed", "joined", "refused", "outside", "told", "found", "unknown"]
)
dones = st.builds(Done, st.integers(0, 9).map(str), outcomes, st.just(NOW), st.just("7K2M-Q4XZ"))
silents = st.builds(Silent, st.integers(0, 9), st.just(NOW))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(heards, heards, dones, silents), max_size=12), st.booleans())
def test_whatever_is_sent_the_conversation_makes_sense(
    events: list[Event], has_suburbs: bool
) -> None:
    city = SUBURBS if has_suburbs else CITY
    state = State()
    for event in events:
        if isinstance(event, Done) and state.errand:
            event = replace(event, key=state.errand.key)
        if isinstance(event, Silent):
            event = replace(event, turn=state.turn)
        waiting = state.errand
        turn = step(state, event, city)
        said = catalogues.say(turn.state.language, turn.replies, {"link": ""})
        questions = [reply for reply in turn.replies if reply.choices]
        assert len(questions) <= 1, "one question at a time"
        assert not questions or questions[0] is turn.replies[-1]
        assert said.text or not turn.replies
        assert turn.state.serial >= state.serial
        if isinstance(event, Heard):
            assert turn.replies or turn.state.errand, "nobody is left without an answer"
        if isinstance(turn.state.errand, File) and turn.state.errand != waiting:
            draft = turn.state.errand.draft
            assert draft.service_code
            assert draft.spot is not None
        state = turn.state
