"""The formats that answers leave in: one structure, chosen by the path's extension.

JSON drops the root element; XML keeps it and wraps each item of a list in the singular of the
list's name ("Spark", the convention of GeoReport v2).
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import msgspec

_SINGULAR = {"service_requests": "request", "service_request_updates": "request_update"}
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
# Not allowed in XML 1.0 in any form, and a phone's keyboard does send some of them.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# In JSON, control characters stand behind a backslash; the last two are U+FFFE and U+FFFF.
_MARKS = (b"&", b"<", b">", b"\\", b"\xef\xbf\xbe", b"\xef\xbf\xbf")


class Format(NamedTuple):
    """A format of the API: its media type, and how it writes a root element's data."""

    media_type: str
    encode: Callable[[str, Any], bytes]


def to_json(_root: str, data: Any) -> bytes:
    """JSON of structs, lists of them, or plain values; instants end in `Z`."""
    return msgspec.json.encode(data)


def to_xml(root: str, data: Any) -> bytes:
    """XML without namespaces or attributes; an absent value is an empty element.

    msgspec first turns structs into dicts and instants into text, which in Python takes longer than
    all the rest. And nearly no answer has anything to escape: one look at its JSON tells.
    """
    document = msgspec.json.encode(data)
    clean = _escape if any(mark in document for mark in _MARKS) else str
    return (_DECLARATION + _element(root, msgspec.to_builtins(data), clean)).encode()


def _element(tag: str, value: Any, clean: Callable[[str], str]) -> str:
    """An element; what there is most of in a long answer comes first."""
    if value is None or value == "":
        return f"<{tag}/>"
    if isinstance(value, str):
        return f"<{tag}>{clean(value)}</{tag}>"
    if isinstance(value, dict):
        children = [_element(name, child, clean) for name, child in value.items()]
    elif isinstance(value, list):
        singular = _SINGULAR.get(tag) or tag.removesuffix("s")
        children = [_element(singular, child, clean) for child in value]
    else:
        return f"<{tag}>{_plain(value)}</{tag}>"
    return f"<{tag}>{''.join(children)}</{tag}>" if children else f"<{tag}/>"


def _escape(text: str) -> str:
    """A carriage return survives as a reference; what XML cannot hold is left out."""
    if "&" in text or "<" in text or ">" in text:
        text = escape(text)
    return text if text.isprintable() else _ILLEGAL.sub("", text).replace("\r", "&#13;")


def _plain(value: bool | int | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text


FORMATS = {
    "json": Format("application/json; charset=utf-8", to_json),
    # Litestar adds the charset to text types by itself, also to those that have one
    "xml": Format("text/xml", to_xml),
}


def format_of(path: str) -> Format:
    """The format that a path's extension names.

    When it names none: XML, the standard's own, and JSON for what maps load.
    """
    otherwise = FORMATS["json" if path.startswith("/maps/") else "xml"]
    return FORMATS.get(path.rpartition("/")[2].rpartition(".")[2], otherwise)


def each_format(path: str) -> list[str]:
    """A path once with each extension: `/services` gives `/services.json` and `/services.xml`."""
    return [f"{path}.{extension}" for extension in FORMATS]
