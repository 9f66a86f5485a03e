"""The answers of WFS: features, hits, and single values, from the layers' features."""

from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import urlencode

import msgspec
from msgspec import structs

from mapserve.drawing import Layer
from mapserve.export.formats import FORMATS, Format
from mapserve.features import geojson
from mapserve.features.kinds import as_declared
from mapserve.features.reading import Features, Query, read, stream
from mapserve.features.source import GEOMETRY
from mapserve.layers import opened
from mapserve.ows import OwsException
from mapserve.wfs import gml
from mapserve.wfs.asking import NEW, Asked
from mapserve.wfs.gml import GML31, GML32
from mapserve.wfs.names import NAMESPACE, PREFIX, of_layer
from mapserve.wfs.querying import Call, Part, find_layer
from mapserve.wfs.systems import DEFAULT
from open311.dates import format_instant, now

GML32_TYPE = "application/gml+xml; version=3.2"
GML31_TYPE = "text/xml; subtype=gml/3.1.1"
JSON_TYPE = "application/json"
_JSON = ("application/json", "json", "geojson", "application/geo+json", "application/vnd.geo+json")
_FILES = {"shape-zip": "shp.zip", "shapezip": "shp.zip", "geopackage": "gpkg", "excel": "xlsx"}
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SPACES = {NEW: "http://www.opengis.net/wfs/2.0", "1.1.0": "http://www.opengis.net/wfs"}


def is_json(asked: Asked) -> bool:
    """Whether features are wanted as GeoJSON."""
    return asked.format.lower() in _JSON


def file_format(asked: Asked) -> Format | None:
    """The format of a file that is wanted instead of GML.

    Raises OwsException for one that there is not.
    """
    text = asked.format.lower()
    if not text or "gml" in text or text in ("text/xml", "application/xml"):
        return None
    extension = _FILES.get(text, text)
    found = FORMATS.get(extension)
    found = found or next((each for each in FORMATS.values() if each.media_type == text), None)
    if found is None:
        told = f"outputFormat is GML, application/json, or {', '.join(FORMATS)}."
        raise OwsException("InvalidParameterValue", told, "outputFormat")
    return found


async def write_features(call: Call, parts: Sequence[Part]) -> AsyncIterator[bytes]:
    """The document of GetFeature, piece by piece."""
    is_new = call.asked.version == NEW
    yield _head(call, parts).encode()
    if call.asked.hits_only:
        parts = []
    for part in parts:
        many = is_new and len(parts) > 1
        if many:
            counted = f"{_numbers([part])} timeStamp={_now()}"
            yield f"<wfs:member><wfs:FeatureCollection {counted}>".encode()
        async for features in _features(call, part):
            yield _written(features, part, is_new=is_new).encode()
        if many:
            yield b"</wfs:FeatureCollection></wfs:member>"
    yield (
        b"</wfs:FeatureCollection>" if is_new else b"</gml:featureMembers></wfs:FeatureCollection>"
    )


def _written(features: Features, part: Part, *, is_new: bool) -> str:
    dialect = GML32 if is_new else GML31
    names, in_xy = of_layer(part.layer), part.system.in_xy
    shapes = as_declared(features.shapes, part.layer.source.geometry_type)
    features = structs.replace(features, shapes=shapes)
    members = gml.write(features, part.layer.name, names, part.system.crs, dialect, by_url=in_xy)
    if is_new:
        return "".join(f"<wfs:member>{each}</wfs:member>" for each in members)
    return "".join(members)


async def _features(call: Call, part: Part) -> AsyncIterator[Features]:
    async with opened(call.context, call.city, part.layer) as reading:
        async for features in stream(reading, part.query):
            yield features


def _now() -> str:
    return f'"{format_instant(now())}"'


def _numbers(parts: Sequence[Part], *, hits_only: bool = False) -> str:
    known = [part.matched for part in parts]
    matched = "unknown" if None in known else str(sum(each or 0 for each in known))
    returned = 0 if hits_only else sum(part.returned for part in parts)
    return f'numberMatched="{matched}" numberReturned="{returned}"'


def namespaces(version: str) -> str:
    """The attributes that a document in GML begins with."""
    dialect = GML32 if version == NEW else GML31
    return (
        f'xmlns:wfs="{_SPACES[version]}" xmlns:gml="{dialect.namespace}" '
        f'xmlns:{PREFIX}="{NAMESPACE}" xmlns:xsi="{_XSI}"'
    )


def schema_location(call: Call, layers: Sequence[Layer]) -> str:
    """Where the schemas of a document are."""
    version = call.asked.version
    names = ",".join(f"{PREFIX}:{layer.name}" for layer in layers)
    query = {"SERVICE": "WFS", "VERSION": version, "REQUEST": "DescribeFeatureType"}
    ours = f"{call.root}/wfs?{urlencode(query | {'TYPENAMES': names})}".replace("&", "&amp;")
    theirs = "2.0/wfs.xsd" if version == NEW else "1.1.0/wfs.xsd"
    wfs = f"{_SPACES[version]} http://schemas.opengis.net/wfs/{theirs}"
    return f'xsi:schemaLocation="{wfs} {NAMESPACE} {ours}"'


def _head(call: Call, parts: Sequence[Part]) -> str:
    is_new = call.asked.version == NEW
    layers = [part.layer for part in parts]
    spaces = f"{namespaces(call.asked.version)} {schema_location(call, layers)} timeStamp={_now()}"
    start = '<?xml version="1.0" encoding="UTF-8"?>\n'
    if is_new:
        numbers = _numbers(parts, hits_only=call.asked.hits_only)
        return f"{start}<wfs:FeatureCollection {spaces} {numbers}{_pages(call, parts)}>"
    number = sum((part.matched or 0) if call.asked.hits_only else part.returned for part in parts)
    opened_list = f'numberOfFeatures="{number}"><gml:featureMembers>'
    return f"{start}<wfs:FeatureCollection {spaces} {opened_list}"


def _pages(call: Call, parts: Sequence[Part]) -> str:
    """Where the next and the previous page are, of a call by parameters for one layer.

    The page after a number of hits is the first one with features (OGC 09-025r2, 7.7.4.4.1).
    """
    if len(parts) != 1 or "REQUEST" not in call.asked.parameters.values:
        return ""
    part, told = parts[0], ""
    step, start = part.returned, call.asked.start
    if call.asked.hits_only:
        return f' next="{_page(call, start)}"' if step else ""
    if step and (part.matched is None or start + step < part.matched):
        told += f' next="{_page(call, start + step)}"'
    if start and part.query.limit:
        told += f' previous="{_page(call, max(0, start - part.query.limit))}"'
    return told


def _page(call: Call, start: int) -> str:
    values = {**call.asked.parameters.values, "STARTINDEX": str(start), "RESULTTYPE": "results"}
    return f"{call.root}/wfs?{urlencode(values)}".replace("&", "&amp;").replace('"', "&quot;")


async def write_json(call: Call, parts: Sequence[Part]) -> AsyncIterator[bytes]:
    """The features as GeoJSON: longitude first, as its standard has it."""
    known = [part.matched for part in parts]
    total = b"null" if None in known else str(sum(each or 0 for each in known)).encode()
    yield b'{"type":"FeatureCollection","totalFeatures":%s,"numberMatched":%s,"features":[' % (
        total,
        total,
    )
    separator = b""
    for part in parts if not call.asked.hits_only else []:
        async for features in _features(call, part):
            for feature in geojson.encode(features, part.system.crs, in_xy=True):
                named = gml.feature_id(part.layer.name, feature.id)
                yield separator + msgspec.json.encode(structs.replace(feature, id=named))
                separator = b","
    returned = sum(part.returned for part in parts) if not call.asked.hits_only else 0
    yield b'],"numberReturned":%d}' % returned


async def write_one(call: Call) -> bytes:
    """The feature of the stored query GetFeatureById. Raises OwsException."""
    name, _, own = call.asked.by_id.partition(".")
    unknown = OwsException("NotFound", f"There is no feature {call.asked.by_id[:80]!r}.", "ID")
    if not own:
        raise unknown
    try:
        layer = await find_layer(call, name)
    except OwsException:
        raise unknown from None
    async with opened(call.context, call.city, layer) as reading:
        features = await read(reading, Query(ids=(own,), limit=1))
    if not len(features):
        raise unknown
    shapes = as_declared(features.shapes, layer.source.geometry_type)
    features = structs.replace(features, shapes=shapes)
    dialect = GML32 if call.asked.version == NEW else GML31
    (element,) = gml.write(
        features, layer.name, of_layer(layer), DEFAULT.crs, dialect, by_url=False
    )
    spaces = f" {namespaces(call.asked.version)} {schema_location(call, [layer])}"
    opening = f"<{PREFIX}:{layer.name}"
    start = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f"{start}{opening}{spaces}{element.removeprefix(opening)}".encode()


async def write_values(call: Call, part: Part) -> AsyncIterator[bytes]:
    """The document of GetPropertyValue: one property of each feature that has it."""
    names = of_layer(part.layer)
    asked = call.asked.value or ""
    path = asked.rpartition("/")[2]
    name = path.rpartition(":")[2]
    is_id = path.lstrip("@") in ("gml:id", "id")
    known: Mapping[str, str] = {xml: own for own, xml in names.items()}
    if not is_id and name != GEOMETRY and name not in known:
        told = f"{part.layer.name} has no property {asked[:60]!r}."
        raise OwsException("InvalidParameterValue", told, "valueReference")
    yield (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<wfs:ValueCollection {namespaces(NEW)} '
        f"timeStamp={_now()} {_numbers([part], hits_only=call.asked.hits_only)}>"
    ).encode()
    async for features in _features(call, part):
        if call.asked.hits_only:
            break
        for each in _values(features, part, known.get(name), names, is_id=is_id):
            yield f"<wfs:member>{each}</wfs:member>".encode()
    yield b"</wfs:ValueCollection>"


def _values(
    features: Features, part: Part, column: str | None, names: Mapping[str, str], *, is_id: bool
) -> list[str]:
    if is_id:
        return [gml.feature_id(part.layer.name, each) for each in features.ids]
    if column is None:
        only = structs.replace(features, values={})
        written = gml.write(
            only, part.layer.name, names, part.system.crs, GML32, by_url=part.system.in_xy
        )
        inner = f"<{PREFIX}:{GEOMETRY}>"
        return [each[each.index(inner) : each.rindex("</")] for each in written if inner in each]
    tag = f"{PREFIX}:{names[column]}"
    values = (gml.text_of(each) for each in features.values[column] if each is not None)
    return [f"<{tag}>{each}</{tag}>" for each in values]
