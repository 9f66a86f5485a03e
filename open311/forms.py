"""What a client sent, in any of the encodings that Open311 clients use, as one value: Fields.

GeoReport parameters arrive in the query, URL-encoded, as multipart with photos under any part
name, or as JSON; repeated, comma-separated, blank, with brackets escaped or not.
"""

import math
import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType as Encoding
from litestar.exceptions import ClientException
from msgspec import Struct, field

from open311.errors import BadInput, TooLarge
from open311.pictures import Upload
from open311.settings import Settings

Pairs = list[tuple[str, str | UploadFile]]

_ATTRIBUTE = re.compile(r"attribute\[(.+?)\](?:\[\d*\])?", re.DOTALL)


class Fields(Struct, frozen=True):
    """Parameters by name, each with every value that came, blank ones left out."""

    values: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, list[str]] = field(default_factory=dict)
    files: list[Upload] = field(default_factory=list)

    def text(self, name: str) -> str | None:
        """The last value, as forms do; None when absent or blank."""
        return self.values[name][-1] if name in self.values else None

    def many(self, name: str) -> list[str]:
        """All values, repeated or comma-separated, in order and once each."""
        parts = [part.strip() for value in self.values.get(name, ()) for part in value.split(",")]
        return list(dict.fromkeys(part for part in parts if part))


def parse_number(text: str) -> float:
    """A finite number in plain digits. Raises ValueError for what only Python takes for one."""
    number = float(text)
    if "_" in text or not math.isfinite(number):
        raise ValueError(text)
    return number


async def read_query(request: Request[Any, Any, Any], settings: Settings) -> Fields:
    """The parameters of the query string. Raises BadInput when it is not UTF-8 or too long."""
    return _collect(_parse(request.scope["query_string"], settings), [])


async def read_body(request: Request[Any, Any, Any], settings: Settings) -> Fields:
    """The parameters of query and body together; of a name in both, the body's values count.

    Raises BadInput for an unreadable body and TooLarge for one over its setting.
    """
    query = _collect(_parse(request.scope["query_string"], settings), [])
    pairs = await _read_pairs(request, settings)
    uploads = [value for _, value in pairs if isinstance(value, UploadFile)]
    files = [Upload(upload.filename or "photo", await upload.read()) for upload in uploads]
    body = _collect([(name, value) for name, value in pairs if isinstance(value, str)], files)
    return Fields(query.values | body.values, query.attributes | body.attributes, body.files)


async def _read_pairs(request: Request[Any, Any, Any], settings: Settings) -> Pairs:
    media_type = request.content_type[0].lower()
    multipart = media_type == Encoding.MULTI_PART
    most = settings.max_upload_bytes if multipart else settings.max_form_bytes
    if int(request.headers.get("content-length") or 0) > most:
        raise TooLarge(f"The request is larger than {most} bytes.")
    match media_type:
        case Encoding.MULTI_PART:
            return await _read_multipart(request)
        case Encoding.URL_ENCODED | "":
            body = await request.body()
            if len(body) > most:
                raise TooLarge(f"The request is larger than {most} bytes.")
            return [*_parse(body, settings)]
        case Encoding.JSON:
            body = await request.body()
            if len(body) > most:
                raise TooLarge(f"The request is larger than {most} bytes.")
            return [*_parse_json(body, settings)]
    raise BadInput(
        f"Content-Type {media_type[:80]!r} is not understood: send application/"
        "x-www-form-urlencoded, multipart/form-data or application/json."
    )


async def _read_multipart(request: Request[Any, Any, Any]) -> Pairs:
    try:
        return list((await request.form()).multi_items())
    except (ClientException, ValueError, LookupError) as error:
        if getattr(error, "status_code", 400) == 413:
            raise
        raise BadInput("The multipart form is not readable.") from error


def _parse(encoded: bytes, settings: Settings) -> list[tuple[str, str]]:
    """URL-decode as UTF-8, whatever the client says.

    Litestar's own form parsing reads Latin-1 and keeps whole bodies in a cache.
    """
    try:
        return parse_qsl(
            encoded.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=settings.max_form_fields,
        )
    except UnicodeDecodeError:
        raise BadInput("The parameters are not UTF-8.") from None
    except ValueError:
        raise BadInput(f"More than {settings.max_form_fields} parameters.") from None


def _parse_json(body: bytes, settings: Settings) -> list[tuple[str, str]]:
    """A JSON object of the same names; attributes as `{"attribute": {CODE: value or list}}`."""
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"The body is not a JSON object: {error}.") from None
    attributes = document.pop("attribute", None)
    if attributes is None:
        attributes = {}
    if not isinstance(attributes, dict):
        raise BadInput("attribute must be a JSON object of codes and values.")
    document |= {f"attribute[{code}]": value for code, value in attributes.items()}
    pairs = [pair for name, value in document.items() for pair in _flatten(name, value)]
    if len(pairs) > settings.max_form_fields:
        raise BadInput(f"More than {settings.max_form_fields} parameters.")
    return pairs


def _flatten(name: str, value: object) -> list[tuple[str, str]]:
    match value:
        case None:
            return []
        case str():
            return [(name, value)]
        case list():
            return [pair for item in value for pair in _flatten(name, item)]
        case dict():
            raise BadInput(f"{name} must be a plain value.")
        case _:
            return [(name, msgspec.json.encode(value).decode())]


def _collect(pairs: list[tuple[str, str]], files: list[Upload]) -> Fields:
    fields = Fields(files=files)
    for name, value in pairs:
        attribute = _ATTRIBUTE.fullmatch(name)
        target = fields.attributes if attribute else fields.values
        key = attribute.group(1) if attribute else name
        if "\0" in value or "\0" in name:
            raise BadInput(f"{key[:80]!r} holds a zero character.")
        if value.strip():
            target.setdefault(key, []).append(value)
        elif attribute:
            target.setdefault(key, [])
    return fields
