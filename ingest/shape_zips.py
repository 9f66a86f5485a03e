"""Unpack zipped Shapefiles without believing what the archive says of itself."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from open311.errors import BadInput, TooLarge

_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg", ".qpj")
_MOST_MEMBERS = 1000
_BLOCK = 1 << 20


@contextmanager
def unpacked(path: Path, most: int) -> Iterator[Path]:
    """The one Shapefile of an archive, in a folder that goes away with the block.

    Only its parts are written, under names of ours, and no more than so many bytes. Raises
    BadInput and TooLarge.
    """
    with tempfile.TemporaryDirectory(prefix="open311-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                _unpack(archive, Path(folder), most)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            raise BadInput(f"The archive cannot be read: {error}.") from None
        yield Path(folder, "layer.shp")


def _unpack(archive: zipfile.ZipFile, folder: Path, most: int) -> None:
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        raise BadInput(f"An archive has at most {_MOST_MEMBERS} files.")
    shapes = [each.filename for each in members if _suffix(each.filename) == ".shp"]
    if len(shapes) != 1:
        found = ", ".join(name[:60] for name in shapes[:5]) or "none"
        raise BadInput(f"An archive holds one Shapefile (.shp); here there are: {found}.")
    stem = _stem(shapes[0])
    left = most
    for each in members:
        if _stem(each.filename) == stem and _suffix(each.filename) in _PARTS:
            left -= _copy(archive, each, folder / f"layer{_suffix(each.filename)}", left)


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, most: int) -> int:
    """Write one member; how many bytes it has."""
    written = 0
    with archive.open(member) as source, path.open("wb") as target:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > most:
                raise TooLarge("The archive holds more than the settings allow.")
            target.write(block)
    return written


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _stem(name: str) -> str:
    return name[: len(name) - len(_suffix(name))].lower()
