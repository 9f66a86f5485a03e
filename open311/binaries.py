"""Find PostgreSQL with PostGIS, and Redis, on this machine.

Standard library alone: `bin/bootstrap` runs it before the environment exists, to learn what is
missing (`python3 open311/binaries.py`).
"""

import re
import shutil
import subprocess
from pathlib import Path

MIN_POSTGRESQL = 15
_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
_CONTROL = "extension/postgis.control"
_SHARES = (
    "/usr/share/postgresql/{major}",
    "{prefix}/share",
    "{prefix}/share/postgresql",
    "{prefix}/share/postgresql@{major}",
    "/opt/homebrew/share/postgresql@{major}",
    "/usr/local/share/postgresql@{major}",
)


class Missing(Exception):
    """A program that is needed is not on this machine; the message is a sentence."""


def postgresql(major: int | None = None) -> Path:
    """The folder of PostgreSQL's programs: the newest with PostGIS, or of one major version.

    Raises Missing.
    """
    found = {_major(folder): folder for folder in _folders()}
    usable = [each for each in found if each >= MIN_POSTGRESQL and _has_postgis(found[each], each)]
    wanted = [major] if major else sorted(usable, reverse=True)
    for each in wanted:
        if each in usable:
            return found[each]
    need = major or f"{MIN_POSTGRESQL} or newer"
    raise Missing(f"PostgreSQL {need} with PostGIS 3 is not installed.")


def redis() -> Path:
    """Redis' server, or Valkey's, which is the same for us. Raises Missing."""
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return Path(path)
    raise Missing("Redis is not installed.")


def missing() -> list[str]:
    """What has to be installed: `postgresql`, `postgis-MAJOR` where only that lacks, `redis`."""
    lacking = []
    try:
        postgresql()
    except Missing:
        majors = [major for major in map(_major, _folders()) if major >= MIN_POSTGRESQL]
        lacking.append(f"postgis-{max(majors)}" if majors else "postgresql")
    try:
        redis()
    except Missing:
        lacking.append("redis")
    return lacking


def _folders() -> list[Path]:
    folders = [folder for pattern in _FOLDERS for folder in Path("/").glob(pattern[1:])]
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    return [folder for folder in folders if (folder / "initdb").exists()]


def _major(folder: Path) -> int:
    version = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    number = re.search(r"\d+", version.stdout)
    return int(number[0]) if number else 0


def _has_postgis(folder: Path, major: int) -> bool:
    names = {"prefix": folder.parent, "major": major}
    return any((Path(share.format(**names)) / _CONTROL).exists() for share in _SHARES)


if __name__ == "__main__":
    print(*missing(), sep="\n")
