"""Whether a webhook is the provider's: its signature over our public address and the raw form."""

from urllib.parse import parse_qsl

from litestar.datastructures import MultiDict
from twilio.request_validator import (
    HMAC_SHA1,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

from open311.settings import Settings

__all__ = ["SIGNATURE_HEADER", "SIGNATURE_SETTINGS_HEADER", "is_signed"]


def is_signed(
    settings: Settings, target: str, body: bytes, signature: str | None, how: str | None
) -> bool:
    """Check a call of `target` (path and query as they came); `how` is the header of settings.

    The address is the configured one: a Host header says what its sender likes. Parameters count
    with their blanks, unknown ones too, for all of them were signed.
    """
    if not settings.twilio_auth_token or not signature or not signature.isascii():
        return False
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError:
        return False
    algorithm = get_signature_algorithm(how or "")
    secret = settings.twilio_auth_token
    if algorithm.upper() != HMAC_SHA1:
        secret = settings.twilio_signing_secret or secret
    url = f"{settings.address}{target}"
    return bool(
        RequestValidator(secret).validate(url, MultiDict(pairs), signature, algorithm=algorithm)
    )
