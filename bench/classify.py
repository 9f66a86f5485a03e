"""How long language, category and urgency of a message take, beside bare predictions.

    python -m bench.classify [REPEATS]

Reads the messages of the tests, in this one process, and prints microseconds a message (the best
of five rounds) and how many times as long as two bare predictions of the same models that is.
"""

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ingest import models
from ingest.category import classify
from ingest.category.classification import concepts_of, written
from ingest.language import identify
from ingest.language.writing import words_of
from ingest.urgency import assess

MESSAGES = Path(__file__).parents[1] / "tests" / "ingest" / "messages.csv"
_ROUNDS = 5
_LONG = 40


def main(repeats: int = 20) -> None:
    """Measure and print."""
    with MESSAGES.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    for name, given in (("short", texts), ("long", [f"{text}. " * _LONG for text in texts])):
        bare = _seconds(_bare(given), repeats, len(given))
        for what, work in (
            ("language", lambda text: identify(text)),
            ("language and category", lambda text: classify(text, identify(text).language)),
            ("all with urgency", _all),
        ):
            taken = _seconds(
                lambda work=work, given=given: [work(t) for t in given], repeats, len(given)
            )
            print(f"{name:>6} {what:<22} {taken * 1e6:8.0f} us  {taken / bare:5.1f} x bare")


def _all(text: str) -> object:
    language = identify(text).language
    return assess(text, language, classify(text, language))


def _bare(texts: list[str]) -> Callable[[], object]:
    """Both models asked for their best label, with the texts prepared before."""
    language, category = models.load("language"), models.load("category")
    assert language is not None
    assert category is not None
    prepared = [(words_of(text), written(text, concepts_of(text, "en"))) for text in texts]
    return lambda: [(language.predict(a), category.predict(b)) for a, b in prepared]


def _seconds(work: Callable[[], object], repeats: int, size: int) -> float:
    """What one message takes: the best round."""
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        best = min(best, (time.perf_counter() - start) / repeats / size)
    return best


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:]))
