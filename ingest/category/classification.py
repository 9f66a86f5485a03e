"""Say what a message reports: rules over its words, together with a model of what people wrote."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from math import exp, log

import msgspec
from msgspec import Struct

from ingest import lexicon, models
from ingest.language import OTHER, identify
from ingest.models import Predictor

NOTHING = "other"
"""The model's label for what reports nothing: greetings, thanks, talk."""

SURE, UNSURE = 0.7, 0.25
"""From these confidences on a report is filed without a question, or is worth offering.

ingest/category/model.md says how often each is right.
"""

MOODS = frozenset(("pleased", "angry"))
_LABEL = len("__label__")
_ALL = 64
_FLOOR = 1e-4
_UNMODELLED = 0.02
_STRONG, _POSSIBLE, _UNSHOWN = 3.0, 0.02, 0.1
_PLAIN, _LIKELY = 4.0, 0.9
_SHARPNESS = 1.2
_LEAST = 0.01
_MOST_OFFERED = 3


class Guess(Struct, frozen=True):
    """A kind of request, by its code, and from 0 to 1 how sure that is."""

    service_code: str
    confidence: float


class Answer(StrEnum):
    """What guesses are good for: filing, a question with the best three, or the whole menu."""

    SURE = "sure"
    UNSURE = "unsure"
    NONE = "none"


class Calibration(Struct, frozen=True):
    """What a training measured: how much rules weigh beside the model, and how far to trust it."""

    rules: float = 0.8
    temperature: float = 1.0
    alone: float = 1.0
    """How much rules weigh without the model."""
    shown: tuple[str, ...] = ()
    """The groups that the model has seen real reports of."""


def classify(text: str, language: str | None = None) -> list[Guess]:
    """The kinds of requests that a text may report, by the codes of words/categories.csv.

    Best first; empty when it reports nothing. `language` is the text's ISO 639 code, found out
    when it is not given. Without the model the rules alone answer.
    """
    language = language or identify(text).language
    return guesses(weigh(text, language))


def decide(found: list[Guess]) -> tuple[Answer, list[Guess]]:
    """Whether the best guess is sure enough to file, and what may be offered otherwise."""
    if not found or found[0].confidence < UNSURE:
        return Answer.NONE, []
    if found[0].confidence >= SURE:
        return Answer.SURE, found[:1]
    return Answer.UNSURE, found[:_MOST_OFFERED]


def guesses(weights: Mapping[str, float]) -> list[Guess]:
    """Weights as guesses, best first, without what is not worth a word."""
    best = sorted(weights.items(), key=lambda each: (-each[1], each[0]))
    return [Guess(code, sure) for code, sure in best if code != NOTHING and sure >= _LEAST]


def weigh(text: str, language: str) -> dict[str, float]:
    """How likely each category is, and NOTHING; together 1.

    The model has read English reports; of other languages it knows nothing, and only rules speak.
    """
    concepts = concepts_of(text, language)
    model = models.load("category") if language in ("en", OTHER) else None
    return combine(predict(model, written(text, concepts)), concepts, calibration())


def concepts_of(text: str, language: str) -> frozenset[str]:
    """What the words of a text mean, other than how their writer feels."""
    return frozenset(lexicon.installed().find(text, lexicon.known(language))) - MOODS


def combine(
    labels: Mapping[str, float], concepts: frozenset[str], measured: Calibration
) -> dict[str, float]:
    """The model's probabilities and the rules together; without a model the rules alone.

    First which group, by both; then which category of it, by the rules more than anything.
    """
    ruled = _ruled(concepts)
    if not ruled and not labels:
        return {NOTHING: 1.0}
    nothing = max(_FLOOR, labels.get(NOTHING, 0.0)) if labels else _UNMODELLED
    weighing, temperature = measured.rules, measured.temperature
    if not labels:
        weighing, temperature = measured.alone, 1.0
    scores = {NOTHING: log(nothing)}
    for group, members in _members().items():
        weight = max(ruled.get(code, 0.0) for code in members)
        modelled = _modelled(group, labels, weight, measured.shown)
        scores[group] = log(modelled) + weighing * weight
    found = _shares(scores, temperature)
    shares = {NOTHING: found[NOTHING]}
    for group, members in _members().items():
        within = {c: _SHARPNESS * ruled.get(c, 0.0) + 2 * labels.get(c, 0.0) for c in members}
        shares |= {code: found[group] * part for code, part in _shares(within, 1.0).items()}
    return shares


def written(text: str, concepts: frozenset[str]) -> str:
    """A text as the model reads it: its words, and what they mean."""
    told = " ".join(f"_{concept}" for concept in sorted(concepts))
    return f"{lexicon.fold(text)} {told}".strip()


def predict(model: Predictor | None, line: str) -> dict[str, float]:
    """The model's groups and categories with their probabilities; none without a model or words.

    `line` is what `written` makes.
    """
    if model is None or not line:
        return {}
    labels, weights = model.predict(line, k=_ALL)
    return {
        label[_LABEL:]: min(1.0, float(weight))
        for label, weight in zip(labels, weights, strict=True)
    }


@cache
def categories() -> dict[str, str]:
    """Each category's code with its group's name, in the order of the list."""
    return {rule.name: rule.group for rule in lexicon.rules("categories")}


def group_of(label: str) -> str:
    """The group of a category; of a group itself, the same."""
    return categories().get(label, label)


@cache
def calibration() -> Calibration:
    """What was measured when the model was trained, or a cautious guess."""
    try:
        return msgspec.json.decode(CALIBRATION.read_bytes(), type=Calibration)
    except (OSError, msgspec.DecodeError):
        return Calibration()


CALIBRATION = models.FILES["category"].with_name("calibration.json")


def _ruled(concepts: frozenset[str]) -> dict[str, float]:
    """What the rules say: of each category its strongest rule's weight."""
    strongest: dict[str, float] = {}
    for rule in lexicon.rules("categories"):
        if rule.weight > strongest.get(rule.name, 0.0) and rule.holds(concepts):
            strongest[rule.name] = rule.weight
    return strongest


def _modelled(
    group: str, labels: Mapping[str, float], weight: float, shown: Sequence[str]
) -> float:
    """The model's probability of a group, and of its categories where those are its labels.

    What a strong rule says is never ruled out, and of what the model was never shown it says
    little.
    """
    if not labels:
        return _UNMODELLED
    floor = _FLOOR
    if weight >= _STRONG:
        floor = _POSSIBLE if group in shown else _UNSHOWN
    if weight >= _PLAIN and group not in shown:
        floor = _LIKELY
    return max(floor, sum(labels.get(name, 0.0) for name in (group, *_members()[group])))


@cache
def _members() -> dict[str, list[str]]:
    """The categories of each group."""
    found: dict[str, list[str]] = {}
    for code, group in categories().items():
        found.setdefault(group, []).append(code)
    return found


def _shares(scores: Mapping[str, float], temperature: float) -> dict[str, float]:
    top = max(scores.values())
    weights = {code: exp((score - top) / temperature) for code, score in scores.items()}
    whole = sum(weights.values())
    return {code: weight / whole for code, weight in weights.items()}
