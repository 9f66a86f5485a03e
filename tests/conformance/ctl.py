"""Suites of scripts that TEAM Engine runs, those of WMS and WMTS, from its command line."""

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.conformance.outcomes import FAIL, PASS, SKIP, Outcome

_RESOURCES = "teamengine-resources"
_SESSION = "run"
_STATUS = {"0": PASS, "1": PASS, "2": SKIP, "3": SKIP, "4": PASS, "6": FAIL}
"""By TEAM Engine's numbers: best practice, passed, not tested, skipped, warning, failed.

5, that a test within failed, says nothing more.
"""
_TELLING = ("Error", "FAIL", "threw", "unexpected", "skipped")
"""Words of the messages that say why; the others tell what is done."""


def run(
    scripts: Path,
    source: str,
    test: str,
    arguments: Mapping[str, str],
    java: Sequence[str],
    folder: Path,
) -> Iterator[Outcome]:
    """How the tests ended that one test of the scripts in a folder calls."""
    base = folder / f"{scripts.name}-engine"
    copied = base / "scripts" / scripts.name
    shutil.copytree(scripts, copied)
    # the engine looks for the folder whether a suite needs it or not
    (copied / "resources").mkdir(exist_ok=True)
    logs = base / "logs"
    logs.mkdir()
    own = map(str, sorted(scripts.glob("*.jar")))
    path = ":".join([_class_path(scripts.parent / "teamengine", base / "engine"), *own])
    given = [f"@{name}={value}" for name, value in arguments.items()]
    command = [
        "java", f"-DTE_BASE={base}", *java, "-cp", path, "com.occamlab.te.Test",
        f"-source={copied / 'ctl' / source}", f"-logdir={logs}", f"-session={_SESSION}",
        f"-test={test}", *given,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    found = sorted((logs / _SESSION).rglob("log.xml"))
    if not found:
        raise SystemExit(done.stderr[-3000:] or done.stdout[-3000:])
    return (outcome for log in found for outcome in _read(log))


def _class_path(engine: Path, unpacked: Path) -> str:
    """The engine's jars; it finds what it brings for all scripts as files alone."""
    jars = sorted(engine.glob("*.jar"))
    for jar in jars:
        if jar.name.startswith(_RESOURCES):
            with zipfile.ZipFile(jar) as archive:
                archive.extractall(unpacked)
    others = [jar for jar in jars if not jar.name.startswith(_RESOURCES)]
    return ":".join(map(str, [unpacked, *others]))


def _read(log: Path) -> Iterator[Outcome]:
    root = ElementTree.parse(log).getroot()  # noqa: S314 (just written)
    started, ended = root.find("starttest"), root.find("endtest")
    if started is None or ended is None:
        raise SystemExit(f"the test of {log} did not end")
    status = _STATUS.get(ended.get("result", ""))
    if status is not None:
        said = [*root.iter("exception"), *root.iter("message")]
        texts = (" ".join("".join(each.itertext()).split()) for each in said)
        reasons = [each for each in texts if any(word in each for word in _TELLING)]
        yield Outcome(status, started.get("local-name", ""), " ".join(reasons)[:200])
