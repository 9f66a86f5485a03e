"""The OpenAPI 3.0 definition of a city's maps: what QGIS, GDAL and the test suites read first."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

from mapserve.drawing import Layer
from mapserve.features.source import Column
from mapserve.ogcapi.asking import OF_REQUESTS, RESERVED
from mapserve.ogcapi.negotiation import MEDIA_TYPES
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

Json = dict[str, Any]

_TYPES = {"integer": "integer", "number": "number", "boolean": "boolean"}


def describe(city: Jurisdiction, layers: Sequence[Layer], root: str, settings: Settings) -> Json:
    """The whole document; `root` is the address of the landing page without its slash."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": f"{city.name}: maps of service requests",
            "description": "OGC API Features, Tiles and Styles.",
            "version": version("open311"),
            "contact": {"name": city.contact or city.name},
        },
        "servers": [{"url": root}],
        "tags": [{"name": "Capabilities"}, *({"name": layer.name} for layer in layers)],
        "paths": {**_general(), **_of_layers(layers)},
        "components": {"parameters": _parameters(settings), "schemas": _SCHEMAS},
    }


def _general() -> Json:
    named = {
        "/": ("getLandingPage", "The landing page", "landingPage"),
        "/conformance": ("getConformance", "The standards it keeps to", "confClasses"),
        "/api": ("getApi", "This definition", "anything"),
        "/collections": ("getCollections", "All layers", "collections"),
        "/tileMatrixSets": ("getTileMatrixSets", "How the world is cut into tiles", "anything"),
        "/styles": ("getStyles", "All styles", "anything"),
    }
    return {
        path: _get(name, told, "Capabilities", [_ref("f")], {"application/json": schema})
        for path, (name, told, schema) in named.items()
    }


def _of_layers(layers: Iterable[Layer]) -> Json:
    paths: Json = {}
    for layer in layers:
        here, name = f"/collections/{layer.name}", layer.name
        paths[here] = _get(
            f"describe.{name}", layer.title, name, [_ref("f")], {"application/json": "collection"}
        )
        for about in ("queryables", "sortables", "schema"):
            told = {MEDIA_TYPES["schema"]: "anything"}
            paths[f"{here}/{about}"] = _get(f"{about}.{name}", about, name, [_ref("f")], told)
        features = {MEDIA_TYPES["geojson"]: "featureCollection", "text/html": "page"}
        paths[f"{here}/items"] = _get(
            f"getFeatures.{name}", f"Features of {layer.title}", name, _of_items(layer), features
        )
        feature = {MEDIA_TYPES["geojson"]: "feature", "text/html": "page"}
        one = [_ref("featureId"), _ref("crs"), _ref("f")]
        paths[f"{here}/items/{{featureId}}"] = _get(
            f"getFeature.{name}", "One feature", name, one, feature
        )
        tiles = {"application/vnd.mapbox-vector-tile": "binary"}
        paths[f"{here}/tiles"] = _get(
            f"{name}.collection.vector.getTileSetsList",
            "Sets of tiles",
            name,
            [_ref("f")],
            {"application/json": "anything"},
        )
        paths[f"{here}/tiles/{{tileMatrixSetId}}"] = _get(
            f"{name}.collection.vector.getTileSet",
            "A set of tiles",
            name,
            [_ref("tileMatrixSetId"), _ref("f")],
            {"application/json": "anything"},
        )
        paths[f"{here}/tiles/{{tileMatrixSetId}}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"] = _get(
            f"{name}.collection.vector.getTile",
            "A tile",
            name,
            [_ref(each) for each in _TILE],
            tiles,
        )
    return paths


_TILE = ("tileMatrixSetId", "tileMatrix", "tileRow", "tileCol")


def _of_items(layer: Layer) -> list[Json]:
    """What limits features: GDAL and QGIS look here for what the server can do for them."""
    source = layer.source
    named = ["bbox", "bbox-crs", "datetime", "limit", "after", "filter", "filter-lang"]
    named += ["filter-crs", "sortby", "properties", "skipGeometry", "crs", "resultType", "f"]
    own = list(OF_REQUESTS) if source.of_requests else []
    columns = [each for each in source.columns if each.name not in RESERVED.union(own)]
    return [*(_ref(name) for name in (*named, *own)), *(_equal(column) for column in columns)]


def _equal(column: Column) -> Json:
    told = column.description or f"Only features with this {column.name}"
    schema = {"type": _TYPES.get(column.type, "string")}
    return _query(column.name, told, schema)


def _get(name: str, told: str, tag: str, parameters: list[Json], answers: dict[str, str]) -> Json:
    content = {
        media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}
        for media_type, schema in answers.items()
    }
    wrong = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}}
    responses: Json = {"200": {"description": told, "content": content}}
    for status, why in (("400", "Badly asked"), ("404", "Not there"), ("500", "Our failure")):
        responses[status] = {"description": why, "content": wrong}
    return {
        "get": {
            "operationId": name,
            "summary": told,
            "tags": [tag],
            "parameters": parameters,
            "responses": responses,
        }
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


def _query(name: str, told: str, schema: Json) -> Json:
    found: Json = {"name": name, "in": "query", "description": told, "schema": schema}
    return found | {"required": False, "style": "form", "explode": False}


def _parameters(settings: Settings) -> Json:
    text = {"type": "string"}
    uri = {"type": "string", "format": "uri"}
    texts = {"type": "array", "items": text}
    most = {"type": "integer", "minimum": 1, "maximum": settings.max_page_features}
    numbers = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}
    languages = {"type": "string", "enum": ["cql2-text", "cql2-json", "cql-text"]}
    results = {"type": "string", "enum": ["results", "hits"], "default": "results"}
    queries = [
        _query("f", "The form of the answer", text),
        _query("limit", "Most features of a page", most | {"default": settings.page_features}),
        _query("after", "Where the next page begins: from its link", text),
        _query("bbox", "Features that meet a box, least corner first", numbers),
        _query("bbox-crs", "The coordinate system of bbox", uri),
        _query("datetime", "A date-time, or a span with open ends as ..", text),
        _query("filter", "A condition in CQL2", text),
        _query("filter-lang", "The language of filter", languages | {"default": "cql2-text"}),
        _query("filter-crs", "The coordinate system of shapes in filter", uri),
        _query("sortby", "Properties, those with - from the greatest", texts),
        _query("properties", "The properties to answer with", texts),
        _query("skipGeometry", "Whether to leave shapes out", {"type": "boolean"}),
        _query("crs", "The coordinate system of the answer", uri),
        _query("resultType", "hits: only how many there are", results),
        _query("service_code", "Services by their codes", texts),
        _query("status", "open, closed, or detailed ones", texts),
        _query("start_date", "Requested then or later", text),
        _query("end_date", "Requested then or earlier", text),
    ]
    places = ["featureId", *_TILE]
    return {each["name"]: each for each in queries} | {
        name: {"name": name, "in": "path", "required": True, "schema": text} for name in places
    }


_OBJECT: Json = {"type": "object"}
_LINK: Json = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": {name: {"type": "string"} for name in ("href", "rel", "type", "title")},
}
_LINKS: Json = {"type": "array", "items": {"$ref": "#/components/schemas/link"}}


def _object(required: Sequence[str], **properties: Json) -> Json:
    return {"type": "object", "required": list(required), "properties": properties}


_FEATURE_PROPERTIES: Json = {
    "type": {"type": "string", "enum": ["Feature"]},
    "id": {"type": "string"},
    "geometry": {"type": "object", "nullable": True},
    "properties": {"type": "object", "nullable": True},
    "links": _LINKS,
}
_SCHEMAS: Json = {
    "link": _LINK,
    "landingPage": _object(
        ["links"], title={"type": "string"}, description={"type": "string"}, links=_LINKS
    ),
    "confClasses": _object(
        ["conformsTo"], conformsTo={"type": "array", "items": {"type": "string"}}
    ),
    "collections": _object(
        ["links", "collections"],
        links=_LINKS,
        collections={"type": "array", "items": {"$ref": "#/components/schemas/collection"}},
    ),
    "collection": _object(["id", "links"], id={"type": "string"}, links=_LINKS, extent=_OBJECT),
    "feature": _object(["type", "geometry", "properties"], **_FEATURE_PROPERTIES),
    "featureCollection": _object(
        ["type", "features"],
        type={"type": "string", "enum": ["FeatureCollection"]},
        features={"type": "array", "items": {"$ref": "#/components/schemas/feature"}},
        links=_LINKS,
        timeStamp={"type": "string", "format": "date-time"},
        numberMatched={"type": "integer", "minimum": 0},
        numberReturned={"type": "integer", "minimum": 0},
    ),
    "problem": _object(
        ["title"],
        type={"type": "string"},
        title={"type": "string"},
        status={"type": "integer"},
        detail={"type": "string"},
    ),
    "anything": _OBJECT,
    "page": {"type": "string"},
    "binary": {"type": "string", "format": "binary"},
}
