"""Validators of answers: who has the very same bytes already is told so, and sent nothing."""

import hashlib


def tag(body: bytes) -> str:
    """Weak, because the same content may leave compressed or not."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether one of the client's tags is this one, compared weakly (RFC 9110, 13.1.2)."""
    if not if_none_match:
        return False
    known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return "*" in known or etag.removeprefix("W/") in known
