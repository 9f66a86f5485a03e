"""What is made of words: whoever knows languages and categories hands it over as functions."""

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from clients.conversation.state import City

Guesses = tuple[tuple[str, float], ...]
"""Service codes with how sure that is, the best first."""

_WORD = re.compile(r"[^\W\d_]{3,}")
_MOST = 3
_WHOLE_NAME, _SOME_WORDS = 0.85, 0.6


class Senses(Struct, frozen=True):
    """`language`: of a text, of these, given what was spoken before, if that is sure; `services`:
    what of a city's it means; `is_danger`: whether somebody may come to harm."""

    language: Callable[[str, Sequence[str], str], str | None] = lambda _text, _codes, _before: None
    services: Callable[[str, str, City], Guesses] = lambda text, _language, city: by_words(
        text, city
    )
    is_danger: Callable[[str, str], bool] = lambda _text, _language: False


def by_words(text: str, city: City) -> Guesses:
    """The services whose names share words with a text: without any model, and never sure of few.

    A name of which every word is in the text is as good as chosen; one word ("Water") is only when
    nothing else is said.
    """
    said = _stems(text)
    found: list[tuple[str, float]] = []
    for offer in city.offers:
        named = _stems(offer.name)
        shared = len(said & named)
        if shared:
            whole = named <= said and (len(named) > 1 or said == named)
            found.append(
                (offer.service_code, _WHOLE_NAME if whole else _SOME_WORDS * shared / len(named))
            )
    best = sorted(found, key=lambda guess: -guess[1])[:_MOST]
    tied = len(best) > 1 and best[0][1] == best[1][1]
    return tuple((code, min(sure, _SOME_WORDS) if tied else sure) for code, sure in best)


def _stems(text: str) -> set[str]:
    """The words of a text, plural or not."""
    return {word.casefold().removesuffix("s") for word in _WORD.findall(text)}
