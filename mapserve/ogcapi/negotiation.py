"""Which form an answer has: JSON for programs, a page for people, or what `f` asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Request
from litestar.datastructures import Accept

from open311.errors import BadInput

JSON, HTML = "json", "html"
OPENAPI_TYPE = "application/vnd.oai.openapi+json;version=3.0"
MEDIA_TYPES = {
    JSON: "application/json",
    HTML: "text/html",
    "geojson": "application/geo+json",
    "schema": "application/schema+json",
    "openapi": OPENAPI_TYPE,
}


def choose(
    request: Request[Any, Any, Any], named: str | None, forms: Sequence[str] = (JSON, HTML)
) -> str:
    """One of some forms, the first being what programs get that do not say. Raises BadInput."""
    if named is not None:
        if named == JSON or named in forms:
            return forms[0] if named == JSON else named
        raise BadInput(f"f must be one of {', '.join(dict.fromkeys((JSON, *forms)))}.")
    offered = {MEDIA_TYPES[form]: form for form in forms if form in MEDIA_TYPES}
    wanted = request.headers.get("accept")
    best = Accept(wanted).best_match([*offered], default=None) if wanted else None
    return offered[best] if best else forms[0]


def types_of(forms: Sequence[str]) -> Mapping[str, str]:
    """The media type of each form."""
    return {form: MEDIA_TYPES[form] for form in forms}
