"""What kinds of requests messages report."""

import csv
from pathlib import Path

import pytest

from ingest import lexicon
from ingest.category import Answer, Guess, classify, decide
from ingest.category.classification import categories
from ingest.category.services import Offer, match, stand_for

HERE = Path(__file__).parent


def messages() -> list[dict[str, str]]:
    with (HERE / "messages.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def best(text: str, language: str | None = None) -> str | None:
    found = classify(text, language)
    return found[0].service_code if found else None


def test_messages_in_eleven_languages_are_understood() -> None:
    rows = messages()
    assert {row["lang"] for row in rows} == set(lexicon.LANGUAGES)
    wrong = [row for row in rows if best(row["text"]) != row["category"]]
    assert len(wrong) <= len(rows) // 20, wrong


def test_what_is_filed_without_a_question_is_right() -> None:
    wrong = []
    for row in messages():
        answer, found = decide(classify(row["text"], row["lang"]))
        if answer is Answer.SURE and found[0].service_code != row["category"]:
            wrong.append(row)
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "is_", "is_not"),
    [
        ("Sewage water is running down the street", "SEWER_BLOCKED", "WATER"),
        ("Rioolwater loop in die straat af", "SEWER_BLOCKED", "WATER"),
        ("Amanzi endle agcwele emgwaqweni", "SEWER_BLOCKED", "WATER"),
        ("The robot at the crossing is out", "TRAFFIC_LIGHT", "STREETLIGHT"),
        ("Robot stukkend", "TRAFFIC_LIGHT", "ELEC"),
        ("My prepaid meter says error when I load the token", "ELEC_PREPAID", "ELEC_OUTAGE"),
        ("My voorafbetaalde meter het geen krag nie", "ELEC_PREPAID", "ELEC_OUTAGE"),
        ("Water is leaking from the meter", "WATER_LEAK", "ELEC"),
        ("Pothole full of water", "ROAD_POTHOLE", "WATER"),
    ],
)
def test_things_that_are_easily_taken_for_others(text: str, is_: str, is_not: str) -> None:
    found = best(text)
    assert found == is_
    assert not found.startswith(is_not)


@pytest.mark.parametrize("text", ["hello", "Sawubona", "thank you so much", "ke a leboga", "", "?"])
def test_what_reports_nothing_leads_to_the_menu(text: str) -> None:
    assert decide(classify(text)) == (Answer.NONE, [])


def test_guesses_are_ordered_and_share_one_whole() -> None:
    found = classify("There is no water and the road is broken")
    confidences = [guess.confidence for guess in found]
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) <= 1.0001
    assert {guess.service_code for guess in found} <= set(categories())


def test_unsure_offers_three() -> None:
    found = [Guess("A", 0.4), Guess("B", 0.3), Guess("C", 0.2), Guess("D", 0.1)]
    assert decide(found) == (Answer.UNSURE, found[:3])
    assert decide([Guess("A", 0.9), *found[1:]]) == (Answer.SURE, [Guess("A", 0.9)])
    assert decide([Guess("A", 0.1)]) == (Answer.NONE, [])


OFFERS = [
    Offer("W1", "Burst pipe"),
    Offer("W2", "Leaking water meter"),
    Offer("ROAD-POTHOLE", "Holes and such"),
    Offer("LIGHTS", "Street lights"),
    Offer("X", "Something else"),
]


def test_a_citys_services_stand_for_categories_by_choice_by_code_and_by_name() -> None:
    standing = stand_for(OFFERS, {"BILLING": "X"})
    assert standing["BILLING"] == ["X"]
    assert standing["ROAD_POTHOLE"] == ["ROAD-POTHOLE"]
    assert standing["STREETLIGHT"] == ["LIGHTS"]
    assert standing["WATER_LEAK"] == ["W1", "W2"]
    assert standing["NOISE"] == []


def test_confidence_is_shared_by_services_alike_and_summed_by_one_for_several() -> None:
    found = [Guess("WATER_LEAK", 0.6), Guess("WATER_NO_SUPPLY", 0.3)]
    shared = match(found, OFFERS, {})
    assert [(each.service_code, each.confidence) for each in shared] == [("W1", 0.3), ("W2", 0.3)]
    chosen = {"WATER_LEAK": "W1", "WATER_NO_SUPPLY": "W1"}
    (one,) = match(found, OFFERS, chosen)
    assert one.service_code == "W1"
    assert one.confidence == pytest.approx(0.9)
