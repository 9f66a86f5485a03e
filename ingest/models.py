"""The trained models: files beside their packages, whose digests say whether they are whole."""

import hashlib
import logging
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_HERE = Path(__file__).parent
FILES = {
    "language": _HERE / "language" / "model.ftz",
    "category": _HERE / "category" / "model.ftz",
}
"""Each model and its file; beside it, the same name with `.sha256`."""

_log = logging.getLogger(__name__)


class Predictor(Protocol):
    """A fastText model, as far as it is asked."""

    def predict(
        self, text: str, k: int = 1, threshold: float = 0.0
    ) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """The likeliest labels with their probabilities, best first."""


def trouble(name: str) -> str:
    """What is wrong with a model's file, or nothing. Does not load it."""
    path = FILES[name]
    try:
        said = _digest_file(path).read_text("ascii").strip()
        state = path.stat()
        found = _digest(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        return f"{path.name} of the {name} cannot be read: {error.strerror}"
    except ValueError:
        return f"the digest of {path.name} cannot be read"
    return "" if said == found else f"{path.name} of the {name} is not what was trained"


@lru_cache
def _digest(path: Path, _changed: int, _size: int) -> str:
    """The digest of a file, taken again when it changes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def seal(path: Path) -> None:
    """Write the digest of a model that was just trained beside it."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    _digest_file(path).write_text(f"{digest}\n", encoding="ascii")


@cache
def load(name: str) -> Predictor | None:
    """A model, once in each process; None, and a line in the log, when it is missing or damaged."""
    wrong = trouble(name)
    if wrong:
        _log.error("working without the model of the %s: %s", name, wrong)
        return None
    return open_file(FILES[name])


def open_file(path: Path) -> Predictor:
    """A model from its file. Raises ValueError when it is none."""
    # a library that the web processes never load
    import fasttext

    model: Predictor = fasttext.load_model(str(path))
    return model


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
