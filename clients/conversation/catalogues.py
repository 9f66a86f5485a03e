"""What is said, in the citizen's language: gettext catalogues, `catalogues/CODE.po`, a file each.

A key that a language lacks is said in English.
"""

import re
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

from clients.conversation.state import Reply
from open311.outbox import Said

_FOLDER = Path(__file__).with_suffix("")
_SOURCE = "en"


@cache
def languages() -> tuple[str, ...]:
    """The codes of all languages that have a file."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.po")))


@cache
def catalogue(language: str) -> dict[str, str]:
    """The sentences of a language by their keys; none when there is no file."""
    if language not in languages():
        return {}
    with (_FOLDER / f"{language}.po").open("rb") as file:
        read = read_po(file)
    return {str(each.id): str(each.string) for each in read if each.id and each.string}


def sentence(language: str, key: str) -> str:
    """A sentence with its places for values; the key itself when no language has it."""
    return catalogue(language).get(key) or catalogue(_SOURCE).get(key) or key


def say(language: str, replies: tuple[Reply, ...], more: dict[str, str] | None = None) -> Said:
    """Several replies as one message: choices numbered, for channels and phones without buttons.

    `more` has values that every sentence may use.
    """
    texts: list[str] = []
    values: dict[str, str] = {}
    choices: list[str] = []
    for reply in replies:
        named = (more or {}) | {name: _word(language, v) for name, v in reply.values.items()}
        choices = [_word(language, choice) for choice in reply.choices]
        numbered = [f"{number}. {choice}" for number, choice in enumerate(choices, 1)]
        told = sentence(language, reply.key).format(**named).strip()
        texts.append("\n".join([told, *numbered]))
        values = _numbered(reply.key, named)
    return Said("\n\n".join(texts), language, values, choices)


def _numbered(key: str, named: dict[str, str]) -> dict[str, str]:
    """The values as templates name them: by number, in the order of the English sentence."""
    places = dict.fromkeys(re.findall(r"{(\w+)}", sentence(_SOURCE, key)))
    return {str(number): named.get(name, "") for number, name in enumerate(places, 1)}


def _word(language: str, text: str) -> str:
    """A value: of the catalogue when it begins with `@`, else as it is."""
    return sentence(language, text[1:]) if text.startswith("@") else text
