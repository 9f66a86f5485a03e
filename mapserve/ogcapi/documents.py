"""The documents of OGC API: landing page, collections, and the links between them."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from mapserve.drawing import Layer
from mapserve.export.formats import FORMATS
from mapserve.features.crs import CRS84, LISTED
from mapserve.features.extents import Extent
from mapserve.ogcapi.negotiation import HTML, JSON, MEDIA_TYPES, OPENAPI_TYPE
from open311.dates import format_instant
from open311.jurisdictions import Jurisdiction

_CLASSES = {
    "ogcapi-common-1": (
        "core",
        "landing-page",
        "json",
        "html",
        "oas30",
    ),
    "ogcapi-common-2": ("collections",),
    "ogcapi-features-1": (
        "core",
        "oas30",
        "html",
        "geojson",
    ),
    "ogcapi-features-2": ("crs",),
    "ogcapi-features-3": (
        "queryables",
        "queryables-query-parameters",
        "filter",
        "features-filter",
    ),
    "cql2": (
        "cql2-text",
        "cql2-json",
        "basic-cql2",
        "advanced-comparison-operators",
        "case-insensitive-comparison",
        "basic-spatial-functions",
        "basic-spatial-functions-plus",
        "spatial-functions",
    ),
    "ogcapi-tiles-1": (
        "core",
        "tileset",
        "tilesets-list",
        "geodata-tilesets",
        "mvt",
    ),
    "ogcapi-maps-1": (
        *("core", "collection-map", "spatial-subsetting", "scaling", "background", "crs"),
        *("png", "jpeg"),
    ),
    "ogcapi-styles-1": (
        "core",
        "mapbox-styles",
    ),
}
CONFORMANCE = [
    f"http://www.opengis.net/spec/{standard}/1.0/conf/{each}"
    for standard, classes in _CLASSES.items()
    for each in classes
]

_REL = "http://www.opengis.net/def/rel/ogc/1.0"
_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_SCHEMA_TYPE = MEDIA_TYPES["schema"]
_GEOJSON_TYPE = MEDIA_TYPES["geojson"]


class Link(Struct, frozen=True, omit_defaults=True):
    """Where something else is."""

    href: str
    rel: str
    type: str | None = None
    title: str | None = None
    templated: bool = False


class Temporal(Struct, frozen=True):
    """Spans of time; None is an open end."""

    interval: list[tuple[str | None, str | None]]
    trs: str = _GREGORIAN


class Spatial(Struct, frozen=True):
    """Boxes: west, south, east and north in degrees."""

    bbox: list[tuple[float, float, float, float]]
    crs: str = CRS84.uri


class Where(Struct, frozen=True):
    """The extent of a collection; what is not known is left out."""

    spatial: Spatial | UnsetType = UNSET
    temporal: Temporal | UnsetType = UNSET


class Collection(Struct, frozen=True, rename="camel"):
    """A layer, as OGC API describes it."""

    id: str
    title: str
    description: str
    keywords: list[str]
    attribution: str
    extent: Where
    links: list[Link]
    item_type: str = "feature"
    crs: tuple[str, ...] = tuple(each.uri for each in LISTED)
    storage_crs: str = CRS84.uri
    license: str | UnsetType = UNSET


def itself(href: str, form: str, title: str) -> list[Link]:
    """Links of a document to itself, in the form being read, and to its other form."""
    return [
        Link(f"{href}?f={each}", "self" if each == form else "alternate", MEDIA_TYPES[each], title)
        for each in (JSON, HTML)
    ]


def landing(city: Jurisdiction, root: str, form: str) -> dict[str, Any]:
    """The landing page; `root` is its address without the slash."""
    links = [
        *itself(f"{root}/", form, "This document"),
        Link(f"{root}/api", "service-desc", OPENAPI_TYPE, "OpenAPI 3.0 definition"),
        Link(f"{root}/api?f=html", "service-doc", MEDIA_TYPES[HTML], "What can be asked"),
        Link(f"{root}/conformance", "conformance", MEDIA_TYPES[JSON], "Conformance classes"),
        Link(
            f"{root}/conformance", f"{_REL}/conformance", MEDIA_TYPES[JSON], "Conformance classes"
        ),
        Link(f"{root}/collections", "data", MEDIA_TYPES[JSON], "Layers"),
        Link(f"{root}/collections", f"{_REL}/data", MEDIA_TYPES[JSON], "Layers"),
        Link(
            f"{root}/tileMatrixSets",
            f"{_REL}/tiling-schemes",
            MEDIA_TYPES[JSON],
            "Tile matrix sets",
        ),
        Link(f"{root}/styles", f"{_REL}/styles", MEDIA_TYPES[JSON], "Styles"),
    ]
    return {
        "title": f"{city.name}: service requests",
        "description": "Service requests of the municipality on maps: as features, tiles, "
        "hexagons and pictures.",
        "attribution": city.name,
        "links": links,
    }


def services(root: str) -> list[tuple[str, str]]:
    """What people paste into a GIS: each service, and its address."""
    return [
        ("OGC API Features", f"{root}/"),
        ("WFS", f"{root}/wfs"),
        ("WMS", f"{root}/wms"),
        ("WMTS", f"{root}/wmts/1.0.0/WMTSCapabilities.xml"),
        ("Vector tiles", f"{root}/tiles/requests/{{z}}/{{x}}/{{y}}.mvt"),
        ("Style of vector tiles", f"{root}/styles/requests.json"),
    ]


def collection(
    layer: Layer, extent: Extent, city: Jurisdiction, root: str, form: str
) -> Collection:
    """A layer, with the addresses of all that there is of it."""
    here = f"{root}/collections/{layer.name}"
    return Collection(
        id=layer.name,
        title=layer.title,
        description=layer.description,
        keywords=[*(layer.keywords or ["service requests"]), city.name, layer.title],
        attribution=layer.attribution or city.name,
        extent=_where(extent),
        links=[*itself(here, form, layer.title), *_links(here, root, layer)],
        license=layer.licence or UNSET,
    )


def _links(here: str, root: str, layer: Layer) -> Sequence[Link]:
    # GDAL puts the id of a feature right behind the address of its items: that has no query
    return [
        Link(f"{here}/items", "items", _GEOJSON_TYPE, "Features as GeoJSON"),
        Link(f"{here}/items?f=html", "items", MEDIA_TYPES[HTML], "Features as a page"),
        Link(f"{here}/queryables", f"{_REL}/queryables", _SCHEMA_TYPE, "What a filter may name"),
        Link(f"{here}/queryables", "queryables", _SCHEMA_TYPE, "What a filter may name"),
        Link(f"{here}/sortables", f"{_REL}/sortables", _SCHEMA_TYPE, "What can be sorted by"),
        Link(f"{here}/schema", "describedby", _SCHEMA_TYPE, "Properties"),
        Link(f"{here}/schema", "describedBy", _SCHEMA_TYPE, "Properties"),
        Link(f"{here}/map", f"{_REL}/map", "image/png", "A picture of it"),
        Link(f"{here}/tiles", f"{_REL}/tilesets-vector", MEDIA_TYPES[JSON], "Vector tiles"),
        Link(f"{root}/styles/{layer.name}.json", "style", "application/json", "MapLibre style"),
        Link(f"{root}/legend/{layer.name}.png", "preview", "image/png", "Legend"),
        *(
            Link(
                f"{root}/export/{layer.name}.{each.extension}",
                "enclosure",
                each.media_type,
                each.title,
            )
            for each in FORMATS.values()
        ),
    ]


def _where(extent: Extent) -> Where:
    return Where(
        UNSET if extent.bounds is None else Spatial([extent.bounds]),
        UNSET
        if extent.span is None
        else Temporal([(format_instant(extent.span[0]), format_instant(extent.span[1]))]),
    )


def schema(layer: Layer, here: str, about: str) -> dict[str, Any]:
    """The properties of a layer's features as JSON Schema: `schema`, `queryables`, `sortables`."""
    properties: dict[str, Any] = {}
    if about != "sortables":
        properties["geometry"] = {
            "title": "Geometry",
            "x-ogc-role": "primary-geometry",
            "format": f"geometry-{_shape_of(layer.source.geometry_type)}",
        }
    for column in layer.source.columns:
        properties[column.name] = _property(column.name, column.type, column.description)
    if layer.source.instant and about == "schema":
        properties[layer.source.instant]["x-ogc-role"] = "primary-instant"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{here}/{about}",
        "type": "object",
        "title": layer.title,
        "description": layer.description,
        "properties": properties,
        "additionalProperties": False,
    }


def _shape_of(geometry_type: str) -> str:
    # one shape and several of a kind may be mixed
    return {"Geometry": "any", "Point": "point"}.get(geometry_type) or (
        geometry_type.removeprefix("Multi").lower()
        + "-or-multi"
        + geometry_type.removeprefix("Multi").lower()
    )


def _property(name: str, told: str, description: str) -> dict[str, Any]:
    written = {"date": "string", "date-time": "string"}.get(told, told)
    found: dict[str, Any] = {"title": name, "type": written}
    if description:
        found["description"] = description
    if told in ("date", "date-time"):
        found["format"] = told
    return found
