"""Files that are whole or not there, and folders that nobody forgets."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_PREFIX = "open311-export-"
_YOUNG_SECONDS = 60
"""Between the making of a folder and its lock there is a moment."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place when the block is done, and is gone if it fails."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the block, gone afterwards; those that killed processes left go now.

    Whoever has one holds the lock of a file in it, and the system lets go of it for the dead.
    """
    _sweep()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder, _lock(Path(folder)):
        yield Path(folder)


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another process has it, or swept it, or it is somebody else's
            if time.time() - folder.stat().st_mtime > _YOUNG_SECONDS:
                with _lock(folder):
                    shutil.rmtree(folder)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Raises BlockingIOError when another process has it."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
