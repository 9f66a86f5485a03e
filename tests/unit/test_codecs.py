"""XML and JSON of the same structures, whatever people type."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from open311 import wire
from open311.codecs import FORMATS, format_of


def to_xml(root: str, data: Any) -> Any:
    return etree.fromstring(FORMATS["xml"].encode(root, data))


@given(st.text())
def test_any_text_is_well_formed_in_both(text: str) -> None:
    error = [wire.Error(400, text.encode("utf-8", "replace").decode())]
    described = to_xml("errors", error).findtext("error/description") or ""
    assert set(described) <= set(text.encode("utf-8", "replace").decode())
    assert json.loads(FORMATS["json"].encode("errors", error))[0]["code"] == 400


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")))
def test_text_survives_xml(text: str) -> None:
    assert (to_xml("errors", [wire.Error(1, text)]).findtext("error/description") or "") == text


@given(st.floats(-180, 180))
def test_numbers_are_plain_decimals(number: float) -> None:
    text = to_xml("box", {"lat": number}).findtext("lat")
    assert float(text) == number
    assert "e" not in text


def test_values_by_kind() -> None:
    root = to_xml("x", {"yes": True, "no": False, "none": None, "empty": "", "list": [], "n": 3})
    assert [child.text for child in root] == ["true", "false", None, None, None, "3"]


def test_instants_end_in_z_in_both() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    note = wire.Note(at, "submitted", "s", None)
    assert to_xml("note", note).findtext("datetime") == "2026-01-02T03:04:05Z"
    assert b'"2026-01-02T03:04:05Z"' in FORMATS["json"].encode("note", note)


def test_the_last_suffix_names_the_format() -> None:
    media = {
        path: format_of(path).media_type[:9] for path in ("/a.json", "/a.b.json", "/a", "/a.JSON")
    }
    assert list(media.values()) == ["applicati", "applicati", "text/xml", "text/xml"]
