"""Files that are sent as the body of a call, alone or in a form: kept on disk as they come."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from litestar import Request
from multipart import MultipartSegment, ParserError, PushMultipartParser

from open311.errors import BadInput, TooLarge

_MOST_PARTS = 50
_LONGEST_FIELD = 10_000
_MULTIPART = "multipart/form-data"


async def receive(request: Request[Any, Any, Any], path: Path, most: int) -> dict[str, str]:
    """Write the file of a body, of at most so many bytes, and return a form's other fields.

    Raises BadInput and TooLarge.
    """
    if int(request.headers.get("content-length") or 0) > most + _MOST_PARTS * _LONGEST_FIELD:
        raise TooLarge(f"A file has at most {most} bytes.")
    kind, options = request.content_type
    with path.open("wb") as file:
        if kind.lower() == _MULTIPART:
            fields = await _receive_form(request, options.get("boundary", ""), file, most)
        else:
            fields = {}
            async for block in request.stream():
                _write(file, block, most)
        if not file.tell():
            raise BadInput("There is no file in the body.")
    return fields


async def _receive_form(
    request: Request[Any, Any, Any], boundary: str, file: BinaryIO, most: int
) -> dict[str, str]:
    fields: dict[str, bytes] = {}
    segment: MultipartSegment | None = None
    try:
        async for part in _parts(request, boundary):
            if isinstance(part, MultipartSegment):
                segment = part
                if segment.filename and file.tell():
                    raise BadInput("One file is sent at a time.")
            elif part and segment is not None and segment.filename:
                _write(file, part, most)
            elif part and segment is not None:
                fields[segment.name] = fields.get(segment.name, b"") + part
                if len(fields[segment.name]) > _LONGEST_FIELD:
                    raise TooLarge(f"A field has at most {_LONGEST_FIELD} bytes.")
        return {name: value.decode() for name, value in fields.items()}
    except (ParserError, UnicodeDecodeError, ValueError):
        raise BadInput("The body is no multipart form.") from None


async def _parts(
    request: Request[Any, Any, Any], boundary: str
) -> AsyncIterator[MultipartSegment | bytearray | None]:
    with PushMultipartParser(boundary.encode(), max_segment_count=_MOST_PARTS) as parser:
        async for block in request.stream():
            for part in parser.parse(block):
                yield part


def _write(file: BinaryIO, block: bytes | bytearray, most: int) -> None:
    if file.tell() + len(block) > most:
        raise TooLarge(f"A file has at most {most} bytes.")
    file.write(block)


def suffix_of(path: Path) -> str:
    """The end that a file's name should have, by what is in it. Raises BadInput.

    Not by the name that it came with: what opens a file by that might be told anything.
    """
    with path.open("rb") as file:
        start = file.read(512)
    for begin, suffix in _BEGINNINGS:
        if start.startswith(begin):
            return suffix
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return ".geojson"
    with suppress(UnicodeDecodeError):
        if "<" not in start[:100].decode("utf-16" if start[:2] in _UTF_16 else "cp1252"):
            return ".csv"
    raise BadInput(
        "This is no GeoPackage, zipped Shapefile, GeoJSON, FlatGeobuf, GeoParquet or CSV."
    )


_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_BEGINNINGS = (
    (b"SQLite format 3\0", ".gpkg"),
    (b"PK\x03\x04", ".zip"),
    (b"fgb\x03", ".fgb"),
    (b"PAR1", ".parquet"),
)
