"""Recordings: what can be listened to is kept, and nothing that was written into it."""

import io
from pathlib import Path

import mutagen
import pytest
from hypothesis import given
from hypothesis import strategies as st

from open311 import recordings
from open311.pictures import Upload

FOLDER = Path(__file__).parents[1] / "whatsapp" / "recordings"
FILES = sorted(FOLDER.iterdir())
TYPES = {".m4a": "audio/mp4", ".mp3": "audio/mpeg", ".ogg": "audio/ogg"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.suffix)
def test_it_still_sounds_and_its_tags_are_gone(file: Path) -> None:
    content = file.read_bytes()
    assert b"Secret street" in content
    kept = recordings.read(Upload("x.jpg", content))
    assert kept is not None
    assert (kept.content_type, f".{kept.extension}") == (TYPES[file.suffix], file.suffix)
    assert b"Secret street" not in kept.content
    sound, before = (mutagen.File(io.BytesIO(each)) for each in (kept.content, content))
    assert sound.info.length == pytest.approx(before.info.length, abs=0.1)
    assert not dict(sound.tags or {})


def test_amr_is_known_by_its_first_bytes() -> None:
    kept = recordings.read(Upload("voice", b"#!AMR\n" + bytes(32)))
    assert kept == recordings.Recording(b"#!AMR\n" + bytes(32), "audio/amr", "amr")


@pytest.mark.parametrize(
    "content", [b"", b"OggS", b"ID3", b"\xff\xfb", b"xxxxftyp", b"\xff\xd8\xff\xe0JFIF", b"<html>"]
)
def test_anything_else_is_none(content: bytes) -> None:
    assert recordings.read(Upload("voice.ogg", content)) is None


@given(st.sampled_from(FILES), st.data())
def test_broken_files_do_no_harm(file: Path, data: st.DataObject) -> None:
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at : at + 4] = data.draw(st.binary(max_size=8))
    recordings.read(Upload("voice", bytes(content)))
