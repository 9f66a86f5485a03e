"""Say which language a message is written in, with what the conversation already knows."""

from collections.abc import Collection

from msgspec import Struct

from ingest import models
from ingest.language.families import near, near_any
from ingest.language.writing import words_of
from ingest.models import Predictor

OTHER = "other"
SURE = 0.7
"""From this confidence on, nineteen of twenty are right; below it nobody changes language."""

_PRIOR = 4.0
"""How much likelier the language of the conversation is than each other; near ones, `_RELATIVE`."""
_RELATIVE = 0.1
_FOREIGN = 0.02
_FEWEST_WORDS = 2
_ALL = 12
_LABEL = len("__label__")


class Identified(Struct, frozen=True):
    """A language by its ISO 639 code (en af zu xh st tn nso ts ss ve nr), or `other`."""

    language: str
    confidence: float
    """From 0 to 1."""


def identify(
    text: str, candidates: Collection[str] | None = None, prior: str | None = None
) -> Identified:
    """The language of a text: one of the candidates, or `other`.

    `candidates` are the languages of the jurisdiction, all eleven when none are named. `prior` is
    the language of the conversation: it is likelier, it stays when nothing else is sure, and one
    word ("yebo") never changes it. Without it, what is not sure is `other`. So it is, too, without
    a model.
    """
    words = words_of(text)
    usual = Identified(prior or OTHER, 0.0)
    if not words or (prior and len(words.split()) < _FEWEST_WORDS):
        return usual
    weights = probabilities(words, models.load("language"))
    if not weights:
        return usual
    weights = _limited(weights, candidates)
    if prior in weights:
        weights = _with_prior(weights, prior)
    language = max(weights, key=lambda each: weights[each])
    confidence = weights[language] / max(sum(weights.values()), 1e-9)
    if confidence < SURE:
        return Identified(prior or OTHER, confidence)
    return Identified(language, confidence)


def probabilities(words: str, model: Predictor | None) -> dict[str, float]:
    """How likely each language is for words as `words_of` gives them; none without a model."""
    if model is None or not words:
        return {}
    labels, weights = model.predict(words, k=_ALL)
    return {label[_LABEL:]: float(weight) for label, weight in zip(labels, weights, strict=True)}


def _limited(weights: dict[str, float], candidates: Collection[str] | None) -> dict[str, float]:
    """Those that may be. A little of what other languages lose goes to `other`.

    A town's people make its languages likelier; but a text that is surely in another is not in
    one of them, unless that is near.
    """
    if candidates is None:
        return weights
    kept = {each: weights.get(each, 0.0) for each in candidates}
    lost = sum(sure for each, sure in weights.items() if not near_any(each, {*candidates, OTHER}))
    return kept | {OTHER: weights.get(OTHER, 0.0) + _FOREIGN * lost}


def _with_prior(weights: dict[str, float], prior: str) -> dict[str, float]:
    """The conversation's language is likelier than others, and far likelier than those near it."""
    relatives = near(prior) - {prior}
    return {
        each: sure * (_PRIOR if each == prior else _RELATIVE if each in relatives else 1.0)
        for each, sure in weights.items()
    }
