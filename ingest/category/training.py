"""Train the category model from labelled reports, and measure it on those it has not seen."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pandas as pd
from msgspec import Struct

from ingest import lexicon, models
from ingest.category import classification
from ingest.category.classification import NOTHING, Calibration

_SEED = 7
_TEST, _CALIBRATION = 5, 10
_SYNTHETIC = 8
_MOST_ASIDE = 3
_ASIDE = ("absent", "broken", "house", "road", "urgent", "child", "smell", "overflow", "blocked")
_PARAMETERS: dict[str, Any] = {
    **{"dim": 32, "wordNgrams": 2, "bucket": 100_000, "epoch": 15, "lr": 0.3},
    # words of fewer texts are often names of people: they stay out of the model
    **{"loss": "softmax", "minCount": 5, "thread": 1, "seed": _SEED, "verbose": 0},
}
_KEPT_FEATURES = 50_000
# Reports of one city make rules look less useful than they are in the next one, whose people write
# otherwise: so they never weigh less than this.
_RULES = (0.6, 0.8, 1.0)
_ALONE = tuple(tenths / 10 for tenths in range(4, 21))
_TEMPERATURES = (0.8, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0)


class Labelled(Struct, frozen=True):
    """A report and what it is of: a group or a category of words/categories.csv, or `other`."""

    text: str
    label: str
    language: str = "en"


class Read(Struct, frozen=True):
    """A report as the classifier reads it, kept so that it need not be read again."""

    label: str
    labels: dict[str, float]
    concepts: frozenset[str]


class Measured(Struct, frozen=True):
    """Scores on the reports that were held back, in groups."""

    tested: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    """How far confidences are off on average (ten bins)."""
    f1: dict[str, float]
    confusion: dict[str, dict[str, int]]
    """By the true group, how many were taken for each."""
    sure: tuple[float, float]
    """The share that is sure enough to file, and how much of it is right."""
    size: int


def read_files(paths: Sequence[Path], renamed: Mapping[str, str]) -> list[Labelled]:
    """Reports of Parquet or CSV files with columns text, category and perhaps lang, each text once.

    Raises ValueError when a category is unknown, even after renaming.
    """
    known = {*classification.categories(), *classification.categories().values(), NOTHING}
    found: dict[str, Labelled] = {}
    for path in paths:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        missing = {"text", "category"} - set(table.columns)
        if missing:
            raise ValueError(f"{path} has no column {' and '.join(sorted(missing))}")
        languages = table["lang"] if "lang" in table.columns else ["en"] * len(table)
        for text, category, language in zip(
            table["text"], table["category"], languages, strict=True
        ):
            label = renamed.get(category, category)
            if label not in known:
                raise ValueError(f"{path}: {category} is no category; see words/categories.csv")
            found.setdefault(str(text), Labelled(str(text), label, str(language)))
    return list(found.values())


def train(reports: list[Labelled], also: list[Labelled], target: Path) -> Measured:
    """Train on four fifths of the reports and all of `also`, write the model, and measure it.

    The calibration stands beside it.
    """
    import fasttext

    shuffled = reports[:]
    random.Random(_SEED).shuffle(shuffled)  # noqa: S311
    size = len(shuffled) // _TEST
    tested, rest = shuffled[:size], shuffled[size:]
    held = len(rest) // _CALIBRATION
    lines = [*_lines([*rest[held:], *also]), *_synthetic()]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lines.txt"
        path.write_text("\n".join(lines), encoding="utf-8")
        model = fasttext.train_supervised(str(path), **_PARAMETERS)
        model.quantize(str(path), cutoff=_KEPT_FEATURES, retrain=True, thread=1, epoch=5, verbose=0)
    model.save_model(str(target))
    written = models.open_file(target)
    shown = tuple(sorted({classification.group_of(each.label) for each in rest}))
    calibration = _calibrate([_read(each, written) for each in rest[:held]], shown)
    target.with_name("calibration.json").write_bytes(msgspec.json.encode(calibration) + b"\n")
    return measure([_read(each, written) for each in tested], calibration, target.stat().st_size)


def _lines(reports: Iterable[Labelled]) -> Iterator[str]:
    """Reports in English, for no others are ever put to the model."""
    for each in reports:
        if each.language != "en":
            continue
        line = classification.written(each.text, classification.concepts_of(each.text, "en"))
        if line:
            yield f"__label__{each.label} {line}"


def _synthetic() -> Iterator[str]:
    """What each rule's concepts mean, with others beside them: kinds that nobody labelled yet.

    Every other time with English words for them.
    """
    draw = random.Random(_SEED)  # noqa: S311
    words = _english_words()
    for rule in lexicon.rules("categories"):
        for turn in range(round(_SYNTHETIC * min(rule.weight, 4) / 4)):
            aside = draw.sample(_ASIDE, draw.randint(0, _MOST_ASIDE))
            concepts = rule.needed | (set(aside) - rule.barred)
            said = [draw.choice(words[each]) for each in sorted(concepts) if turn % 2]
            yield f"__label__{rule.group} {classification.written(' '.join(said), concepts)}"


def _english_words() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in lexicon.entries():
        if entry.language == "en":
            found.setdefault(entry.concept, []).append(lexicon.fold(entry.pattern.strip("*")))
    return found


def _read(report: Labelled, model: models.Predictor) -> Read:
    concepts = classification.concepts_of(report.text, "en")
    line = classification.written(report.text, concepts)
    return Read(report.label, classification.predict(model, line), concepts)


def _calibrate(reports: list[Read], shown: tuple[str, ...]) -> Calibration:
    """Those weights of rules and model that make what came out true most likely.

    Of rules alone, which is all there is in other languages, among the reports that have some.
    """

    def surprise(calibration: Calibration, some: list[Read]) -> float:
        return -sum(log(max(1e-9, _groups(r, calibration).get(r.label, 0.0))) for r in some)

    together = min(
        (Calibration(rules, warm, shown=shown) for rules in _RULES for warm in _TEMPERATURES),
        key=lambda each: surprise(each, reports),
    )
    ruled = [Read(each.label, {}, each.concepts) for each in reports if each.concepts]
    alone = min(_ALONE, key=lambda each: surprise(Calibration(alone=each), ruled))
    return msgspec.structs.replace(together, alone=alone)


def _groups(report: Read, calibration: Calibration) -> dict[str, float]:
    """How likely each group is, and a category that is itself a label."""
    shares = classification.combine(report.labels, report.concepts, calibration)
    found: dict[str, float] = {NOTHING: shares[NOTHING]}
    for code, group in classification.categories().items():
        found[group] = found.get(group, 0.0) + shares.get(code, 0.0)
        if report.label == code:
            found[code] = shares.get(code, 0.0)
    return found


def measure(reports: list[Read], calibration: Calibration, size: int) -> Measured:
    """Compare what comes out with what was labelled, in groups."""
    true, guessed, sure = [], [], []
    for each in reports:
        groups = _groups(each, calibration)
        best = max(groups, key=lambda name: groups[name])
        true.append(classification.group_of(each.label))
        guessed.append(classification.group_of(best))
        sure.append(groups[best])
    right = [a == b for a, b in zip(true, guessed, strict=True)]
    f1 = {group: _f1(group, true, guessed) for group in sorted(set(true))}
    certain = [r for r, s in zip(right, sure, strict=True) if s >= classification.SURE]
    return Measured(
        tested=len(reports),
        accuracy=sum(right) / len(right),
        macro_f1=sum(f1.values()) / len(f1),
        calibration_error=_calibration_error(right, sure),
        f1=f1,
        confusion=_confusion(true, guessed),
        sure=(len(certain) / len(right), sum(certain) / max(1, len(certain))),
        size=size,
    )


def _f1(group: str, true: list[str], guessed: list[str]) -> float:
    both = sum(a == b == group for a, b in zip(true, guessed, strict=True))
    return 2 * both / (true.count(group) + guessed.count(group))


def _confusion(true: list[str], guessed: list[str]) -> dict[str, dict[str, int]]:
    pairs = pd.crosstab(pd.Series(true), pd.Series(guessed))
    return {
        str(group): {str(other): int(number) for other, number in row.items() if number}
        for group, row in pairs.iterrows()
    }


def _calibration_error(right: list[bool], sure: list[float]) -> float:
    bins: dict[int, list[tuple[bool, float]]] = {}
    for is_right, confidence in zip(right, sure, strict=True):
        bins.setdefault(min(9, int(confidence * 10)), []).append((is_right, confidence))
    off = (abs(sum(r for r, _ in pairs) - sum(c for _, c in pairs)) for pairs in bins.values())
    return sum(off) / len(right)
