"""Word lists and rules: how words are found, and what a city may add."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest import lexicon
from ingest.category import classify
from ingest.lexicon import Entry, Lexicon, LexiconError
from ingest.urgency import hazards


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A city's own lists; afterwards ours alone are in force again."""
    yield tmp_path
    lexicon.use("")


def made(*entries: tuple[str, str, str]) -> Lexicon:
    return Lexicon(Entry(*entry) for entry in entries)


def test_stars_say_where_more_letters_may_stand() -> None:
    words = made(("leak*", "leak", "en"), ("*manzi*", "water", "zu"), ("*lele", "lying", "zu"))
    assert words.find("Leaking emanzini ilele") == {
        "leak": "leaking",
        "water": "emanzini",
        "lying": "ilele",
    }
    assert words.find("oleaks lelethu") == {}


def test_phrases_are_whole_words_side_by_side() -> None:
    words = made(("geen water", "absent", "af"), ("road sign*", "sign", "en"))
    assert words.find("Daar is geen   WATER!") == {"absent": "geen water"}
    assert words.find("two road signs") == {"sign": "road sign"}
    assert words.find("geen waterdruk; water geen") == {}


def test_accents_hyphens_and_apostrophes_make_no_difference() -> None:
    words = made(("maḓi", "water", "ve"), ("n'wana", "child", "ts"), ("pre-paid", "prepaid", "en"))
    assert set(words.find("MADI nwana prepaid")) == {"water", "child", "prepaid"}


def test_short_words_count_only_in_their_own_language_and_near_ones() -> None:
    words = made(("file", "dead", "zu"), ("die", "the", "af"))
    assert words.find("please file my case", "en") == {}
    assert words.find("inja ile file", "xh") == {"dead": "file"}
    assert words.find("they die", "en") == {}
    assert set(words.find("die file", None)) == {"dead", "the"}


def test_a_citys_words_and_rules_are_added_and_taken_out(folder: Path) -> None:
    (folder / "en.csv").write_text("word,concept\nskatepark,skate\npothole*,\npot-hole*,\n")
    (folder / "categories.csv").write_text(
        "category,group,concepts,weight\nSKATING,parks,skate broken,5\n"
    )
    (folder / "hazards.csv").write_text("hazard,concepts,weight,note\nramp,skate,3,a ramp\n")
    (folder / "urgency.csv").write_text("category,level\nWATER_LEAK,0\n")
    lexicon.use(str(folder))
    assert lexicon.installed().find("the skatepark and a pothole", "en") == {"skate": "skatepark"}
    assert any(rule.name == "SKATING" for rule in lexicon.rules("categories"))
    assert hazards("the skatepark", "en")[0].reason == "a ramp"
    assert (lexicon.levels()["WATER_LEAK"], lexicon.levels()["FLOODING"]) == (0, 2)
    lexicon.use("")
    assert "pothole" in lexicon.installed().find("a pothole", "en")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("en.csv", "word,concept\n*x*,water\n", "en.csv:2: *x* is too short"),
        ("en.csv", "wort,begriff\na,b\n", "the columns are word, concept"),
        ("categories.csv", "category,group,concepts,weight\nX,y,wather,3\n", "no words for wather"),
        (
            "categories.csv",
            "category,group,concepts,weight\nX,y,water,much\n",
            "weight is a number",
        ),
        ("urgency.csv", "category,level\nX,9\n", "a level is 0, 1, 2 or 3"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(
    folder: Path, name: str, content: str, reason: str
) -> None:
    (folder / name).write_text(content)
    with pytest.raises(LexiconError) as told:
        lexicon.use(str(folder))
    assert reason in str(told.value)


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(LexiconError):
        lexicon.use("/nowhere/at/all")
    lexicon.use("")


def test_every_language_has_the_words_that_matter_most() -> None:
    for language in lexicon.LANGUAGES:
        concepts = {each.concept for each in lexicon.entries() if each.language == language}
        assert {"water", "electricity", "road", "fire", "child", "absent"} <= concepts, language


def test_nothing_is_said_by_nothing() -> None:
    assert lexicon.installed().find("") == {}
    assert classify("\0\n") == []
