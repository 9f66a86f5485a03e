"""Formats that need a file first, which a process of its own writes.

The libraries for them take two thirds of the memory of the whole server, which they never give
back, GDAL more with the size of the file; so it goes with the process.
"""

import asyncio
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import msgspec
import shapely

from mapserve.export.heading import Batch, Written
from mapserve.export.paths import scratch
from mapserve.export.writing import Writing
from mapserve.features.reading import Features
from open311.errors import BadInput

_CHUNK = 1 << 18


async def write_file(extension: str, writing: Writing) -> AsyncIterator[bytes]:
    """A file, once it is written; it is gone when it was sent, or nobody waits any more.

    Raises BadInput for features that the format cannot hold.
    """
    with scratch() as folder:
        path = await _written(extension, writing, folder)
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK):
                yield chunk


async def _written(extension: str, writing: Writing, folder: Path) -> Path:
    async with _running("-m", "mapserve.export", extension, str(folder)) as process:
        # who is gone, or refuses, tells why below
        with suppress(ConnectionError):
            await _send(process, writing.heading)
            async for features in writing.batches:
                await _send(process, _batch(features))
            await _send(process, None)
        answer, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"what writes {extension} ended with {process.returncode}")
    told = msgspec.json.decode(answer, type=Written)
    if told.refusal is not None:
        raise BadInput(told.refusal)
    return folder / told.name


@asynccontextmanager
async def _running(*words: str) -> AsyncIterator[Process]:
    """A Python process for the block. A session of its own: Ctrl-C is for the server to heed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=PIPE, stdout=PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _send(process: Process, part: Any) -> None:
    pipe = cast("asyncio.StreamWriter", process.stdin)
    if pipe.is_closing():
        raise BrokenPipeError
    pipe.write(pickle.dumps(part, pickle.HIGHEST_PROTOCOL))
    await pipe.drain()


def _batch(features: Features) -> Batch:
    encoded = shapely.to_wkb(features.shapes).tolist()
    return Batch(features.ids, encoded, features.values)
