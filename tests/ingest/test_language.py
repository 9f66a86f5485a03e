"""Which language messages are in."""

import csv
from pathlib import Path

import pytest

from ingest.language import OTHER, SURE, identify

HERE = Path(__file__).parent

SENTENCES = {
    "en": "There has been no water in our street since yesterday morning",
    "af": "Daar is sedert gister geen water in ons straat nie",
    "zu": "Akukho manzi emgwaqweni wethu kusukela izolo ekuseni, siyacela nisisize ngokushesha",
    "xh": "Akukho manzi kwisitalato sethu ukususela izolo, nceda nithumele umntu ozakulungisa",
    "st": "Ha ho na metsi seterateng sa rona ho tloha maobane hoseng",
    "tn": "Ga go na metsi mo mmileng wa rona go tloga maabane mo mosong",
    "nso": "Ga go na meetse mmileng wa rena go tloga maabane mesong, hle re thušeng",
    "ts": "A ku na mati exitarateni xa hina ku sukela tolo nimixo",
    "ss": "Kute emanti emgwacweni wetfu kusukela itolo ekuseni, sicela nisisite",
    "ve": "A hu na maḓi tshitaratani tshashu u bva mulovha nga matsheloni",
    "nr": "Akunamanzi endleleni yethu kusukela izolo ekuseni, sibawa nisisize",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_each_language_is_known_by_a_sentence(language: str) -> None:
    found = identify(SENTENCES[language])
    assert found.language == language
    assert SURE <= found.confidence <= 1


def test_what_is_not_of_here_is_other() -> None:
    with (HERE / "foreign.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    taken = [row for row in rows if identify(row["text"]).language != OTHER]
    assert len(rows) == 50
    assert taken == []


def test_a_citys_languages_decide_between_alike_ones() -> None:
    assert identify("amanzi awekho", ["en", "zu"]).language == "zu"
    assert identify("Umbhobho wamanzi ugqabhukile", ["en", "af", "xh"]).language == "xh"


def test_a_language_that_the_city_does_not_speak_is_none_of_its_own() -> None:
    assert identify(SENTENCES["ve"], ["en", "af", "xh"]).language == OTHER
    assert identify("Er is al drie dagen geen water in onze straat", ["af", "en"]).language == OTHER


def test_one_word_never_changes_the_language_of_a_conversation() -> None:
    for word in ("ok", "yebo", "dankie", "Robot!"):
        assert identify(word, prior="st").language == "st"


def test_a_conversation_changes_language_only_when_that_is_sure() -> None:
    assert identify(SENTENCES["af"], prior="zu").language == "af"
    unsure = identify("kaliloktu mbenzo", prior="en")
    assert unsure.language == "en" or unsure.confidence >= SURE
    assert identify("amanzi awekho", prior="zu").language == "zu"


@pytest.mark.parametrize("text", ["", " ", "!!!", "12345", "\n\n", "😀", "https://example.org/a"])
def test_what_has_no_words_has_no_language(text: str) -> None:
    assert identify(text).language == OTHER
    assert identify(text, prior="xh").language == "xh"


def test_line_ends_digits_capitals_and_length_do_not_matter() -> None:
    text = SENTENCES["st"]
    loud = f"{text.upper()}\n\r\n 0821234567 http://a.example/b?c {text}"
    assert identify(loud).language == "st"
    assert identify(text * 2000).language == "st"
    assert identify("\0" + text).language == "st"
