"""The words of the conversation: complete in four languages, and with the same values in all."""

import ast
import re
from pathlib import Path

import pytest

from clients.conversation import catalogues
from clients.conversation.state import Reply

OFFICIAL = {*("af", "en", "nr", "nso", "ss", "st", "tn", "ts", "ve", "xh", "zu"), "sfs"}
COMPLETE = ("en", "af", "zu", "xh")
SOURCES = Path(catalogues.__file__).parent.glob("*.py")


def values(sentence: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", sentence))


def said_keys() -> set[str]:
    """Every key that the code says, and those that its values and choices name."""
    keys = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and re.fullmatch(r"@\w+\.\w+", str(node.value)):
                keys.add(str(node.value)[1:])
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if called and node.func.id == "Reply" and isinstance(node.args[0], ast.Constant):
                keys.add(node.args[0].value)
    return keys


def test_every_official_language_has_a_file() -> None:
    assert set(catalogues.languages()) == OFFICIAL


@pytest.mark.parametrize("language", COMPLETE)
def test_these_languages_say_everything(language: str) -> None:
    said = catalogues.catalogue(language)
    assert set(said) == set(catalogues.catalogue("en"))
    assert said_keys() - set(said) == set()


@pytest.mark.parametrize("language", sorted(OFFICIAL - {"en"}))
def test_sentences_have_the_same_values_in_every_language(language: str) -> None:
    english = catalogues.catalogue("en")
    for key, sentence in catalogues.catalogue(language).items():
        assert values(sentence) == values(english[key]), key


def test_what_a_language_lacks_is_said_in_english() -> None:
    assert catalogues.sentence("ve", "choice.yes") == "Ee"
    assert catalogues.sentence("ve", "describe") == catalogues.sentence("en", "describe")


def test_choices_are_numbered_and_values_looked_up() -> None:
    said = catalogues.say(
        "af",
        (
            Reply("danger", {"numbers": "107"}),
            Reply("which_service", choices=("Water {odd}", "@choice.other")),
        ),
    )
    assert said.text == (
        "*Is iemand in gevaar? Bel nou: 107*\n\nWat is dit?\n1. Water {odd}\n2. Iets anders"
    )
    assert said.choices == ["Water {odd}", "Iets anders"]
