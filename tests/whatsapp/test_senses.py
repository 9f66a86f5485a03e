"""What of a city's services words mean, without a classifier."""

from clients.conversation.senses import by_words
from clients.conversation.state import City, Offer

CITY = City(
    "city.test",
    "Testville",
    ("en",),
    (
        Offer("NO-WATER", "No Water Supply", "Water"),
        Offer("LEAK", "Leak at Water Meter / Stopcock", "Water"),
        Offer("LIGHT-1", "Street Lights - Single Light Out", "Electricity"),
        Offer("LIGHT-N", "Street Lights - All Lights Out", "Electricity"),
        Offer("HOLE", "Pothole", "Roads", keywords="road,tar"),
    ),
    "",
    "",
)


def test_a_service_that_is_named_whole_is_as_good_as_chosen() -> None:
    assert by_words("Potholes!", CITY)[0] == ("HOLE", 0.85)
    assert by_words("Two potholes in my road", CITY)[0] == ("HOLE", 0.6)
    assert by_words("there is no water supply", CITY)[0] == ("NO-WATER", 0.85)


def test_a_service_of_which_a_word_is_said_is_only_offered() -> None:
    guesses = by_words("the lights in our street are off", CITY)
    assert {code for code, _ in guesses} == {"LIGHT-1", "LIGHT-N"}
    assert all(sure <= 0.6 for _, sure in guesses)
    assert by_words("hello", CITY) == ()
