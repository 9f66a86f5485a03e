"""The OGC's own test suites against the demo: python -m tests.conformance FOLDER

FOLDER holds, for each suite to run, a folder of its name: with the jars of one in Java, with `ctl`
and `resources` of one in scripts, which need `teamengine` with the engine's jars beside them; and
perhaps `schemas`, for a machine without the internet (docs/gis.md). Needs Java 17. Ends with 1 if a
suite is not there or a test failed.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.conformance import cite, ctl, schemas, testng
from tests.conformance.outcomes import Excuse, Outcome, tell
from tests.operations.servers import Server, serving

TILES = "collections/wards/tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}"
# What each is told besides the landing page; the tiles are those around the middle of Cape Town.
OGC_API: dict[str, dict[str, str]] = {
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
WFS, WMS, WMTS = "ets-wfs20", "ets-wms13", "ets-wmts10"
WMS_OPTIONS = {"updatesequence": "auto", "high-updatesequence": "0", "low-updatesequence": "0"}
WMS_OPTIONS |= {"basic": "basic", "queryable": "queryable", "recommended": "no"}
WMS_OPTIONS |= dict.fromkeys(("raster_elevation", "vector_elevation", "time"), "no")
_PARTS = ("CommonOperations-tests", "GetCapabilities-tests", "GetTile-tests")
_PARTS += ("GetFeatureInfo-tests", "kvp-get-encoding", "restful-encoding")
WMTS_OPTIONS = {"fail-early": "off", **{f"include-{part}": "on" for part in _PARTS}}
_POINT = Excuse(
    "unexpected exceptionCode PointIJOutOfRange",
    "that is the standard's code (OGC 07-057r7, 7.3.3), where it looks for TileOutOfRange",
)
EXCUSES = {
    "afterPeriod": Excuse("could not be parsed", "it cannot read its own whole seconds"),
    "Server.KVP.GET.GetFeatureInfo.Invalid.Pixel.Row.J": _POINT,
    "Server.KVP.GET.GetFeatureInfo.Invalid.Pixel.Col.I": _POINT,
}
"""Tests that fail by an error of the suite."""


def main(suites: Path) -> int:
    """Run what is there; the number of suites that are not, or in which a test failed."""
    bad = 0
    with (
        tempfile.TemporaryDirectory() as temporary,
        schemas.served(suites / "schemas") as java,
        serving(Path(temporary), "--demo") as server,
    ):
        for name in (*OGC_API, WFS, WMS, WMTS):
            if (suites / name).is_dir():
                found = _run(suites / name, server, java, Path(temporary))
                bad += not tell(name, found, EXCUSES)
            else:
                print(f"{name}: not in {suites}")
                bad += 1
    return bad


def _run(
    suite: Path, server: Server, java: Sequence[str], folder: Path
) -> Sequence[Outcome] | Iterator[Outcome]:
    maps = f"{server.base}/maps/{cite.CITY}"
    if suite.name in OGC_API:
        given = _ogc_api(f"{maps}/", OGC_API[suite.name])
        return testng.run(suite, "org/opengis/cite/ogcapi", given, java, folder)
    url = f"{maps}/{{}}?SERVICE={{}}&REQUEST=GetCapabilities&VERSION={{}}"
    if suite.name == WFS:
        given = {"wfs": url.format("wfs", "WFS", "2.0.0")}
        return testng.run(suite, "org/opengis/cite/iso19142", given, java, folder)
    if suite.name == WMTS:
        given = {"capabilities-url": url.format("wmts", "WMTS", "1.0.0"), **WMTS_OPTIONS}
        return ctl.run(suite, "wmts-auto.xml", "wmts:main", given, java, folder)
    given = {"capabilities-url": url.format("wms", "WMS", "1.3.0"), **WMS_OPTIONS}
    with cite.published(server, suite / "resources/data/shapefile", folder):
        return list(ctl.run(suite, "main-auto.xml", "main:main-auto", given, java, folder))


def _ogc_api(landing: str, arguments: Mapping[str, str]) -> dict[str, str]:
    """With addresses beginning at the landing page."""
    whole = {
        name: landing + value if name == "urltemplatefortiles" else value
        for name, value in arguments.items()
    }
    return {"iut": landing, **whole}


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1]).resolve()), 1))
