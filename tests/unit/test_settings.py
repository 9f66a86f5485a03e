"""Settings: read from the environment alone; a bad one is refused with a sentence that names it."""

import msgspec
import pytest
from click.testing import CliRunner

from open311.cli import cli
from open311.environment import from_environment
from open311.settings import Settings, SettingsError

SECRET = "s" * 32


def test_nothing_set_is_the_default() -> None:
    assert from_environment({"PATH": "/bin", "PORT": " "}) == Settings()


def test_values_are_converted() -> None:
    given = {"PORT": "9000", "RATE_EXEMPT": "10.0.0.0/8, ::1/128", "LOG_FORMAT": "json"}
    settings = from_environment(given)
    assert settings.port == 9000
    assert settings.rate_exempt == ("10.0.0.0/8", "::1/128")
    assert settings.log_format == "json"


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"PORT": "http"}, "PORT='http'"),
        ({"PORT": "0"}, "PORT='0'"),
        ({"PORT": "70000"}, "PORT='70000'"),
        ({"WORKER_PROCESSES": "-1"}, "WORKER_PROCESSES='-1'"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL='loud'"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "TRUSTED_PROXIES: "),
        ({"PUBLIC_URL": "city.example"}, "PUBLIC_URL must begin with http:// or https://."),
        ({"DATABASE_URL": "mysql://a"}, "DATABASE_URL must begin with"),
        ({"DATABASE_URL": "postgresql://a:secret@h:notaport/x"}, "DATABASE_URL cannot be read: "),
        ({"DATABASE_URL": "postgresql://h:70000/x"}, "DATABASE_URL cannot be read: "),
        ({"DATABASE_URL": "postgresql:/x"}, "DATABASE_URL cannot be read: "),
        ({"DATABASE_URL": "postgresql://h"}, "DATABASE_URL must name a database: "),
        ({"REDIS_URL": "redis://:secret@h:bad/0"}, "REDIS_URL cannot be read: "),
        ({"MEDIA_URL": "s3://[bucket/x"}, "MEDIA_URL cannot be read: "),
        ({"PUBLIC_URL": "https://h:bad"}, "PUBLIC_URL cannot be read: "),
        ({"LAYER_SCHEMAS": "gis"}, "LAYER_SCHEMAS: 'gis' is not jurisdiction=schema"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL must begin with"),
        ({"MEDIA_URL": "/photos"}, "MEDIA_URL must begin with"),
        ({"SECRET_KEYS": "short"}, "SECRET_KEYS: each must have at least 32 characters."),
        ({"SECRET_KEYS": f"{SECRET},short"}, "SECRET_KEYS: each must have at least 32"),
        ({"DATABASE_URL": "postgresql://a/b"}, "SECRET_KEYS must be set when DATABASE_URL is"),
    ],
)
def test_a_bad_value_is_refused(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment(environment)
    assert str(refused.value).startswith(reason)
    assert "secret@" not in str(refused.value)
    assert str(refused.value).endswith(".") or str(refused.value).endswith("with it.")


def test_a_refusal_never_tells_a_secret() -> None:
    for secret in ("shortsecret", f"{SECRET},shortsecret"):
        with pytest.raises(SettingsError) as refused:
            from_environment({"SECRET_KEYS": secret})
        assert "shortsecret" not in str(refused.value)


def test_the_address_is_what_clients_use() -> None:
    assert Settings().address == "http://127.0.0.1:8311"
    assert Settings(host="::1").address == "http://[::1]:8311"
    assert Settings(public_url="https://city.example/").address == "https://city.example"


def test_the_table_has_every_setting_with_its_meaning() -> None:
    table = CliRunner().invoke(cli, ["settings"]).output.splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[2:]]
    names = [field.name.upper() for field in msgspec.structs.fields(Settings)]
    assert [row[0] for row in rows] == [f"`{name}`" for name in names]
    assert all(meaning for _, _, meaning in rows)
    assert "`8311`" in table[3]
