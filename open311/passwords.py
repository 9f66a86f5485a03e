"""Passwords: hashed by argon2id, and checked without keeping anybody else waiting."""

import asyncio
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from open311.errors import BadInput

SHORTEST, LONGEST = 12, 1000

# RFC 9106, for machines with little memory: 64 MiB and some 50 ms for each
_HASHER = PasswordHasher()


def check(password: str) -> None:
    """Refuse one that is too easily guessed, or made to keep us busy. Raises BadInput."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(f"A password has at least {SHORTEST} characters, and at most {LONGEST}.")


async def hashed(password: str) -> str:
    """What to store of a password."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def is_right(password: str, stored: str | None) -> bool:
    """Whether it is the one stored; where there is none, the answer takes as long."""
    return await asyncio.to_thread(_matches, password, stored)


def _matches(password: str, stored: str | None) -> bool:
    nobodys = _nobodys()  # made the first time, whoever that is
    try:
        return _HASHER.verify(stored or nobodys, password) and stored is not None
    except VerifyMismatchError:
        return False


@cache
def _nobodys() -> str:
    return _HASHER.hash(secrets.token_hex())
