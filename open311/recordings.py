"""Recordings of what people say: known formats alone, without what was written into them."""

import io

from msgspec import Struct
from mutagen import FileType, MutagenError
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from open311.pictures import Upload

_AMR = (b"#!AMR\n", b"#!AMR-WB\n")
_KINDS: dict[type[FileType], tuple[str, str]] = {
    OggOpus: ("audio/ogg", "ogg"),
    OggVorbis: ("audio/ogg", "ogg"),
    MP4: ("audio/mp4", "m4a"),
    MP3: ("audio/mpeg", "mp3"),
}
_HEAD = 128


class Recording(Struct, frozen=True):
    """A recording that can be listened to, with the ending of a file of its kind."""

    content: bytes
    content_type: str
    extension: str


def read(upload: Upload) -> Recording | None:
    """A recording as Ogg, MP4, MP3 or AMR without its tags; None of anything else.

    What it is, its bytes say: neither its name nor its declared type is believed.
    """
    if upload.content.startswith(_AMR):  # has no room for tags
        return Recording(upload.content, "audio/amr", "amr")
    file = io.BytesIO(upload.content)
    kind = _kind(upload.content)
    if kind is None:
        return None
    try:
        found = kind(file)
        if found.info is None or found.info.length <= 0:
            return None
        file.seek(0)
        found.delete(file)
    except (MutagenError, ValueError, ArithmeticError, LookupError):
        return None
    return Recording(file.getvalue(), *_KINDS[kind])


def _kind(content: bytes) -> type[FileType] | None:
    """What a file claims to be."""
    head = content[:_HEAD]
    if head.startswith(b"OggS"):
        return OggOpus if b"OpusHead" in head else OggVorbis
    if head[4:8] == b"ftyp":
        return MP4
    if head.startswith(b"ID3") or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"):
        return MP3
    return None
