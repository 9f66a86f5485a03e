"""The OGC's own test suites against the demo: python -m tests.conformance FOLDER

FOLDER holds, for each suite to run, a folder of its name: with the jars of one in Java, with what
one in scripts consists of, beside `teamengine` with the engine's jars; and perhaps `schemas`, for a
machine without the internet (docs/gis.md). Needs Java 17. Ends with 1 if a
suite is not there or a test failed.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from msgspec import Struct

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
WFS = "ets-wfs20"


class Scripts(Struct, frozen=True):
    """A suite in scripts: of which service, which of its tests calls the others, and how."""

    service: str
    version: str
    source: str
    test: str
    options: dict[str, str]


_SEQUENCES = {"updatesequence": "auto", "high-updatesequence": "0", "low-updatesequence": "0"}
_UNTESTED = ("raster_elevation", "vector_elevation", "time", "recommended")
_WMS = {"basic": "basic", "queryable": "queryable", **dict.fromkeys(_UNTESTED, "no")}
_OLD_WMS = {"profile": "queryable", "recommended": "true", "bboxconstraints": "strict"}
_OLD_WMS |= {"getfeatureinfo": "false", "feesconstraints": "false"}
_PARTS = ("CommonOperations-tests", "GetCapabilities-tests", "GetTile-tests")
_PARTS += ("GetFeatureInfo-tests", "kvp-get-encoding", "restful-encoding")
_WMTS = {"fail-early": "off", **{f"include-{part}": "on" for part in _PARTS}}
SCRIPTS = {
    "ets-wms13": Scripts("wms", "1.3.0", "main-auto.xml", "main:main-auto", _SEQUENCES | _WMS),
    "ets-wms11": Scripts(
        "wms", "1.1.1", "main-auto.xml", "wms:main_wms_auto", _SEQUENCES | _OLD_WMS
    ),
    "ets-wmts10": Scripts("wmts", "1.0.0", "wmts-auto.xml", "wmts:main", _WMTS),
}
DATA = "ets-wms13/resources/data/shapefile"
_POINT = Excuse(
    "unexpected exceptionCode PointIJOutOfRange",
    "that is the standard's code (OGC 07-057r7, 7.3.3), where it looks for TileOutOfRange",
)
_CHARSET = Excuse(
    "received 'text/plain; charset=utf-8'", "a media type may have parameters (RFC 9110, 8.3.1)"
)
EXCUSES = {
    "afterPeriod": Excuse("could not be parsed", "it cannot read its own whole seconds"),
    "Server.KVP.GET.GetFeatureInfo.Invalid.Pixel.Row.J": _POINT,
    "Server.KVP.GET.GetFeatureInfo.Invalid.Pixel.Col.I": _POINT,
    "wmsops-getfeatureinfo-params-query_layers-1": _CHARSET,
    "wmsops-getfeatureinfo-params-query_layers-2": _CHARSET,
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
        for name in (*OGC_API, WFS, *SCRIPTS):
            if (suites / name).is_dir():
                found = _run(suites / name, server, java, Path(temporary))
                bad += not tell(name, found, EXCUSES)
            else:
                print(f"{name}: not in {suites}")
                bad += 1
    return bad


def _run(suite: Path, server: Server, java: Sequence[str], folder: Path) -> list[Outcome]:
    maps = f"{server.base}/maps/{cite.CITY}"
    if suite.name in OGC_API:
        given = _ogc_api(f"{maps}/", OGC_API[suite.name])
        return list(testng.run(suite, "org/opengis/cite/ogcapi", given, java, folder))
    if suite.name == WFS:
        given = {"wfs": f"{maps}/wfs?SERVICE=WFS&REQUEST=GetCapabilities&VERSION=2.0.0"}
        return list(testng.run(suite, "org/opengis/cite/iso19142", given, java, folder))
    scripts = SCRIPTS[suite.name]
    asked = f"SERVICE={scripts.service.upper()}&REQUEST=GetCapabilities&VERSION={scripts.version}"
    given = {"capabilities-url": f"{maps}/{scripts.service}?{asked}", **scripts.options}
    data = cite.published(server, suite.parent / DATA, folder)
    with data if scripts.service == "wms" else nullcontext():
        return list(ctl.run(suite, scripts.source, scripts.test, given, java, folder))


def _ogc_api(landing: str, arguments: Mapping[str, str]) -> dict[str, str]:
    """With addresses beginning at the landing page."""
    whole = {
        name: landing + value if name == "urltemplatefortiles" else value
        for name, value in arguments.items()
    }
    return {"iut": landing, **whole}


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1]).resolve()), 1))
