"""What is derived from the settings' secret keys: ciphers, lookup hashes, role passwords."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, MultiFernet


def derive(secret: str, purpose: str) -> bytes:
    """32 bytes that are this secret's own for one purpose (HMAC-SHA256), so no key serves twice."""
    return hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256)


def cipher(secrets: Sequence[str]) -> MultiFernet:
    """Encrypt with the first secret, decrypt with any (Fernet: AES-128-CBC and HMAC-SHA256)."""
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(derive(secret, "personal data"))) for secret in secrets]
    )


def lookup_hash(secret: str, jurisdiction_id: str, kind: str, value: str) -> bytes:
    """A keyed hash to find a person by, without storing who it is; differs in each jurisdiction."""
    return derive(secret, f"lookup\0{jurisdiction_id}\0{kind}\0{value.strip().casefold()}")


def role_password(secret: str, role: str) -> str:
    """The password of a database role, the same in each process without being stored anywhere."""
    return derive(secret, f"role\0{role}").hex()
