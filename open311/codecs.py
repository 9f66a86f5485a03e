"""The formats that answers leave in: one structure, chosen by the path's extension.

JSON drops the root element; XML keeps it and wraps each item of a list in the singular of the
list's name ("Spark", the convention of GeoReport v2).
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import msgspec

from open311.dates import format_instant

_SINGULAR = {"service_requests": "request", "service_request_updates": "request_update"}
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
# Not allowed in XML 1.0 in any form, and a phone's keyboard does send some of them.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MARKUP = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Format(NamedTuple):
    """A format of the API: its media type, and how it writes a root element's data."""

    media_type: str
    encode: Callable[[str, Any], bytes]


def to_json(_root: str, data: Any) -> bytes:
    """JSON of structs, lists of them, or plain values; instants end in `Z`."""
    return msgspec.json.encode(data)


def to_xml(root: str, data: Any) -> bytes:
    """XML without namespaces or attributes; an absent value is an empty element."""
    out: list[str] = [_DECLARATION]
    _write(root, data, out.append)
    return "".join(out).encode()


def _write(tag: str, value: Any, put: Callable[[str], object]) -> None:
    if isinstance(value, str):
        put(f"<{tag}>{_text(value)}</{tag}>" if value else f"<{tag}/>")
    elif value is None:
        put(f"<{tag}/>")
    elif isinstance(value, (msgspec.Struct, dict, list)):
        _write_children(tag, value, put)
    else:
        put(f"<{tag}>{_plain(value)}</{tag}>")


def _write_children(tag: str, value: Any, put: Callable[[str], object]) -> None:
    if not isinstance(value, msgspec.Struct) and not value:
        put(f"<{tag}/>")
        return
    put(f"<{tag}>")
    if isinstance(value, list):
        singular = _SINGULAR.get(tag) or tag.removesuffix("s")
        for item in value:
            _write(singular, item, put)
    elif isinstance(value, dict):
        for name, item in value.items():
            _write(name, item, put)
    else:
        for name in value.__struct_fields__:
            if (item := getattr(value, name)) is not msgspec.UNSET:
                _write(name, item, put)
    put(f"</{tag}>")


def _text(value: str) -> str:
    """Escape; a carriage return survives as a reference, what XML cannot hold is left out."""
    if _MARKUP.search(value) is None:
        return value
    return escape(_ILLEGAL.sub("", value), {"\r": "&#13;"})


def _plain(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return format_instant(value)
        case float() if "e" in (text := repr(value)):
            return format(Decimal(text), "f")
        case _:
            return str(value)


FORMATS = {
    "json": Format("application/json; charset=utf-8", to_json),
    # Litestar adds the charset to text types by itself, also to those that have one
    "xml": Format("text/xml", to_xml),
}


def format_of(path: str) -> Format:
    """The format that a path's extension names; XML, the standard's own, when it names none."""
    return FORMATS.get(path.rpartition("/")[2].rpartition(".")[2], FORMATS["xml"])


def each_format(path: str) -> list[str]:
    """A path once with each extension: `/services` gives `/services.json` and `/services.xml`."""
    return [f"{path}.{extension}" for extension in FORMATS]
