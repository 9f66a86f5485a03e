"""What words mean, in eleven languages: lists of words for concepts, and rules of concepts.

The lists are files that a city can add to; docs/languages.md says how.
"""

import csv
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path

from msgspec import Struct

from ingest.language.families import near

WORDS = Path(__file__).parent / "words"
LANGUAGES = ("en", "af", "zu", "xh", "st", "tn", "nso", "ts", "ss", "ve", "nr")
_RULES = {"categories": "category", "hazards": "hazard"}
_LEVELS = "urgency"
_KEY = 3
_SHORT = 4
_MOST = 1000
_APART = re.compile(r"[^\w'-]+|_")
_APOSTROPHES = str.maketrans("", "", "'’`´ʼ-")  # noqa: RUF001


class LexiconError(ValueError):
    """A list says something that cannot be read; the message names file and line."""


class Entry(Struct, frozen=True):
    """A word of a language, `*` where more letters may stand, and the concept that it means."""

    pattern: str
    concept: str
    language: str


class Rule(Struct, frozen=True):
    """What is said when all of some concepts are there and none of others; more weight, surer."""

    name: str
    group: str
    needed: frozenset[str]
    barred: frozenset[str]
    weight: float
    note: str = ""

    def holds(self, concepts: Iterable[str]) -> bool:
        """Whether a text with these concepts says this."""
        present = frozenset(concepts)
        return self.needed <= present and not self.barred & present


class Lexicon:
    """The words of all languages, kept so that those of a text are found quickly."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._whole: dict[str, list[Entry]] = defaultdict(list)
        self._begun: dict[str, list[Entry]] = defaultdict(list)
        self._inside: dict[str, list[Entry]] = defaultdict(list)
        self._phrases: list[tuple[str, Entry]] = []
        for entry in entries:
            self._keep(entry)
        self._meanings = lru_cache(maxsize=20_000)(self._look_up)

    def _keep(self, entry: Entry) -> None:
        text = fold(entry.pattern.strip("*"))
        if " " in text:
            end = "" if entry.pattern.endswith("*") else " "
            self._phrases.append((f" {text}{end}", entry))
        elif entry.pattern.startswith("*"):
            self._inside[text[:_KEY]].append(entry)
        elif entry.pattern.endswith("*"):
            self._begun[text[:_KEY]].append(entry)
        else:
            self._whole[text].append(entry)

    def find(self, text: str, language: str | None = None) -> dict[str, str]:
        """The concepts that a text names, each with the word of the text that names it.

        All languages count, for people mix them; words of up to four letters count only when they
        are of the text's language or one near to it, if that is known.
        """
        words = fold(text[:_MOST]).split()
        found: dict[str, str] = {}
        for word in words:
            for entry in self._meanings(word):
                if _counts(entry, language):
                    found.setdefault(entry.concept, word)
        whole = f" {' '.join(words)} "
        for phrase, entry in self._phrases:
            if phrase in whole:
                found.setdefault(entry.concept, phrase.strip())
        return found

    def _look_up(self, word: str) -> tuple[Entry, ...]:
        """The entries that a word is one of."""
        found = [*self._whole.get(word, ())]
        found += [e for e in self._begun.get(word[:_KEY], ()) if _begins(word, e)]
        for i in range(len(word) - _KEY + 1):
            for entry in self._inside.get(word[i : i + _KEY], ()):
                if _stands_at(word, i, entry):
                    found.append(entry)
        return tuple(dict.fromkeys(found))


def _counts(entry: Entry, language: str | None) -> bool:
    return language is None or entry.language in near(language) or _is_long(entry)


def _is_long(entry: Entry) -> bool:
    return len(entry.pattern.strip("*")) > _SHORT


def _begins(word: str, entry: Entry) -> bool:
    return word.startswith(fold(entry.pattern.strip("*")))


def _stands_at(word: str, start: int, entry: Entry) -> bool:
    stem = fold(entry.pattern.strip("*"))
    if not word.startswith(stem, start):
        return False
    return entry.pattern.endswith("*") or start + len(stem) == len(word)


@lru_cache(maxsize=20_000)
def _fold_word(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.translate(_APOSTROPHES))
    return "".join(each for each in plain if not unicodedata.combining(each))


def fold(text: str) -> str:
    """Small letters without accents, hyphens or apostrophes; single blanks between words."""
    return " ".join(_fold_word(word) for word in _APART.split(text.lower()) if word)


def read_entries(folder: Path) -> Iterator[Entry]:
    """The words of a folder's lists, one file a language. Raises LexiconError."""
    for path in sorted(folder.glob("*.csv")):
        if path.stem in LANGUAGES:
            for number, row in _rows(path, ("word", "concept")):
                word, concept = row["word"].strip(), row["concept"].strip()
                if len(fold(word.strip("*"))) < _fewest_letters(word):
                    raise LexiconError(f"{path}:{number}: {word or 'nothing'} is too short")
                yield Entry(word, concept, path.stem)


def _fewest_letters(word: str) -> int:
    return _KEY if "*" in word else 1


def read_rules(path: Path, known: Iterable[str]) -> Iterator[Rule]:
    """The rules of a file. Raises LexiconError, also for a concept that has no words."""
    concepts = frozenset(known)
    for number, row in _rows(path, (_RULES[path.stem], "concepts")):
        words = row["concepts"].split()
        needed = frozenset(word for word in words if not word.startswith("-"))
        barred = frozenset(word[1:] for word in words if word.startswith("-"))
        unknown = (needed | barred) - concepts
        if unknown or not needed:
            raise LexiconError(f"{path}:{number}: no words for {', '.join(sorted(unknown))}")
        try:
            weight = float(row.get("weight") or 1)
        except ValueError:
            raise LexiconError(f"{path}:{number}: weight is a number") from None
        name = row[_RULES[path.stem]]
        yield Rule(name, row.get("group", ""), needed, barred, weight, row.get("note", ""))


def _rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                if any(row.get(name) is None for name in needed):
                    raise LexiconError(f"{path}:{number}: the columns are {', '.join(needed)}")
                yield number, row
    except UnicodeDecodeError:
        raise LexiconError(f"{path} is not in UTF-8") from None


_added: list[Path] = []


def use(folder: str) -> None:
    """Add the lists of a city's folder to ours, in this process. Raises LexiconError.

    For the start of a program: what was read before is forgotten.
    """
    if folder and not Path(folder).is_dir():
        raise LexiconError(f"{folder} is no folder")
    _added[:] = [Path(folder)] if folder else []
    installed.cache_clear()
    _rules.cache_clear()
    installed()
    for kind in _RULES:
        rules(kind)
    levels()


@cache
def installed() -> Lexicon:
    """The words that this process works with."""
    return Lexicon(entries())


def rules(kind: str) -> tuple[Rule, ...]:
    """The rules of this process: `categories` or `hazards`."""
    return _rules(kind)


def levels() -> dict[str, int]:
    """How urgent the categories are by themselves, from 0 to 3; a city's own say goes first."""
    found: dict[str, int] = {}
    for path in (folder / f"{_LEVELS}.csv" for folder in (WORDS, *_added)):
        if path.exists():
            found |= {row["category"]: int(row["level"]) for _, row in _leveled(path)}
    return found


def _leveled(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    for number, row in _rows(path, ("category", "level")):
        if row["level"] not in ("0", "1", "2", "3"):
            raise LexiconError(f"{path}:{number}: a level is 0, 1, 2 or 3")
        yield number, row


def known(language: str) -> str | None:
    """A language that has a list; None of any other."""
    return language if language in LANGUAGES else None


@cache
def _rules(kind: str) -> tuple[Rule, ...]:
    known = {entry.concept for entry in entries()}
    paths = [folder / f"{kind}.csv" for folder in (WORDS, *_added)]
    return tuple(rule for path in paths if path.exists() for rule in read_rules(path, known))


def entries() -> list[Entry]:
    """All words of this process; a folder's line without a concept takes the word out."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for folder in (WORDS, *_added):
        for entry in read_entries(folder):
            place = found.setdefault((entry.language, entry.pattern), [])
            if entry.concept:
                place.append(entry)
            else:
                place.clear()
    return [entry for entries in found.values() for entry in entries]
