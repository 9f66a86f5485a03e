"""Suites of tests in Java: those of OGC API and of WFS."""

import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.conformance.outcomes import FAIL, SKIP, Outcome


def run(
    jars: Path, package: str, arguments: Mapping[str, str], java: Sequence[str], folder: Path
) -> Iterator[Outcome]:
    """How the tests ended of the suite in a package of the jars in a folder."""
    found = sorted(jars.glob("*.jar"))
    definition, told = folder / f"{jars.name}.xml", folder / jars.name
    definition.write_bytes(_with_arguments(_tests_of(found, package), arguments))
    path = ":".join(map(str, found))
    # The exit status tells of failures and skipped tests alike: the report tells them apart.
    command = ["java", *java, "-cp", path, "org.testng.TestNG", "-d", str(told), str(definition)]
    # what a suite's libraries write goes where the rest is thrown away
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=folder)
    report = told / "testng-results.xml"
    if not report.exists():
        raise SystemExit(done.stderr[-3000:])
    return _read(report)


def _tests_of(jars: list[Path], package: str) -> bytes:
    """The suite's list of its own tests."""
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if name.startswith(package) and name.endswith("/testng.xml"):
                    return archive.read(name)
    raise SystemExit(f"no suite in {jars[0].parent}")


def _with_arguments(definition: bytes, arguments: Mapping[str, str]) -> bytes:
    """The list with the suite's arguments as its parameters."""
    root = ElementTree.fromstring(definition)  # noqa: S314 (a jar that we are about to run)
    for empty in root.findall("parameter"):
        root.remove(empty)
    for name, value in arguments.items():
        root.insert(0, ElementTree.Element("parameter", name=name, value=value))
    return ElementTree.tostring(root)


def _read(report: Path) -> Iterator[Outcome]:
    for method in ElementTree.parse(report).iter("test-method"):  # noqa: S314 (just written)
        status = method.get("status", "")
        if method.get("is-config") is not None:
            if status != FAIL:
                continue
            # what tests need to begin with is not there: they are skipped, and this tells why
            status = SKIP
        message = " ".join((method.findtext("exception/message") or "").split())
        yield Outcome(status, method.get("name", ""), message[:200])
