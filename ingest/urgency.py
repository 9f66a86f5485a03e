"""How soon a report needs seeing to, and why; and, as a number alone, how it is said."""

from functools import cache

from msgspec import Struct

from ingest import lexicon
from ingest.category import Guess
from ingest.category.classification import MOODS

DANGER = 3
"""From this level on somebody may come to harm."""

_BELIEVED = 0.5


class Hazard(Struct, frozen=True):
    """Something dangerous that a text tells of."""

    name: str
    level: int
    reason: str
    words: tuple[str, ...]
    """Those of the text that say so."""


class Urgency(Struct, frozen=True):
    """How soon: 0 in its turn, 1 soon, 2 today, 3 at once, for somebody may come to harm."""

    level: int
    reasons: tuple[str, ...]
    """In words for the staff, the most dangerous first."""
    sentiment: int
    """From -1 (angry) to 1 (pleased). It is kept and never changes the level."""

    @property
    def is_danger(self) -> bool:
        """Whether the citizen must be told whom to call."""
        return self.level >= DANGER


def assess(text: str, language: str, found: list[Guess]) -> Urgency:
    """How urgent a report is by what it says, and by the category that it is believed to be of."""
    dangers = hazards(text, language)
    levels = [(each.level, each.reason) for each in dangers]
    if found and found[0].confidence >= _BELIEVED:
        code = found[0].service_code
        levels.append((_base().get(code, 0), f"category {code}"))
    reasons = tuple(dict.fromkeys(reason for level, reason in levels if level))
    return Urgency(max((level for level, _ in levels), default=0), reasons, mood(text, language))


def hazards(text: str, language: str) -> list[Hazard]:
    """What a text tells that is dangerous, by words/hazards.csv, the worst first; each once."""
    words = lexicon.installed().find(text, lexicon.known(language))
    found: dict[str, Hazard] = {}
    for rule in lexicon.rules("hazards"):
        level = int(rule.weight)
        if rule.holds(words) and (rule.name not in found or found[rule.name].level < level):
            said = tuple(sorted({words[concept] for concept in rule.needed}))
            found[rule.name] = Hazard(rule.name, level, rule.note or rule.name, said)
    return sorted(found.values(), key=lambda each: -each.level)


def mood(text: str, language: str) -> int:
    """Whether words praise (1), blame (-1), or neither or both (0)."""
    said = MOODS & lexicon.installed().find(text, lexicon.known(language)).keys()
    return ("pleased" in said) - ("angry" in said)


@cache
def _base() -> dict[str, int]:
    """How urgent categories are by themselves."""
    return lexicon.levels()
