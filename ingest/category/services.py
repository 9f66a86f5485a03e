"""Which of a city's own services the categories are."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from ingest import lexicon
from ingest.category.classification import Guess, categories, concepts_of

_CLEAR = 2.5
_MOST_ALIKE = 3


class Offer(Struct, frozen=True):
    """A service of a city: its code, and its name with its keywords."""

    service_code: str
    words: str


def match(
    found: Sequence[Guess], offers: Sequence[Offer], chosen: Mapping[str, str]
) -> list[Guess]:
    """Guesses of categories as guesses of a city's services, best first.

    `chosen` is what the city's catalogue says of categories; what it leaves out is found by the
    names of the services. Several services for one category share its confidence, so people are
    asked which; one service for several categories gets the sum.
    """
    standing = _standing(tuple(offers), tuple(sorted(chosen.items())))
    sums: dict[str, float] = {}
    for guess in found:
        codes = standing.get(guess.service_code, [])
        for code in codes:
            sums[code] = min(1.0, sums.get(code, 0.0) + guess.confidence / len(codes))
    return [Guess(code, sure) for code, sure in sorted(sums.items(), key=lambda each: -each[1])]


@lru_cache(maxsize=64)
def _standing(
    offers: tuple[Offer, ...], chosen: tuple[tuple[str, str], ...]
) -> dict[str, list[str]]:
    """As `stand_for`, kept: a city has hundreds of services, and they hardly ever change."""
    return stand_for(offers, dict(chosen))


def stand_for(offers: Sequence[Offer], chosen: Mapping[str, str]) -> dict[str, list[str]]:
    """Each category's services: the one that the city chose, of the same code, or so named."""
    codes = {_plain(offer.service_code): offer.service_code for offer in offers}
    named = _named(offers)
    found: dict[str, list[str]] = {}
    for category in categories():
        wanted = _plain(chosen.get(category, category))
        found[category] = [codes[wanted]] if wanted in codes else named.get(category, [])
    return found


def _plain(code: str) -> str:
    return code.casefold().replace("-", "_")


def _named(offers: Sequence[Offer]) -> dict[str, list[str]]:
    """The services whose names say a category, read by the same rules as messages."""
    found: dict[str, list[str]] = {}
    for offer in offers:
        concepts = concepts_of(offer.words, "en")
        holding = [rule for rule in lexicon.rules("categories") if rule.holds(concepts)]
        best = max(holding, key=lambda rule: rule.weight, default=None)
        if best and best.weight >= _CLEAR and len(found.setdefault(best.name, [])) < _MOST_ALIKE:
            found[best.name].append(offer.service_code)
    return found
