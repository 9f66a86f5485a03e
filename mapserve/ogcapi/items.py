"""Pages of features, and single ones, as OGC API Features has them."""

from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct, UnsetType, structs

from mapserve.drawing import Layer
from mapserve.features import geojson
from mapserve.features.geojson import Feature
from mapserve.features.reading import Query, count, read
from mapserve.features.source import Reading
from mapserve.layers import opened
from mapserve.ogcapi import asking
from mapserve.ogcapi.asking import Asked
from mapserve.ogcapi.documents import Link
from mapserve.ogcapi.negotiation import HTML, MEDIA_TYPES
from open311.context import Context
from open311.dates import format_instant, now
from open311.errors import NotFound
from open311.forms import Fields
from open311.jurisdictions import Jurisdiction

_EASILY_COUNTED = 10_000
_GEOJSON = MEDIA_TYPES["geojson"]


class Page(Struct, frozen=True, rename="camel", tag_field="type", tag="FeatureCollection"):
    """Some features of a layer, with the way to the next ones."""

    time_stamp: str
    number_returned: int
    features: list[Feature]
    links: list[Link]
    number_matched: int | UnsetType = UNSET


class Single(Struct, frozen=True, tag_field="type", tag="Feature"):
    """One feature, with links."""

    id: str
    geometry: Any
    properties: dict[str, Any]
    links: list[Link]


async def read_page(
    context: Context, city: Jurisdiction, layer: Layer, fields: Fields, url: str
) -> tuple[Page, Asked]:
    """The page that is asked for at `url`. Raises BadInput and Busy."""
    zone = ZoneInfo(city.time_zone)
    asked = asking.read(fields, layer.source, zone, context.settings)
    async with opened(context, city, layer) as reading:
        matched = await _matched(reading, asked.query)
        if asked.hits_only:
            return Page(format_instant(now()), 0, [], _links(fields, url, None), matched), asked
        found = await read(reading, asked.query)
    features = geojson.encode(found, asked.crs)
    links = _links(fields, url, found.cursor)
    return Page(format_instant(now()), len(features), features, links, matched), asked


async def _matched(reading: Reading, query: Query) -> int | UnsetType:
    """How many there are in all: on the first page, for counting takes longer than reading one."""
    most = reading.settings.max_counted_features if query.after is None else _EASILY_COUNTED
    number = await count(reading, structs.replace(query, limit=None, after=None), most)
    return UNSET if number > most else number


def _links(fields: Fields, url: str, cursor: str | None) -> list[Link]:
    """Every parameter goes along: a client that loses its box reads the whole layer."""
    pairs = [(name, value) for name, values in fields.values.items() for value in values]
    without_form = [pair for pair in pairs if pair[0] != "f"]
    links = [
        Link(_url(url, pairs), "self", _GEOJSON, "This page"),
        Link(
            _url(url, [*without_form, ("f", "html")]), "alternate", MEDIA_TYPES[HTML], "As a page"
        ),
        Link(url.rpartition("/")[0], "collection", MEDIA_TYPES["json"], "The layer"),
    ]
    if cursor is not None:
        further = [pair for pair in pairs if pair[0] != "after"]
        links.append(Link(_url(url, [*further, ("after", cursor)]), "next", _GEOJSON, "Next page"))
    return links


def _url(url: str, pairs: list[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(pairs)}" if pairs else url


async def read_one(
    context: Context, city: Jurisdiction, layer: Layer, name: str, fields: Fields, url: str
) -> tuple[Single, Asked]:
    """A feature by its id. Raises NotFound and BadInput."""
    asking.check_names(fields, ("crs", "f", "properties"))
    zone = ZoneInfo(city.time_zone)
    asked = asking.read(fields, layer.source, zone, context.settings)
    async with opened(context, city, layer) as reading:
        found = await read(reading, structs.replace(asked.query, ids=(name,)))
    if not len(found):
        raise NotFound(f"{layer.title} has no feature {name[:60]!r}.")
    (feature,) = geojson.encode(found, asked.crs)
    links = [
        Link(url, "self", _GEOJSON, "This feature"),
        Link(f"{url}?f=html", "alternate", MEDIA_TYPES[HTML], "As a page"),
        Link(url.rsplit("/", 2)[0], "collection", MEDIA_TYPES["json"], "The layer"),
    ]
    return Single(feature.id, feature.geometry, feature.properties, links), asked
