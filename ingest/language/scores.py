"""Measure the language model on sentences that it was not trained on."""

from collections import Counter
from pathlib import Path

from msgspec import Struct

from ingest import models
from ingest.language.identification import probabilities
from ingest.language.training import CODES, OTHER, read_corpora
from ingest.language.writing import words_of


class Scored(Struct, frozen=True):
    """How many sentences a file has, how many were named rightly, and the commonest confusions."""

    sentences: int
    right: int
    confused: list[tuple[str, str, int]]
    """True language, the one it was taken for, and how often."""


def score(path: Path, model: models.Predictor) -> Scored:
    """Compare what the model says with a file of sentences. Raises ValueError."""
    pairs = Counter(
        (CODES.get(code, OTHER), _best(model, text)) for code, text in read_corpora([path])
    )
    wrong = Counter({pair: number for pair, number in pairs.items() if pair[0] != pair[1]})
    return Scored(
        sentences=pairs.total(),
        right=pairs.total() - wrong.total(),
        confused=[(a, b, number) for (a, b), number in wrong.most_common(8)],
    )


def _best(model: models.Predictor, text: str) -> str:
    weights = probabilities(words_of(text), model)
    return max(weights, key=lambda each: weights[each], default=OTHER)
