"""What short messages mean in every state and every language: `commands.yaml` has the words."""

import re
import unicodedata
from functools import cache
from pathlib import Path

import msgspec
import yaml
from msgspec import Struct

from clients.conversation import catalogues

_FOUR = "([0-9A-HJKMNP-TV-Z]{4})"
_REFERENCE = re.compile(rf"\b{_FOUR}-{_FOUR}\b")
_WITHOUT_DASH = re.compile(rf"\b(?=[A-Z]* ?[A-Z]*[0-9]){_FOUR} ?{_FOUR}\b")
_NUMBER = re.compile(r"\W*(\d{1,2})\W*")


class Command(Struct, frozen=True):
    """A command by its name, and the request or the language that it names."""

    name: str
    reference: str | None = None
    language: str | None = None


def find(text: str) -> Command | None:
    """The command that a message is, if it is nothing else; `status` may name a request.

    A language's name alone chooses it.
    """
    plain = _plain(text)
    name = _words().get(plain)
    if name:
        return Command(name)
    if plain in _languages():
        return Command("language", language=_languages()[plain])
    reference = find_reference(text)
    first = plain.split(" ", 1)[0]
    if reference and (_words().get(first) == "status" or _is_reference_alone(text)):
        return Command("status", reference)
    return None


def find_reference(text: str) -> str | None:
    """A request's id as people write it, in any case.

    Without its dash it has a digit: else it is a word, or two.
    """
    upper = text.upper()
    match = _REFERENCE.search(upper) or _WITHOUT_DASH.search(upper)
    return f"{match.group(1)}-{match.group(2)}" if match else None


def _is_reference_alone(text: str) -> bool:
    plain = text.strip().upper()
    return bool(_REFERENCE.fullmatch(plain) or _WITHOUT_DASH.fullmatch(plain))


def number(text: str) -> int | None:
    """The number that a message is, if it is nothing else: `2`, `2.`, `(2)`."""
    match = _NUMBER.fullmatch(text)
    return int(match.group(1)) if match else None


def is_long(text: str) -> bool:
    """Whether it is more than a word: one word says nothing sure about its language."""
    return len(text.split()) > 1


@cache
def _words() -> dict[str, str]:
    """Every word with what it means; of two meanings the first in the file counts."""
    path = Path(__file__).with_suffix(".yaml")
    read = msgspec.convert(yaml.safe_load(path.read_text()), dict[str, dict[str, list[str]]])
    known: dict[str, str] = {}
    for name, languages in read.items():
        for said in (word for words in languages.values() for word in words):
            known.setdefault(_plain(said), name)
    return known


@cache
def _languages() -> dict[str, str]:
    """Languages by their own names, as said with their prefix or without."""
    known: dict[str, str] = {}
    for code in catalogues.languages():
        name = _plain(catalogues.sentence(code, f"language.{code}"))
        known |= {name: code, name.removeprefix("isi"): code}
    return known


def _plain(text: str) -> str:
    """A text without case, marks of letters, punctuation and superfluous blanks."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(letter for letter in apart if not unicodedata.combining(letter))
    kept = re.sub(r"[^\w\s?-]", " ", letters)
    return " ".join(kept.split()) if kept.strip("? ") else kept.strip()[:1]
