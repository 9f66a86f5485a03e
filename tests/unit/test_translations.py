"""The words of the pages: every language says all of it, with the same values."""

import re
from pathlib import Path
from string import Formatter

import pytest

from clients.web import translations
from clients.web.translations import Language

TEMPLATES = Path(translations.__file__).with_name("templates")
ENGLISH = translations.languages()["en"]


def values(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", translations.languages().values(), ids=lambda each: each.code)
def test_every_language_says_everything(language: Language) -> None:
    assert language.words.keys() == ENGLISH.words.keys()
    for key, sentence in language.words.items():
        assert sentence.strip(), key
        assert values(sentence) == values(ENGLISH.words[key]), key


def test_what_templates_say_is_in_the_files() -> None:
    said = {
        key
        for path in TEMPLATES.glob("*.html")
        for key in re.findall(r"say\(\"([a-z_.]+)\"[,)]", path.read_text())
    }
    assert len(said) > 50
    assert said <= ENGLISH.words.keys()
