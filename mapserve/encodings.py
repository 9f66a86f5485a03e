"""Compression of what is kept and sent many times: once for each encoding that clients ask for."""

from collections.abc import Callable
from functools import lru_cache

import brotli
import zstandard
from isal import igzip

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    # in the order of preference between equals: as small as brotli, and five times as fast
    "zstd": lambda body: zstandard.ZstdCompressor(3).compress(body),
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": lambda body: igzip.compress(body, 1),
}
IDENTITY = "identity"
_LEAST = 256


@lru_cache(maxsize=256)
def choose(accept: str) -> str:
    """The encoding to answer an Accept-Encoding with (RFC 9110, 12.5.3)."""
    weights = {}
    for part in accept.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    rest = weights.get("*", 0.0)
    offered = {name: weights.get(name, rest) for name in ENCODERS}
    best = max(offered, key=lambda name: offered[name])
    return best if offered[best] > 0 else IDENTITY


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def encode(body: bytes, encoding: str) -> tuple[bytes, str]:
    """The body in an encoding, and which one that is: what is short, or unknown, stays as it is."""
    if encoding not in ENCODERS or len(body) < _LEAST:
        return body, IDENTITY
    return ENCODERS[encoding](body), encoding
