"""The OGC's own test suites against the demo: python -m tests.conformance FOLDER

FOLDER holds, for each suite to run, a folder of its name with the suite's jar and those it needs:
the all-in-one jar of a release is enough. Needs Java 17. Ends with 1 if a test failed.
"""

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.operations.servers import serving

TILES = "collections/wards/tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}"
# What each is told besides the landing page; the tiles are those around the middle of Cape Town.
SUITES = {
    "ets-ogcapi-features10": {"noofcollections": "20"},
    "ets-ogcapi-tiles10": {
        "tilematrixsetdefinitionuri": (
            "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
        ),
        "urltemplatefortiles": TILES,
        "tilematrix": "12",
        "mintilerow": "2457",
        "maxtilerow": "2459",
        "mintilecol": "2259",
        "maxtilecol": "2261",
    },
}


def main(jars: Path) -> int:
    """Run what is there; the number of suites that are not, or in which a test failed."""
    bad = 0
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), "--demo") as server:
        for suite in SUITES:
            found = sorted((jars / suite).glob("*.jar"))
            if found:
                failed = run(suite, found, f"{server.base}/maps/capetown.gov.za/", Path(folder))
            else:
                print(f"{suite}: no jar in {jars / suite}")
            bad += not found or failed
    return bad


def run(suite: str, jars: list[Path], landing: str, folder: Path) -> bool:
    """Print how many tests passed, failed and were skipped, and why; whether any failed."""
    definition, told = folder / f"{suite}.xml", folder / suite
    definition.write_bytes(with_arguments(testng_file(jars), SUITES[suite], landing))
    path = ":".join(map(str, jars))
    # The exit status tells of failures and skipped tests alike: the report tells them apart.
    command = ["java", "-cp", path, "org.testng.TestNG", "-d", str(told), str(definition)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    report = told / "testng-results.xml"
    if not report.exists():
        raise SystemExit(done.stderr[-3000:])
    outcomes = list(read(report))
    counts = Counter(status for status, _ in outcomes)
    print(f"{suite}: {counts['PASS']} passed, {counts['FAIL']} failed, {counts['SKIP']} skipped")
    for (status, why), times in Counter(outcomes).items():
        if status != "PASS":
            print(f"  {status} {times} x {why}")
    return counts["FAIL"] > 0 or not counts["PASS"]


def testng_file(jars: list[Path]) -> bytes:
    """The suite's list of its own tests."""
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                if name.startswith("org/opengis/cite/ogcapi") and name.endswith("/testng.xml"):
                    return archive.read(name)
    raise SystemExit(f"no suite in {jars[0].parent}")


def with_arguments(definition: bytes, arguments: dict[str, str], landing: str) -> bytes:
    """The list with the suite's arguments as its parameters."""
    root = ElementTree.fromstring(definition)  # noqa: S314 (a jar that we are about to run)
    for empty in root.findall("parameter"):
        root.remove(empty)
    for name, value in {"iut": landing, **arguments}.items():
        given = landing + value if name == "urltemplatefortiles" else value
        root.insert(0, ElementTree.Element("parameter", name=name, value=given))
    return ElementTree.tostring(root)


def read(report: Path) -> Iterator[tuple[str, str]]:
    """How each test ended, and what it says of that."""
    for method in ElementTree.parse(report).iter("test-method"):  # noqa: S314 (just written)
        if method.get("is-config") and method.get("status") == "PASS":
            continue
        message = " ".join((method.findtext("exception/message") or "").split())
        yield method.get("status", ""), f"{method.get('name')}: {message[:200]}"


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1])), 1))
