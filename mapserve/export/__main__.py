"""Write a layer to a file: python -m mapserve.export EXTENSION FOLDER

The server's own process for it. Its input is pickled: a Heading, Batches, and None at the end; its
output is a Written, in JSON. An input that breaks off is an error.
"""

import pickle
import sys
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path

import msgspec


class _Without(MetaPathFinder):
    """Libraries that others load where they are: half a second and 50 MB, for what none needs."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname in ("pandas", "geopandas"):
            raise ModuleNotFoundError(name=fullname)


sys.meta_path.insert(0, _Without())

from mapserve.export.heading import Batch, Written  # noqa: E402
from mapserve.export.writers import WRITERS  # noqa: E402
from open311.errors import BadInput  # noqa: E402


def main(extension: str, folder: str) -> None:
    """Write what comes, and say which file it is."""
    heading = pickle.load(sys.stdin.buffer)  # noqa: S301 (our own parent wrote it)
    try:
        path = WRITERS[extension](heading, _batches(), Path(folder))
        told = Written(path.name)
    except BadInput as refusal:
        told = Written(refusal=str(refusal))
    sys.stdout.buffer.write(msgspec.json.encode(told))


def _batches() -> Iterator[Batch]:
    while (batch := pickle.load(sys.stdin.buffer)) is not None:  # noqa: S301
        yield batch


if __name__ == "__main__":
    main(*sys.argv[1:])
