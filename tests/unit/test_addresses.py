"""One spelling for names, and which words of an address may name a place."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import addresses
from geo.addresses import LONGEST_PHRASE, normalise
from geo.candidates import Caller, Listed, Match, rank
from geo.gazetteer import names_of_boundary, read_gazetteer

ANYBODY = Caller()
DATA = Path(addresses.__file__).parent / "data"


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("12 Durban Street", "12 durban st"),
        ("12 durban STR.", "12 durban st"),
        ("Voortrekkerstraat 12", "voortrekker st 12"),
        ("St. Lucia", "st lucia"),
        ("Saint Lucia", "st lucia"),
        ("Mitchell's Plain", "mitchells plain"),
        ("Mitchell\u2019s Plain", "mitchells plain"),
        ("Môreson, Ext3", "moreson ext 3"),
        ("Main Rd. / Hoofweg", "main rd hoof rd"),
        ("Soshanguve Block-L", "soshanguve blk l"),
        ("Wyk 77", "ward 77"),
        ("", ""),
        ("!?", ""),
    ],
)
def test_names_are_compared_in_one_spelling(written: str, compared: str) -> None:
    assert normalise(written) == compared


@given(st.text(max_size=200))
def test_what_is_normal_stays_so(written: str) -> None:
    assert normalise(normalise(written)) == normalise(written)


@given(st.text(max_size=400))
def test_phrases_lie_within_the_words(written: str) -> None:
    words = addresses.read(written)
    assert len(words) <= 40
    for phrase in addresses.phrases(words):
        assert 0 <= phrase.start < phrase.end <= len(words)
        assert phrase.end - phrase.start <= LONGEST_PHRASE
        assert 0 < phrase.certainty <= 1


def certainty(address: str, phrase: str) -> float:
    found = addresses.phrases(addresses.read(address))
    return max((each.certainty for each in found if each.text == phrase), default=0.0)


def test_a_town_in_a_streets_name_is_not_the_place() -> None:
    assert certainty("Durban Road, Bellville", "durban") < 0.5
    assert certainty("Durban Road, Bellville", "bellville") == 1
    assert certainty("cnr Durban and Voortrekker Rd, Parow", "durban") < 0.5
    assert certainty("Durban, Voortrekker Rd", "durban") == 1
    assert certainty("near St Lucia", "st lucia") == 1


def test_a_common_word_is_a_place_only_alone() -> None:
    assert certainty("amanzi awekho eMlazi", "amanzi") < 0.5
    assert certainty("Amanzi", "amanzi") == 1


def test_locatives_and_other_names_lead_to_the_listed_name() -> None:
    assert certainty("eMlazi", "umlazi") >= 0.9
    assert certainty("kwaMashu", "kwamashu") == 1
    assert certainty("kwa Mashu", "kwamashu") == 0.9
    assert certainty("eKhayelitsha", "khayelitsha") == 0.9
    assert certainty("eGoli", "johannesburg") == 0.97
    assert certainty("Kaapstad", "cape town") == 0.99


def test_an_ending_that_has_swallowed_a_letter_is_taken_off() -> None:
    found = {
        phrase.text for phrase in addresses.phrases(addresses.read("amanzi awekho eSandlwaneni"))
    }
    assert "isandlwana" in found
    assert "umthunzi" in {phrase.text for phrase in addresses.phrases(addresses.read("eMthunzini"))}


def test_what_stands_for_water_is_no_place_in_any_form() -> None:
    roles = {word.text: word.role for word in addresses.read("akunamanzi kwamanzi emgwaqweni")}
    assert roles == dict.fromkeys(("akunamanzi", "kwamanzi", "emgwaqweni"), "common")


def test_boundaries_are_listed_by_what_people_call_them() -> None:
    assert names_of_boundary("ward", "19100012", "19100012") == ["ward 12"]
    assert names_of_boundary("suburb", "X", "Môreson") == ["moreson"]
    long = "City of Cape Town Metropolitan Municipality"
    assert names_of_boundary("municipality", "CPT", long)[-1] == "cape town"
    local = names_of_boundary("municipality", "MP312", "Emalahleni Local Municipality")
    assert local == ["emalahleni local municipality", "emalahleni"]


def test_every_other_name_leads_to_a_listed_one_and_says_how_surely() -> None:
    listed = {each.place.search for each in read_gazetteer()}
    with (DATA / "place_aliases.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["alias"] for row in rows if not 0 < float(row["certainty"]) <= 1] == []
    assert [row["name"] for row in rows if normalise(row["name"]) not in listed] == []


def placed(name: str, code: str, lat: float, long: float, kind: str = "locality") -> Listed:
    return Listed(name, normalise(name), kind, code, lat, long, weight=0.5)


def ranked(address: str, *listed: Listed, caller: Caller = ANYBODY) -> list[tuple[str, str | None]]:
    words = addresses.read(address)
    found = [
        Match(phrase, place)
        for phrase in addresses.phrases(words)
        for place in listed
        if place.search == phrase.text
    ]
    return [(each.name, each.municipality_code) for each in rank(words, found, caller)]


NAMESAKES = (placed("Oak", "A", -26, 28), placed("Oak", "B", -30, 31))


def test_the_town_around_decides_between_namesakes() -> None:
    town = placed("Bigtown", "B", -30.1, 31)
    assert ranked("Oak, Bigtown", *NAMESAKES, town)[0] == ("Oak", "B")


@pytest.mark.parametrize(
    "caller", [Caller("B"), Caller(near=(-30.0, 31.0)), Caller("B", near=(-26.0, 28.0))]
)
def test_the_caller_decides_between_namesakes(caller: Caller) -> None:
    assert ranked("Oak", *NAMESAKES, caller=caller) == [("Oak", "B"), ("Oak", "A")]


def test_a_longer_name_is_not_a_shorter_ones() -> None:
    whole = placed("Cape Town", "C", -33.9, 18.4)
    assert ranked("Cape Town", placed("Cape", "A", -26, 28), whole) == [("Cape Town", "C")]


def test_scores_of_namesakes_share_one() -> None:
    words = addresses.read("Oak")
    matches = [
        Match(p, each) for p in addresses.phrases(words) for each in NAMESAKES if p.text == "oak"
    ]
    assert sum(each.score for each in rank(words, matches, Caller())) == pytest.approx(1, abs=0.01)
