"""How urgent reports are, and why."""

import pytest

from ingest.category import Guess, classify
from ingest.urgency import Urgency, assess


def of(text: str, language: str) -> Urgency:
    return assess(text, language, classify(text, language))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A live wire is hanging over the pavement", "en"),
        ("'n Kragdraad lê op die grond", "af"),
        ("Kunomlilo endlini", "zu"),
        ("Umlilo uvutha endlini", "xh"),
        ("Ntlo e a tjha, mollo!", "st"),
        ("Molelo mo ntlong", "tn"),
        ("Ndzilo wa pfurha endlwini", "ts"),
        ("The house is on fire", "en"),
        ("Smell of gas in the building", "en"),
        ("The clinic has no water", "en"),
        ("A child fell into an open manhole", "en"),
        ("Water is flooding into our house", "en"),
    ],
)
def test_danger_in_any_language(text: str, language: str) -> None:
    urgency = of(text, language)
    assert urgency.is_danger, urgency
    assert urgency.reasons


def test_sewage_where_people_live_is_for_today() -> None:
    for text, language in (("Sewage is coming up in my kitchen", "en"), ("Indle endlini", "zu")):
        urgency = of(text, language)
        assert urgency.level == 2
        assert "sewage where people live" in urgency.reasons


def test_a_school_nearby_raises_a_little_and_says_so() -> None:
    assert of("Pothole in Main Road", "en").level == 0
    near = of("Pothole at the school", "en")
    assert (near.level, near.reasons) == (1, ("a school",))


def test_a_category_is_urgent_by_itself_only_when_it_is_believed() -> None:
    sure, unsure = [Guess("MANHOLE_COVER", 0.8)], [Guess("MANHOLE_COVER", 0.2)]
    assert assess("?", "en", sure).level == 2
    assert assess("?", "en", unsure).level == 0


def test_mood_is_a_number_and_changes_no_level() -> None:
    calm, angry = "Pothole in Main Road", "Useless! Pothole in Main Road, I am fed up"
    pleased = "Thank you, but a live wire is hanging here"
    assert (of(calm, "en").sentiment, of(angry, "en").sentiment) == (0, -1)
    assert of(calm, "en").level == of(angry, "en").level
    assert of(pleased, "en").sentiment == 1
    assert of(pleased, "en").level == 3
