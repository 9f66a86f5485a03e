"""Filters of WFS, as QGIS and GDAL write them."""

import httpx
import pytest

from tests.gis.wfs_asking import BOX, FES, ask, compares, features, fes, inside, is_equal, refused
from tests.maps.truth import Row

pytestmark = pytest.mark.anyio

_LATE = "requested_datetime >= TIMESTAMP('2020-12-01T00:00:00Z')"
CLOSED, OPEN = is_equal("status", "closed"), is_equal("o311:status", "open")
LATE = compares("PropertyIsGreaterThanOrEqualTo", "requested_datetime", "2020-12-01T00:00:00Z")


@pytest.mark.parametrize(
    ("inner", "condition"),
    [
        (OPEN, "status = 'open'"),
        (f"<fes:Not>{CLOSED}</fes:Not>", "status = 'open'"),
        (f"<fes:Or>{OPEN}{LATE}</fes:Or>", f"status = 'open' or {_LATE}"),
        (is_equal("status", "OPEN", 'matchCase="false"'), "status = 'open'"),
        (
            '<fes:PropertyIsLike wildCard="*" singleChar="." escapeChar="!">'
            "<fes:ValueReference>service_code</fes:ValueReference><fes:Literal>POT*</fes:Literal>"
            "</fes:PropertyIsLike>",
            "service_code LIKE 'POT%'",
        ),
        (
            "<fes:PropertyIsNull><fes:ValueReference>closed_datetime</fes:ValueReference>"
            "</fes:PropertyIsNull>",
            "closed_datetime IS NULL",
        ),
        (
            "<fes:PropertyIsBetween><fes:ValueReference>requested_datetime</fes:ValueReference>"
            "<fes:LowerBoundary><fes:Literal>2020-11-01T00:00:00Z</fes:Literal></fes:LowerBoundary>"
            "<fes:UpperBoundary><fes:Literal>2020-12-01T00:00:00Z</fes:Literal></fes:UpperBoundary>"
            "</fes:PropertyIsBetween>",
            "requested_datetime >= TIMESTAMP('2020-11-01T00:00:00Z') and "
            "requested_datetime <= TIMESTAMP('2020-12-01T00:00:00Z')",
        ),
        (
            "<fes:During><fes:ValueReference>requested_datetime</fes:ValueReference>"
            '<gml:TimePeriod gml:id="t"><gml:beginPosition>2020-11-01T00:00:00Z</gml:beginPosition>'
            "<gml:endPosition>2020-12-01T00:00:00Z</gml:endPosition></gml:TimePeriod></fes:During>",
            "requested_datetime > TIMESTAMP('2020-11-01T00:00:00Z') and "
            "requested_datetime < TIMESTAMP('2020-12-01T00:00:00Z')",
        ),
    ],
)  # fmt: skip
async def test_filters(cape_town: httpx.AsyncClient, inner: str, condition: str) -> None:
    expected = await features(cape_town, CQL_FILTER=condition)
    assert await features(cape_town, FILTER=fes(inner)) == expected
    assert 0 < len(expected) < 7753


PERIOD = (
    '<gml:TimePeriod gml:id="t"><gml:beginPosition>2020-11-01T00:00:00Z</gml:beginPosition>'
    "<gml:endPosition>2020-12-01T00:00:00Z</gml:endPosition></gml:TimePeriod>"
)


@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("Before", "requested_datetime < TIMESTAMP('2020-11-01T00:00:00Z')"),
        ("After", "requested_datetime > TIMESTAMP('2020-12-01T00:00:00Z')"),
    ],
)
async def test_periods_have_two_ends(
    cape_town: httpx.AsyncClient, kind: str, condition: str
) -> None:
    named = "<fes:ValueReference>requested_datetime</fes:ValueReference>"
    found = await features(cape_town, FILTER=fes(f"<fes:{kind}>{named}{PERIOD}</fes:{kind}>"))
    assert found == await features(cape_town, CQL_FILTER=condition)
    assert 0 < len(found) < 7753


def is_null(name: str) -> str:
    named = f"<fes:ValueReference>{name}</fes:ValueReference>"
    return f"<fes:PropertyIsNull>{named}</fes:PropertyIsNull>"


async def test_paths_as_their_least_language_has_them(cape_town: httpx.AsyncClient) -> None:
    some = await features(cape_town, COUNT="1")
    for path in ("@gml:id", "o311:requests/@gml:id"):
        assert await features(cape_town, FILTER=fes(is_equal(path, f"requests.{some[0]}"))) == some
    first = await features(cape_town, FILTER=fes(is_equal("o311:requests/o311:status[1]", "open")))
    assert first == await features(cape_town, CQL_FILTER="status = 'open'")


async def test_no_feature_has_what_any_of_gml_may_have(cape_town: httpx.AsyncClient) -> None:
    all_of_them = await ask(
        cape_town, "GetFeature", TYPENAMES="wards", FILTER=fes(is_null("gml:name")),
        RESULTTYPE="hits",
    )  # fmt: skip
    none = await ask(
        cape_town, "GetFeature", TYPENAMES="wards", FILTER=fes(is_null("o311:name")),
        RESULTTYPE="hits",
    )  # fmt: skip
    assert int(all_of_them.get("numberMatched")) > int(none.get("numberMatched")) == 0


async def test_days_with_a_zone(cape_town: httpx.AsyncClient) -> None:
    for day in ("1994-01-01", "1994-01-01Z", "1994-01-01+02:00"):
        late = fes(compares("PropertyIsGreaterThanOrEqualTo", "valid_from", day))
        found = await ask(cape_town, "GetFeature", TYPENAMES="wards", FILTER=late)
        assert int(found.get("numberMatched")) > 100


async def test_what_cannot_be_compared_is_refused(cape_town: httpx.AsyncClient) -> None:
    envelope = (
        '<gml:Envelope srsName="urn:ogc:def:crs:EPSG::4326"><gml:lowerCorner>-34 18'
        "</gml:lowerCorner><gml:upperCorner>-33 19</gml:upperCorner></gml:Envelope>"
    )
    named = "<fes:ValueReference>status</fes:ValueReference>"
    for kind in ("BBOX", "Intersects"):
        told = fes(f"<fes:{kind}>{named}{envelope}</fes:{kind}>")
        assert await refused(cape_town, "GetFeature", TYPENAMES="requests", FILTER=told) == (
            "InvalidParameterValue", "filter",
        )  # fmt: skip
    box = fes(compares("PropertyIsLessThan", "gml:boundedBy", envelope))
    assert await refused(cape_town, "GetFeature", 403, TYPENAMES="requests", FILTER=box) == (
        "OperationProcessingFailed", "filter",
    )  # fmt: skip


async def test_the_box_within_a_filter(cape_town: httpx.AsyncClient, rows: list[Row]) -> None:
    """As QGIS puts its map and its query together, with namespaces said again on inner elements."""
    west, south, east, north = BOX
    envelope = (
        f"<fes:BBOX><fes:ValueReference>geometry</fes:ValueReference>\n<gml:Envelope {FES} "
        f'srsName="urn:ogc:def:crs:EPSG::4326"><gml:lowerCorner>{south} {west}</gml:lowerCorner>'
        f"<gml:upperCorner>{north} {east}</gml:upperCorner></gml:Envelope></fes:BBOX>"
    )
    open_ones = {row.service_request_id for row in rows if row.closed_datetime is None}
    found = await features(cape_town, FILTER=fes(f"<fes:And>{envelope}{OPEN}</fes:And>"))
    assert set(found) == inside(rows) & open_ones
    either = await features(cape_town, FILTER=fes(f"<fes:Or>{envelope}{OPEN}</fes:Or>"))
    assert set(either) == inside(rows) | open_ones


async def test_gdal_names_no_system_on_its_box(
    cape_town: httpx.AsyncClient, rows: list[Row]
) -> None:
    west, south, east, north = BOX
    inner = (
        '<Filter xmlns="http://www.opengis.net/fes/2.0" xmlns:gml="http://www.opengis.net/gml/3.2">'
        "<BBOX><ValueReference>geometry</ValueReference><gml:Envelope>"
        f"<gml:lowerCorner>{south} {west}</gml:lowerCorner>"
        f"<gml:upperCorner>{north} {east}</gml:upperCorner></gml:Envelope></BBOX></Filter>"
    )
    assert set(await features(cape_town, FILTER=inner)) == inside(rows)


async def test_shapes_in_filters(cape_town: httpx.AsyncClient, rows: list[Row]) -> None:
    west, south, east, north = BOX
    corners = [(south, west), (south, east), (north, east), (north, west), (south, west)]
    text = " ".join(f"{lat} {lon}" for lat, lon in corners)
    within = (
        "<fes:Within><fes:ValueReference>geometry</fes:ValueReference>"
        '<gml:Polygon gml:id="p" srsName="urn:ogc:def:crs:EPSG::4326"><gml:exterior>'
        f"<gml:LinearRing><gml:posList>{text}</gml:posList></gml:LinearRing>"
        "</gml:exterior></gml:Polygon></fes:Within>"
    )
    assert set(await features(cape_town, FILTER=fes(within))) == inside(rows)
