"""The one reader of the environment: settings, each checked before anything begins."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from open311.settings import Settings, SettingsError


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Build the settings from environment variables; an empty one counts as unset.

    Raises SettingsError with one sentence that names the variable.
    """
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    given: dict[str, object] = {}
    for name, field in fields.items():
        text = environment.get(name.upper(), "").strip()
        if not text:
            continue
        many = isinstance(field.default, tuple)
        given[name] = [part.strip() for part in text.split(",") if part.strip()] if many else text
    for name, value in given.items():
        try:
            msgspec.convert({name: value}, Settings, strict=False)
        except msgspec.ValidationError as error:
            reason = str(error).partition(" - at")[0]
            raise SettingsError(
                f"{name.upper()}={environment[name.upper()]!r}: {reason}."
            ) from None
    settings = msgspec.convert(given, Settings, strict=False)
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Refuse what would only fail later, in the middle of somebody's request."""
    for name in ("trusted_proxies", "rate_exempt"):
        for network in getattr(settings, name):
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise SettingsError(f"{name.upper()}: {error}.") from None
    _check_url("PUBLIC_URL", settings.public_url, ("http", "https"))
    _check_url("DATABASE_URL", settings.database_url, ("postgresql", "postgres"))
    if settings.database_url and not make_url(settings.database_url).database:
        raise SettingsError("DATABASE_URL must name a database: postgresql://user@host/name.")
    _check_url("REDIS_URL", settings.redis_url, ("redis", "rediss", "unix"))
    _check_url("MEDIA_URL", settings.media_url, ("file", "s3"))
    _check_url("TWILIO_API_URL", settings.twilio_api_url, ("http", "https"))
    _check_url("MODEL_URL", settings.model_url, ("http", "https"))
    if settings.model_url and not settings.model_name:
        raise SettingsError("MODEL_NAME must be set when MODEL_URL is.")
    _check_numbers(settings)
    for pair in settings.layer_schemas:
        if not all(part.strip() for part in pair.partition("=")[::2]):
            raise SettingsError(f"LAYER_SCHEMAS: {pair!r} is not jurisdiction=schema.")
    for key in settings.secret_keys:
        if len(key) < 32:
            raise SettingsError("SECRET_KEYS: each must have at least 32 characters.")
    if settings.database_url and not settings.secret_keys:
        raise SettingsError(
            "SECRET_KEYS must be set when DATABASE_URL is: personal data is encrypted with it."
        )


def _check_numbers(settings: Settings) -> None:
    numbers = (*settings.whatsapp_numbers, *settings.sms_numbers)
    if numbers and not (settings.twilio_account_sid and settings.twilio_auth_token):
        raise SettingsError(
            "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN must be set when WHATSAPP_NUMBERS or "
            "SMS_NUMBERS are: without them anybody could write in anybody's name."
        )
    for entry in (*numbers, *settings.message_templates):
        if not all(part.strip() for part in entry.partition("=")):
            raise SettingsError(
                f"{entry!r} must be written as number=jurisdiction or template.language=id."
            )


def _check_url(name: str, url: str, schemes: tuple[str, ...]) -> None:
    if not url:
        return
    if url.partition(":")[0].lower() not in schemes:
        raise SettingsError(f"{name} must begin with {' or '.join(f'{s}://' for s in schemes)}.")
    try:
        # a database's URL is read by SQLAlchemy, which takes passwords that others refuse
        port = make_url(url).port if "postgresql" in schemes else urlsplit(url).port
        readable = port is None or 0 < port < 65536
    except (ValueError, ArgumentError):
        readable = False
    if not readable:
        # without the URL: a password may be in it
        raise SettingsError(
            f"{name} cannot be read: its port must be a number, its password percent-encoded."
        )
