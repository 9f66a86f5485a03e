"""The format of a catalogue, one jurisdiction with its services in YAML, and how it is checked.

`docs/catalogue.md` describes it for those who write one.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import shapely
import yaml
from msgspec import UNSET, Meta, Struct
from shapely.geometry import MultiPolygon

from geo.boundaries import read_area
from open311 import wire
from open311.errors import BadInput
from open311.jurisdictions import JurisdictionSettings

RESERVED = frozenset({"v2", "discovery"})

# What the patterns below say, for people. A comma would end a code in the lists of codes that
# filters take; a bracket, in `attribute[CODE]`.
_ID = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
_LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$"
_CODE = r"^[^\s,\x00-\x1f]([^,\x00-\x1f]*[^\s,\x00-\x1f])?$"
_ATTRIBUTE_CODE = r"^[^\s\[\]\x00-\x1f]([^\[\]\x00-\x1f]*[^\s\[\]\x00-\x1f])?$"
_MEANINGS = {
    _ID: "a jurisdiction_id is a host name in small letters, like city.gov.za",
    _LANGUAGE: "a language is a code like en or pt-BR",
    _CODE: "codes and keywords have no commas, and no blanks at their ends",
    _ATTRIBUTE_CODE: "the code of an attribute has no brackets, and no blanks at its ends",
}

_Code = Annotated[str, Meta(pattern=_CODE, max_length=100)]
_AttributeCode = Annotated[str, Meta(pattern=_ATTRIBUTE_CODE, max_length=100)]
_Keyword = Annotated[str, Meta(pattern=_CODE)]
_Line = Annotated[str, Meta(min_length=1, max_length=500)]
_Long = Annotated[float, Meta(ge=-180, le=180)]
_Lat = Annotated[float, Meta(ge=-90, le=90)]
_LISTS = (wire.Datatype.SINGLEVALUELIST, wire.Datatype.MULTIVALUELIST)


class Value(Struct, frozen=True, forbid_unknown_fields=True):
    """One choice of a list attribute."""

    key: _Line
    name: _Line


class Attribute(Struct, frozen=True, forbid_unknown_fields=True):
    """A question that a service asks; its order is its place in the file."""

    code: _AttributeCode
    description: _Line
    datatype: wire.Datatype
    required: bool = False
    variable: bool = True
    datatype_description: str | None = None
    values: list[Value] = []

    def __post_init__(self) -> None:
        if self.datatype in _LISTS and not self.values:
            raise ValueError(f"a {self.datatype} needs values")
        if self.datatype not in _LISTS and self.values:
            raise ValueError(f"a {self.datatype} has no values; only lists have")
        if self.required and not self.variable:
            raise ValueError("an attribute that is only a text (variable: false) is never required")

    def on_the_wire(self, order: int) -> wire.Attribute:
        """The attribute as clients see it."""
        return wire.Attribute(
            variable=self.variable,
            code=self.code,
            datatype=self.datatype,
            required=self.required,
            datatype_description=self.datatype_description,
            order=order,
            description=self.description,
            values=[wire.Value(v.key, v.name) for v in self.values] or UNSET,
        )


class Service(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of request that the jurisdiction takes."""

    service_code: _Code
    service_name: _Line
    description: str = ""
    group: str = ""
    keywords: list[_Keyword] = []
    type: wire.ServiceType = wire.ServiceType.REALTIME
    attributes: list[Attribute] = []
    sla_hours: Annotated[int, Meta(ge=1)] | None = None
    duplicate_metres: Annotated[int, Meta(ge=1, le=5000)] | None = None
    duplicate_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    """How near and how recent an open request of it is a possible duplicate; else as for all."""
    sensitive: bool = False
    active: bool = True
    """Not active: kept for the requests it has, but nobody can file new ones."""
    agency_responsible: str | None = None
    service_notice: str | None = None
    team: str | None = None


class Team(Struct, frozen=True, forbid_unknown_fields=True):
    """Who does the work: which services, where, and from which base. Empty lists: all of them."""

    team: _Code
    name: _Line
    services: list[_Code] = []
    groups: list[_Line] = []
    areas: list[_Code] = []
    """Codes of boundaries of kinds service-area and suburb."""
    wards: list[_Code] = []
    base: tuple[_Long, _Lat] | None = None
    active: bool = True


class Catalogue(Struct, frozen=True, forbid_unknown_fields=True):
    """A jurisdiction with its services and teams, checked."""

    jurisdiction_id: Annotated[str, Meta(pattern=_ID, max_length=200)]
    name: _Line
    time_zone: str
    languages: Annotated[list[Annotated[str, Meta(pattern=_LANGUAGE)]], Meta(min_length=1)]
    services: list[Service]
    teams: list[Team] = []
    contact: str = ""
    municipality: _Code | None = None
    """Code of its boundary of kind municipality, by which its places and addresses are known."""
    boundary: MultiPolygon | None = None
    settings: JurisdictionSettings = JurisdictionSettings()


class _Box(Struct, frozen=True, forbid_unknown_fields=True):
    bbox: Annotated[list[float], Meta(min_length=4, max_length=4)]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    file: str
    code: str | None = None


class _Refused(Exception):
    """Something in a file is wrong: where, as keys and indexes from the top, and what."""

    def __init__(self, place: list[str | int], reason: str) -> None:
        super().__init__(reason)
        self.place = place


def read(path: Path) -> Catalogue:
    """Read and check a catalogue. Raises BadInput with `file:line: reason` for the first fault."""
    try:
        tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"{path}:{line}: {error.problem}") from None
    try:
        return _check(_convert(_plain(tree, []), path.parent))
    except _Refused as refused:
        raise BadInput(f"{path}:{_line(tree, refused.place)}: {refused}") from None


def _plain(node: yaml.Node | None, place: list[str | int]) -> Any:
    """The tree as dicts, lists and texts: what a text means is the field's type to say.

    So a code `007` keeps its zeros and the language `no` is not false.
    """
    match node:
        case yaml.MappingNode():
            plain: dict[str, Any] = {}
            for key, value in node.value:
                if key.value in plain:
                    raise _Refused([*place, key.value], f"{key.value} stands here twice")
                plain[key.value] = _plain(value, [*place, key.value])
            return plain
        case yaml.SequenceNode():
            return [_plain(value, [*place, i]) for i, value in enumerate(node.value)]
        case yaml.ScalarNode(tag="tag:yaml.org,2002:null") | None:
            return None
        case _:
            return node.value


def _line(node: yaml.Node | None, place: list[str | int]) -> int:
    """The line that a place stands on, or the nearest thing around it."""
    line = node.start_mark.line + 1 if node else 1
    for step in place:
        entries: list[Any] = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            # the last: of two equal keys, that is the one too many
            entries = [(key, value) for key, value in entries if key.value == step][-1:]
            if not entries:
                break
            line, node = entries[0][0].start_mark.line + 1, entries[0][1]
        elif isinstance(step, int) and step < len(entries):
            node = entries[step]
            line = node.start_mark.line + 1
    return line


def _convert(document: Any, folder: Path) -> Catalogue:
    def hook(kind: type, value: Any) -> Any:
        if kind is MultiPolygon:
            return _boundary(value, folder)
        raise NotImplementedError(kind)

    try:
        return msgspec.convert(document, Catalogue, strict=False, dec_hook=hook)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        place: list[str | int] = [
            int(index) if index else name for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", where)
        ]
        unknown = re.search(r"unknown field `(.+)`", reason)
        if unknown:
            place.append(unknown[1])
        meant = [words for pattern, words in _MEANINGS.items() if repr(pattern) in reason]
        raise _Refused(place, meant[0] if meant else reason) from None


def _boundary(value: Any, folder: Path) -> MultiPolygon:
    """The area that a catalogue names: a box, or the features of a file. Raises ValueError."""
    if isinstance(value, Mapping) and "bbox" in value:
        west, south, east, north = msgspec.convert(value, _Box, strict=False).bbox
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise ValueError("bbox is [west, south, east, north] in degrees")
        return MultiPolygon([shapely.box(west, south, east, north)])
    source = msgspec.convert(value, _File)
    return read_area(folder / source.file, source.code)


def _check(catalogue: Catalogue) -> Catalogue:
    """Check what spans several fields. Raises _Refused."""
    for place, reason in _faults(catalogue):
        raise _Refused(place, reason)
    return catalogue


def _faults(catalogue: Catalogue) -> Iterator[tuple[list[str | int], str]]:
    name = catalogue.jurisdiction_id
    if name in RESERVED or name.startswith("test."):
        yield ["jurisdiction_id"], f"{name} is a name that the server keeps for itself"
    try:
        ZoneInfo(catalogue.time_zone)
    except (KeyError, OSError, ValueError):
        yield ["time_zone"], f"{catalogue.time_zone} is no time zone of the tz database"
    codes = [service.service_code for service in catalogue.services]
    yield from _repeated(["services"], "service_code", codes)
    for i, service in enumerate(catalogue.services):
        place: list[str | int] = ["services", i, "attributes"]
        yield from _repeated(place, "code", [a.code for a in service.attributes])
        for j, attribute in enumerate(service.attributes):
            keys = [value.key for value in attribute.values]
            yield from _repeated([*place, j, "values"], "key", keys)
    yield from _team_faults(catalogue)
    for category, code in catalogue.settings.categories.items():
        if code not in codes:
            yield ["settings", "categories", category], f"{code} is no service of this catalogue"


def _team_faults(catalogue: Catalogue) -> Iterator[tuple[list[str | int], str]]:
    yield from _repeated(["teams"], "team", [team.team for team in catalogue.teams])
    known = {
        "services": {service.service_code for service in catalogue.services},
        "groups": {service.group for service in catalogue.services},
    }
    for i, team in enumerate(catalogue.teams):
        for field, names in known.items():
            for j, name in enumerate(getattr(team, field)):
                if name not in names:
                    yield ["teams", i, field, j], f"{name} is none of the {field} of this catalogue"


def _repeated(
    place: list[str | int], field: str, values: list[str]
) -> Iterator[tuple[list[str | int], str]]:
    for i, value in enumerate(values):
        if value in values[:i]:
            yield [*place, i, field], f"{field} {value} stands here twice"
