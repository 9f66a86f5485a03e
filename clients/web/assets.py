"""Scripts, style sheets and pictures of the pages: under names that change with what is in them.

So browsers keep them for good, and never mix those of two versions. They are compressed once, and
well: a phone far out waits for each byte.
"""

import gzip
import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import Any

import brotli
from litestar import HttpMethod, Request, Response, route
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath

from open311.errors import NotFound

_FOLDER = Path(__file__).with_name("static")
_FOR_GOOD = "public, max-age=31536000, immutable"
_FILES = {
    path.relative_to(_FOLDER).as_posix(): path.read_bytes()
    for path in sorted(_FOLDER.rglob("*"))
    if path.suffix in (".js", ".css", ".svg", ".png", ".txt")
}
_DIGEST = hashlib.sha256(b"".join(name.encode() + body for name, body in _FILES.items()))
PATH = f"/static/{_DIGEST.hexdigest()[:12]}"
"""Where they are, for templates; scripts name each other relative to themselves."""

_COMPRESS = {"br": lambda body: brotli.compress(body, quality=9), "gzip": gzip.compress}


@cache
def _compressed(name: str, encoding: str) -> bytes:
    return bytes(_COMPRESS[encoding](_FILES[name]))


@route(f"{PATH}/{{name:path}}", http_method=[HttpMethod.GET, HttpMethod.HEAD], uncompressed=True)
async def get_asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """One file."""
    name = name.lstrip("/")
    if name not in _FILES:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": _FOR_GOOD, "Vary": "Accept-Encoding"}
    body, accepted = _FILES[name], request.headers.get("accept-encoding", "")
    encoding = next((each for each in _COMPRESS if each in accepted), None)
    if encoding:
        headers["Content-Encoding"] = encoding
        body = await sync_to_thread(_compressed, name, encoding)
    media_type = mimetypes.guess_type(name)[0] or "text/plain"
    return Response(body, headers=headers, media_type=media_type)


routes = [get_asset]
