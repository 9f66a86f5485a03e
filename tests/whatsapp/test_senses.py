"""What of a city's services words mean, with a classifier's categories and without."""

from clients.conversation.senses import by_words, of_categories
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
    assert by_words("Two potholes in my road", CITY)[0] == ("HOLE", 0.85)
    assert by_words("there is no water supply", CITY)[0] == ("NO-WATER", 0.85)


def test_a_service_of_which_a_word_is_said_is_only_offered() -> None:
    guesses = by_words("the lights in our street are off", CITY)
    assert {code for code, _ in guesses} == {"LIGHT-1", "LIGHT-N"}
    assert all(sure <= 0.6 for _, sure in guesses)
    assert by_words("hello", CITY) == ()


def test_categories_are_found_by_the_words_of_services() -> None:
    assert of_categories([("WATER_NO_SUPPLY", 0.97)], "amanzi awekho", CITY) == (
        ("NO-WATER", 0.97),
    )
    assert of_categories([("ROAD_POTHOLE", 0.9)], "umgodi", CITY) == (("HOLE", 0.9),)
    assert of_categories([("HOLE", 0.9)], "umgodi", CITY) == (("HOLE", 0.9),)


def test_a_category_of_several_services_is_asked_about() -> None:
    guesses = of_categories([("STREET_LIGHT", 0.9)], "amalambu", CITY)
    assert guesses == (("LIGHT-1", 0.45), ("LIGHT-N", 0.45))


def test_a_category_that_the_city_has_no_service_for_is_nothing() -> None:
    assert of_categories([("CEMETERY", 0.99)], "amathuna", CITY) == ()
