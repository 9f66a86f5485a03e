"""The process that writes a file: what it refuses, and how it and its folder end."""

import asyncio
import os
import pickle
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import shapely

from mapserve.export import files
from mapserve.export.heading import Batch
from mapserve.export.writing import Writing
from mapserve.features.crs import CRS84
from mapserve.features.reading import Features
from open311.errors import BadInput

pytestmark = pytest.mark.anyio


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where folders for files are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def features(number: int) -> Features:
    shapes = np.array([shapely.Point(18.5, -33.9), None] * (number // 2), dtype=object)
    values = {"status": ["open"] * number}
    return Features([str(each) for each in range(number)], shapes, values, None)


def writing(batches: AsyncIterator[Features], kind: str = "Point") -> Writing:
    return Writing("requests", "Requests", {"status": "string"}, kind, CRS84, batches)


async def some(*numbers: int) -> AsyncIterator[Features]:
    for number in numbers:
        yield features(number)


async def taken(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def test_a_file_is_written_and_its_folder_goes(scratch: Path) -> None:
    content = await taken(files.write_file("gpkg", writing(some(4, 2))))
    assert content.startswith(b"SQLite format 3")
    assert os.listdir(scratch) == []


@pytest.mark.parametrize(
    ("extension", "kind", "numbers", "reason"),
    [
        ("shp.zip", "Geometry", [2], "several"),
        # more than the pipe holds: who refuses does not read the rest
        ("xlsx", "Point", [1_100_000, 300_000], "A sheet holds 1048576 rows"),
    ],
)
async def test_what_a_format_cannot_hold_is_refused(
    scratch: Path, extension: str, kind: str, numbers: list[int], reason: str
) -> None:
    with pytest.raises(BadInput, match=reason):
        await taken(files.write_file(extension, writing(some(*numbers), kind)))
    assert os.listdir(scratch) == []


async def test_it_ends_with_who_asked(scratch: Path) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    async def batches() -> AsyncIterator[Features]:
        yield features(2)
        begun.set()
        await never.wait()

    asking = asyncio.create_task(taken(files.write_file("fgb", writing(batches()))))
    await begun.wait()
    assert len(_writers(scratch)) == 1
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not _writers(scratch)
    assert os.listdir(scratch) == []


def _writers(folder: Path) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        words = file.read_bytes().decode().split("\0")
        if "mapserve.export" in words and any(str(folder) in word for word in words):
            found.append(int(file.parent.name))
    return found


async def test_when_it_fails_nothing_is_sent(scratch: Path) -> None:
    async def batches() -> AsyncIterator[Features]:
        yield features(2)
        # a column is missing
        yield Features(["3"], np.array([None]), {}, None)

    async with aclosing(files.write_file("parquet", writing(batches()))) as pieces:
        with pytest.raises(RuntimeError, match="parquet ended with 1"):
            await anext(pieces)
    assert os.listdir(scratch) == []


async def test_it_does_not_outlive_the_server(tmp_path: Path) -> None:
    words = ("-m", "mapserve.export", "gpkg", str(tmp_path))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    batch = Batch(["1"], [None], {"status": ["open"]})
    parts = writing(some()).heading, batch
    _, told = await process.communicate(b"".join(map(pickle.dumps, parts)))
    assert process.returncode == 1
    assert b"EOFError" in told or b"batch" in told
