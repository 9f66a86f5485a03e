"""Identifiers that people read over the phone and nobody can guess."""

import secrets

# Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O or U.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def short() -> str:
    """A service_request_id: forty random bits as `XXXX-XXXX`; taken ones are to be redrawn.

    It has a digit: what is written without the dash then is no word.
    """
    letters = _draw(8)
    while letters.isalpha():
        letters = _draw(8)
    return f"{letters[:4]}-{letters[4:]}"


def long() -> str:
    """An id that is never spoken (tokens, updates, reporters): 130 random bits."""
    return _draw(26)


def _draw(length: int) -> str:
    # 256 is a multiple of 32, so every letter is as likely as any other
    return "".join(ALPHABET[byte % 32] for byte in secrets.token_bytes(length))
