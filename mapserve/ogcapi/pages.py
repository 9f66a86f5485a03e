"""The documents of OGC API as pages for people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litestar.response import Template
from msgspec import structs

from open311.forms import Fields

TEMPLATES = Path(__file__).with_name("templates")
"""Their folder. They stand in the frame `page.html` that all pages of the server have."""

_HEADERS = {
    "Cache-Control": "public, max-age=1",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Vary": "Accept, Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}
_SHORT = "50"


def page(name: str, shown: Mapping[str, Any]) -> Template:
    """A page of ours: nothing in it runs or loads but what is ours too."""
    return Template(f"maps/{name}", context=dict(shown), headers=_HEADERS)


def with_short_pages(fields: Fields) -> Fields:
    """As many features as people look at."""
    return structs.replace(fields, values={**fields.values, "limit": [_SHORT]})
