"""How people write addresses: one spelling for comparing, and the phrases that may name a place."""

import csv
import re
import unicodedata
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path

from msgspec import Struct

_DATA = Path(__file__).parent / "data"

LONGEST_PHRASE = 8
"""Words: `12 jan van riebeeck st bellville south` is seven."""
_MOST_WORDS = 40
_LONGEST_STREET = 3
_SHORTEST_STEM = 4

# canonical word: how it is also written. `st` is Street and Saint, `dr` Drive and Doctor: which of
# them makes no difference when both sides are written alike
_SPELLINGS = {
    "st": "street str strt straat saint sint",
    "rd": "road weg pad",
    "ave": "avenue av aven laan",
    "ln": "lane laning",
    "dr": "drive drv rylaan doctor",
    "cres": "crescent cresent cresc singel",
    "cl": "close",
    "sq": "square plein",
    "blvd": "boulevard",
    "ext": "extension extention extn uitbreiding",
    "blk": "block blok",
    "sec": "section seksie",
    "cnr": "corner hoek",
    "mt": "mount",
    "ft": "fort",
    "ward": "wyk iwadi",
}
_CANONICAL = {word: short for short, words in _SPELLINGS.items() for word in words.split()}
_STREETS = frozenset(("st", "rd", "ave", "ln", "dr", "cres", "cl", "sq", "blvd"))

# Afrikaans writes a street's name and kind in one word
_COMPOUND = re.compile(r"(\w{4,})(straat|rylaan|laan|weg)")
_NUMBERED = re.compile(r"(ext|extension|blk|block|ward|unit|zone|phase|site)(\d+\w?)")
_LOCATIVE = re.compile(r"(?:ngase|nase|wase|lase|yase|zase|base|kwase|ase|kwa|ku|e|o)(\w{3,})")
_LOCATIVE_ENDINGS = (("wini", "u"), ("weni", "o"), ("ini", "ieu"), ("eni", "aeo"))
_APOSTROPHES = re.compile(r"['’`´ʼ]")  # noqa: RUF001
_NUMBER = re.compile(r"\d+\w?")


class Word(Struct, frozen=True):
    """A word of an address, as it is compared."""

    text: str
    part: int
    """Which of the address's parts it stands in; commas divide them."""
    role: str
    """`place`, or what else it is: `street` (a street's name), `landmark`, `small`, `common`."""


class Phrase(Struct, frozen=True):
    """Words side by side that may name a place: from `start` up to but without `end`."""

    start: int
    end: int
    text: str
    certainty: float
    """1 as written; less for another name of the place, a locative taken off, a street's name."""
    how: str


def normalise(name: str) -> str:
    """A name in the one spelling that names are compared in.

    Small letters without accents or apostrophes, abbreviations for kinds of streets.
    """
    return " ".join(word.text for word in read(name))


def read(address: str) -> list[Word]:
    """The words of an address, with what part each plays. At most forty."""
    words: list[tuple[str, int]] = []
    for number, part in enumerate(re.split(r"[,;\n/()]+", address)):
        for token in re.findall(r"\w+", _fold(part)):
            words += [(word, number) for word in _canonical(token)]
    words = words[:_MOST_WORDS]
    roles = _roles(words)
    return [Word(text, part, role) for (text, part), role in zip(words, roles, strict=True)]


def phrases(words: list[Word]) -> list[Phrase]:
    """Every phrase that may name a place, in each form that it may be listed under."""
    found: dict[tuple[int, int, str], Phrase] = {}
    for start, end in _spans(words):
        for phrase in _forms(words, start, end):
            known = found.get((start, end, phrase.text))
            if known is None or known.certainty < phrase.certainty:
                found[start, end, phrase.text] = phrase
    return list(found.values())


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text))
    return "".join(each for each in plain if not unicodedata.combining(each)).casefold()


def _canonical(token: str) -> list[str]:
    """`voortrekkerstraat` is voortrekker st, `ext3` is ext 3."""
    if token in _CANONICAL:
        return [_CANONICAL[token]]
    divided = _NUMBERED.fullmatch(token) or _COMPOUND.fullmatch(token)
    if divided is None:
        return [token]
    return [_CANONICAL.get(piece, piece) for piece in divided.groups()]


@cache
def _known_words() -> dict[str, str]:
    """Words that are no places by themselves, with what they are; `*` where letters may stand."""
    with (_DATA / "address_words.csv").open(encoding="utf-8", newline="") as file:
        return {row["word"]: row["role"] for row in csv.DictReader(file)}


@lru_cache(maxsize=20_000)
def _role(word: str) -> str:
    """What a word is: `kwamanzi`, of the water, is no place called Amanzi."""
    known = _known_words()
    if word in known:
        return known[word]
    stems = ((stem, role) for stem, role in known.items() if "*" in stem)
    return next((role for stem, role in stems if fnmatchcase(word, stem)), "place")


@cache
def _aliases() -> dict[str, list[tuple[str, float]]]:
    """Other names of places, with the names they are listed under and how sure that is."""
    found: dict[str, list[tuple[str, float]]] = {}
    with (_DATA / "place_aliases.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            meant = (normalise(row["name"]), float(row["certainty"]))
            found.setdefault(normalise(row["alias"]), []).append(meant)
    return found


def _roles(words: list[tuple[str, int]]) -> list[str]:
    roles = [_role(text) for text, _ in words]
    for i, (text, part) in enumerate(words):
        if text in _STREETS:
            _mark_street(words, roles, i, part)
    return roles


def _mark_street(words: list[tuple[str, int]], roles: list[str], kind: int, part: int) -> None:
    """What stands before `road` is the road's name: `Durban Road` is not in Durban."""
    first = kind
    while first > 0 and kind - first < _LONGEST_STREET and _names_street(words, roles, first, part):
        first -= 1
    if first == kind:
        return  # `St Lucia`
    for i in range(first, kind + 1):
        roles[i] = "street"
    _mark_crossing(words, roles, first)


def _names_street(words: list[tuple[str, int]], roles: list[str], i: int, part: int) -> bool:
    text, before = words[i - 1]
    return before == part and roles[i - 1] in ("place", "common") and not _NUMBER.fullmatch(text)


def _mark_crossing(words: list[tuple[str, int]], roles: list[str], first: int) -> None:
    """In `cnr Durban and Voortrekker Rd` Durban is a road as well."""
    texts = [text for text, _ in words[:first]]
    if "cnr" in texts and texts[-1] in ("and", "en", "ne", "na"):
        corner = len(texts) - 1 - texts[::-1].index("cnr")
        for i in range(corner + 1, first - 1):
            roles[i] = "street"


def _spans(words: list[Word]) -> Iterator[tuple[int, int]]:
    """Phrases within a part, and over a comma those that begin with a house number."""
    for start in range(len(words)):
        numbered = bool(_NUMBER.fullmatch(words[start].text))
        for end in range(start + 1, min(start + LONGEST_PHRASE, len(words)) + 1):
            if words[end - 1].part != words[start].part and not numbered:
                break
            if any(word.role in ("place", "street", "common") for word in words[start:end]):
                yield start, end


def _forms(words: list[Word], start: int, end: int) -> Iterator[Phrase]:
    inside = words[start:end]
    text = " ".join(word.text for word in inside)
    street = all(word.role == "street" for word in inside)
    certainty = 0.2 if street or all(word.role != "place" for word in inside) else 1.0
    alone = end - start == len(words)
    if alone and not street:
        certainty = 1.0  # nothing but this word: then it is meant as a place
    yield Phrase(start, end, text, certainty, "street" if street else "name")
    for name, sure in _aliases().get(text, []):
        yield Phrase(start, end, name, certainty * sure, "alias")
    if end - start == 1 or inside[0].text in ("kwa",):
        for name in _without_locative(text):
            yield Phrase(start, end, name, certainty * 0.9, "locative")
            for listed, sure in _aliases().get(name, []):
                yield Phrase(start, end, listed, certainty * 0.9 * sure, "alias")


def _without_locative(word: str) -> Iterator[str]:
    """`emlazi` may be mlazi, umlazi; `kwamashu` mashu: what isiZulu and isiXhosa put before."""
    joined = word.replace(" ", "")
    if joined != word:
        yield joined
    match = _LOCATIVE.fullmatch(joined)
    if match and len(match[1]) >= _SHORTEST_STEM:
        yield from (match[1], f"u{match[1]}", f"i{match[1]}", f"e{match[1]}", f"kwa{match[1]}")
        yield from _without_ending(match[1])


def _without_ending(word: str) -> Iterator[str]:
    """`esandlwaneni`, at Isandlwana: the ending -ini has swallowed the last letter of the name."""
    for ending, letters in _LOCATIVE_ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST_STEM:
            yield from (f"{first}{stem}{last}" for first in ("", "i", "u") for last in letters)
