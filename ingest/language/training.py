"""Train the language model: from a corpus of sentences to one small file that names languages."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from msgspec import Struct

from ingest.language.writing import words_of

CODES = {
    **dict.fromkeys(("af", "afr"), "af"),
    **dict.fromkeys(("en", "eng"), "en"),
    **dict.fromkeys(("nr", "nbl"), "nr"),
    **dict.fromkeys(("nso", "nso"), "nso"),
    **dict.fromkeys(("st", "sot"), "st"),
    **dict.fromkeys(("ss", "ssw"), "ss"),
    **dict.fromkeys(("tn", "tsn"), "tn"),
    **dict.fromkeys(("ts", "tso"), "ts"),
    **dict.fromkeys(("ve", "ven"), "ve"),
    **dict.fromkeys(("xh", "xho"), "xh"),
    **dict.fromkeys(("zu", "zul"), "zu"),
}
"""What corpora call a language, and what it is called here; any other is `other`."""

OTHER = "other"
_SEED = 7
_PIECES = 30_000
_LONGEST_WINDOW = 14
_MOST_OF_ONE = 10_000
_MOST_OF_FOREIGN = 100
_MOST_OF_NEIGHBOUR = 1500
_MOST_REPEATS = 8
_NEIGHBOURS = frozenset(
    ("nld", "nl", "fra", "fr", "por", "pt", "deu", "de", "sna", "sn", "swh", "sw")
)
_PARAMETERS: dict[str, Any] = {
    **{"dim": 16, "minn": 2, "maxn": 4, "bucket": 100_000, "epoch": 8, "lr": 0.5},
    # one thread: with more, no two trainings are the same
    **{"loss": "softmax", "minCount": 1, "thread": 1, "seed": _SEED, "verbose": 0},
}
_KEPT_FEATURES = 120_000

Sentence = tuple[str, str]
"""A language's code as in its corpus, and a text."""


class Trained(Struct, frozen=True):
    """What a training read: sentences of each language, and the size of the model in bytes."""

    sentences: dict[str, int]
    size: int


def read_corpora(paths: Sequence[Path]) -> Iterator[Sentence]:
    """Sentences of Parquet or CSV files with columns lang (or lang_id) and text.

    Raises ValueError.
    """
    for path in paths:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        table = table.rename(columns={"lang_id": "lang"}).rename(columns=str.strip)
        missing = {"lang", "text"} - set(table.columns)
        if missing:
            raise ValueError(f"{path} has no column {' and '.join(sorted(missing))}")
        yield from zip(table["lang"].astype(str), table["text"].astype(str), strict=True)


def train(corpora: Sequence[Path], target: Path) -> Trained:
    """Train and write the model. Raises ValueError when a language of ours has no sentences."""
    import fasttext

    chosen = choose(read_corpora(corpora))
    missing = set(CODES.values()) - set(chosen)
    if missing:
        raise ValueError(f"The corpus has nothing in {', '.join(sorted(missing))}")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lines.txt"
        path.write_text("\n".join(lines(chosen)), encoding="utf-8")
        model = fasttext.train_supervised(str(path), **_PARAMETERS)
        model.quantize(str(path), cutoff=_KEPT_FEATURES, retrain=True, **_quantising())
    model.save_model(str(target))
    counts = Counter({language: len(texts) for language, texts in chosen.items()})
    return Trained(dict(counts), target.stat().st_size)


def _quantising() -> dict[str, Any]:
    return {"thread": 1, "epoch": 4, "verbose": 0}


def choose(sentences: Iterable[Sentence]) -> dict[str, list[str]]:
    """As many sentences of each of our languages, and of each foreign one enough to be known.

    A foreign language with little text is read several times over.
    """
    by_code: dict[str, list[str]] = defaultdict(list)
    for code, text in sentences:
        words = words_of(text)
        if words:
            by_code[code.lower()].append(words)
    draw = random.Random(_SEED)  # noqa: S311
    chosen: dict[str, list[str]] = defaultdict(list)
    for code in sorted(by_code):
        texts = sorted(set(by_code[code]))
        draw.shuffle(texts)
        if code in CODES:
            chosen[CODES[code]] += texts[:_MOST_OF_ONE]
        else:
            chosen[OTHER] += _of_foreign(code, texts)
    return chosen


def _of_foreign(code: str, texts: list[str]) -> list[str]:
    """Enough of what people here also speak, or what looks like Afrikaans; a little of the rest."""
    if code not in _NEIGHBOURS:
        return texts[:_MOST_OF_FOREIGN]
    repeats = max(1, min(_MOST_REPEATS, _MOST_OF_NEIGHBOUR // len(texts)))
    return texts[:_MOST_OF_NEIGHBOUR] * repeats


def lines(chosen: dict[str, list[str]]) -> Iterator[str]:
    """Each sentence and short pieces of it, for citizens write short: of each language as many."""
    draw = random.Random(_SEED)  # noqa: S311
    found = []
    for language in sorted(chosen):
        texts = chosen[language]
        windows = max(2, round(_PIECES / len(texts)))
        for text in texts:
            pieces = [text, *_windows(text.split(), windows, draw)]
            found += [f"__label__{language} {piece}" for piece in pieces]
    draw.shuffle(found)
    yield from found


def _windows(words: list[str], number: int, draw: random.Random) -> Iterator[str]:
    """Words side by side, more often few than many."""
    for _ in range(number):
        size = min(draw.randint(1, _LONGEST_WINDOW), draw.randint(1, _LONGEST_WINDOW), len(words))
        start = draw.randint(0, len(words) - size)
        yield " ".join(words[start : start + size])
