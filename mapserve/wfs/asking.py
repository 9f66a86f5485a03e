"""What a call of WFS asks for, as parameters or as XML, in versions 2.0.0 and 1.1.0."""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from mapserve import ows, xml_reading
from mapserve.kvp import Parameters
from mapserve.ows import OwsException, told_as
from mapserve.wfs.names import local
from open311.settings import Settings

NEW, OLD = VERSIONS = ("2.0.0", "1.1.0")
OLDEST = "1.0.0"
GET_BY_ID = "urn:ogc:def:query:OGC-WFS::GetFeatureById"

_GROUPS = re.compile(r"\(([^()]*(?:\([^()]*\)[^()]*)*)\)")
_STORED_QUERIES = (GET_BY_ID, "http://www.opengis.net/def/query/OGC-WFS/0/GetFeatureById")


class Wanted(Struct, frozen=True):
    """Features of one layer. `filter` is the element, if there is one."""

    layer: str
    properties: tuple[str, ...] = ()
    filter: Any = None
    ids: tuple[str, ...] = ()
    bbox: str = ""
    sort: tuple[tuple[str, bool], ...] = ()
    srs: str = ""
    cql: str = ""


class Asked(Struct, frozen=True):
    """A call: its operation, its version, and what GetFeature wants."""

    operation: str
    version: str
    parameters: Parameters
    wanted: tuple[Wanted, ...] = ()
    count: int | None = None
    start: int = 0
    hits_only: bool = False
    format: str = ""
    by_id: str = ""
    """The feature of the stored query that each server has."""
    value: str | None = None
    """The property that GetPropertyValue asks for; None if it does not say."""
    body: Any = None


def read_parameters(parameters: Parameters, settings: Settings) -> Asked:
    """A call by parameters. Raises OwsException."""
    operation = parameters.text("REQUEST")
    if not operation:
        raise ows.missing("REQUEST")
    service = parameters.text("SERVICE", "" if operation == "GetCapabilities" else "WFS")
    if not service:
        raise ows.missing("SERVICE")
    if service != "WFS":
        raise OwsException("InvalidParameterValue", "SERVICE must be WFS.", "service")
    asked = Asked(operation, version_of(parameters, operation), parameters)
    if operation not in ("GetFeature", "GetPropertyValue", "GetFeatureWithLock"):
        return asked
    stored = parameters.text("STOREDQUERY_ID")
    if stored and stored not in _STORED_QUERIES:
        told = f"There is no stored query {stored[:80]!r}."
        raise OwsException("InvalidParameterValue", told, "STOREDQUERY_ID")
    if stored and not parameters.text("ID"):
        raise ows.missing("ID")
    with told_as("InvalidParameterValue", "count"):
        named = next((n for n in ("COUNT", "MAXFEATURES") if parameters.text(n)), None)
        count = parameters.integer(named) if named else None
    with told_as("InvalidParameterValue", "startIndex"):
        start = parameters.integer("STARTINDEX", 0)
    return Asked(
        operation,
        asked.version,
        parameters,
        () if stored else _wanted(parameters, settings),
        count,
        start,
        _is_hits(parameters.text("RESULTTYPE", "results")),
        parameters.text("OUTPUTFORMAT"),
        parameters.text("ID") if stored else "",
        parameters.values.get("VALUEREFERENCE"),
    )


def version_of(parameters: Parameters, operation: str) -> str:
    """The version to answer in. Raises OwsException for one that there is not."""
    accepted = [each for each in parameters.many("ACCEPTVERSIONS") if each]
    if operation == "GetCapabilities":
        wanted = accepted or [parameters.text("VERSION", NEW)]
        found = next((each for each in wanted if each in VERSIONS), None)
        if found is None and accepted:
            told = f"There are the versions {', '.join(VERSIONS)}."
            raise OwsException("VersionNegotiationFailed", told)
        # without a list of versions the nearest one is negotiated
        return found or (OLD if wanted[0] < OLD else NEW)
    version = parameters.text("VERSION", NEW)
    if version.startswith("2.0"):
        return NEW
    # QGIS writes by the oldest version, whichever it reads by
    if version not in VERSIONS and (operation, version) != ("Transaction", OLDEST):
        told = f"There are the versions {', '.join(VERSIONS)}."
        raise OwsException("InvalidParameterValue", told, "version")
    return version


def _is_hits(text: str) -> bool:
    if text.lower() not in ("results", "hits"):
        raise OwsException("InvalidParameterValue", "resultType is results or hits.", "resultType")
    return text.lower() == "hits"


def _groups(text: str) -> list[str]:
    """`(a)(b)`, one for each layer, or one without brackets for the only one."""
    return _GROUPS.findall(text) if text.startswith("(") else [text] if text else []


def _wanted(parameters: Parameters, settings: Settings) -> tuple[Wanted, ...]:
    named = parameters.text("TYPENAMES") or parameters.text("TYPENAME")
    ids = parameters.many("RESOURCEID") or parameters.many("FEATUREID")
    if not named and ids:
        named = ",".join(dict.fromkeys(each.partition(".")[0] for each in ids))
    if not named:
        raise ows.missing("typeNames")
    layers = [local(each) for group in _groups(named) for each in group.split(",")]
    filters = [_filter(each, settings) for each in _groups_of_filters(parameters.text("FILTER"))]
    properties = [each.split(",") for each in _groups(parameters.text("PROPERTYNAME"))]
    texts = parameters.text("CQL_FILTER").split(";")
    # of several layers each has its own ids; the only one has to have all of them
    own = {
        layer: tuple(each for each in ids if len(layers) == 1 or each.startswith(f"{layer}."))
        for layer in layers
    }
    each_of = {"FILTER": len(filters), "PROPERTYNAME": len(properties)}
    for name, number in each_of.items():
        if number not in (0, 1, len(layers)):
            told = f"{name} must be as many as typeNames."
            raise OwsException("InvalidParameterValue", told, name.lower())
    return tuple(
        Wanted(
            layer,
            tuple(local(name) for name in _at(properties, number, [])),
            _at(filters, number, None),
            own[layer],
            parameters.text("BBOX"),
            _sort(parameters.text("SORTBY")),
            parameters.text("SRSNAME"),
            _at(texts, number, ""),
        )
        for number, layer in enumerate(layers)
        if own[layer] or not ids
    )


def _groups_of_filters(text: str) -> list[str]:
    if text.startswith("("):
        return [each for each in re.split(r"\)\s*\(", text[1:-1]) if each]
    return [text] if text else []


def _at(values: Sequence[Any], number: int, otherwise: Any) -> Any:
    """What belongs to a layer: its own, or the only one there is."""
    if not values:
        return otherwise
    return values[number if len(values) > 1 else 0]


def _filter(text: str, settings: Settings) -> Any:
    with told_as("OperationParsingFailed", "filter"):
        return xml_reading.parse(text.encode(), settings.max_xml_bytes)


def _sort(text: str) -> tuple[tuple[str, bool], ...]:
    """`status DESC,ward A`, or with a plus or minus in front as some clients write it."""
    sorts = []
    for each in text.split(",") if text else []:
        name, _, order = each.strip().partition(" ")
        descends = order.strip().upper() in ("D", "DESC", "DESCENDING") or name.startswith("-")
        sorts.append((local(name.lstrip("+-")), descends))
    return tuple(sorts)


def read_xml(root: Any) -> Asked:
    """A call by XML. Raises OwsException."""
    operation = local(root.tag)
    version = root.get("version") or NEW
    if operation == "GetCapabilities":
        accepted = [each.text for each in root.iter("{*}Version") if each.text]
        values = {"ACCEPTVERSIONS": ",".join(accepted)} if accepted else {"VERSION": version}
        parameters = Parameters(values)
        return Asked(operation, version_of(parameters, operation), parameters)
    if root.get("service", "WFS") != "WFS":
        raise OwsException("InvalidParameterValue", "service must be WFS.", "service")
    parameters = Parameters({"VERSION": version})
    version = version_of(parameters, operation)
    if operation == "DescribeFeatureType":
        names = ",".join(each.text or "" for each in root.iter("{*}TypeName"))
        return Asked(operation, version, Parameters({"TYPENAMES": names} if names else {}))
    if operation not in ("GetFeature", "GetPropertyValue"):
        return Asked(operation, version, parameters, body=root)
    counted = root.get("count") or root.get("maxFeatures")
    numbers = Parameters({"COUNT": counted or "", "STARTINDEX": root.get("startIndex") or ""})
    with told_as("InvalidParameterValue", "count"):
        count = numbers.integer("COUNT") if counted else None
        start = numbers.integer("STARTINDEX", 0)
    stored = root.find("{*}StoredQuery")
    return Asked(
        operation,
        version,
        parameters,
        tuple(_query(each) for each in root.iterfind("{*}Query")) if stored is None else (),
        count,
        start,
        _is_hits(root.get("resultType") or "results"),
        root.get("outputFormat") or "",
        _by_id(stored) if stored is not None else "",
        root.get("valueReference"),
    )


def _by_id(stored: Any) -> str:
    name = stored.get("id") or ""
    if name not in _STORED_QUERIES:
        told = f"There is no stored query {name[:80]!r}."
        raise OwsException("InvalidParameterValue", told, "STOREDQUERY_ID")
    found = next((each for each in stored if (each.get("name") or "").lower() == "id"), None)
    if found is None or not (found.text or "").strip():
        raise ows.missing("ID")
    return str(found.text).strip()


def _query(element: Any) -> Wanted:
    named = element.get("typeNames") or element.get("typeName") or ""
    if not named:
        raise ows.missing("typeNames")
    properties = [*element.iterfind("{*}PropertyName"), *element.iterfind("{*}XlinkPropertyName")]
    sorts = [
        (local(each.findtext("{*}ValueReference") or each.findtext("{*}PropertyName") or ""),
         (each.findtext("{*}SortOrder") or "").upper().startswith("D"))
        for each in element.iterfind("{*}SortBy/{*}SortProperty")
    ]  # fmt: skip
    return Wanted(
        local(named),
        tuple(local(each.text or "") for each in properties),
        element.find("{*}Filter"),
        sort=tuple(sorts),
        srs=element.get("srsName") or "",
    )
