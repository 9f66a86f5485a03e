"""What is derived from the settings' secret keys: ciphers, lookup hashes, role passwords."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet


def derive(secret: str, purpose: str) -> bytes:
    """32 bytes that are this secret's own for one purpose (HMAC-SHA256), so no key serves twice."""
    return hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)


def cipher(secrets: Sequence[str]) -> MultiFernet:
    """Encrypt with the first secret, decrypt with any (Fernet: AES-128-CBC and HMAC-SHA256)."""
    return _cipher(tuple(secrets))


@lru_cache(maxsize=8)
def _cipher(secrets: tuple[str, ...]) -> MultiFernet:
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(derive(secret, "personal data"))) for secret in secrets]
    )


def lookup_hash(secret: str, jurisdiction_id: str, kind: str, value: str) -> bytes:
    """A keyed hash to find a person by, without storing who it is; differs in each jurisdiction."""
    return derive(secret, f"lookup\0{jurisdiction_id}\0{kind}\0{value.strip().casefold()}")


def role_password(secret: str, role: str) -> str:
    """The password of a database role, the same in each process without being stored anywhere."""
    return derive(secret, f"role\0{role}").hex()


def scram_verifier(password: str) -> str:
    """What PostgreSQL keeps of an ASCII password and takes in its place (RFC 5803).

    Nobody can log in with it, so it may stand in a statement that a server logs.
    """
    salt, rounds = os.urandom(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(each).decode() for each in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{encoded[0]}${encoded[1]}:{encoded[2]}"
