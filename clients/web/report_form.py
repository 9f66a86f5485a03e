"""What a person has told in the report form so far: read, and checked field by field."""

import unicodedata
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from open311 import (
    dates,
    identifiers,
    jurisdictions,
    new_request,
    presentation,
    reporters,
    search,
    services,
    wire,
)
from open311.context import Context
from open311.errors import BadInput
from open311.forms import Fields
from open311.jurisdictions import Jurisdiction
from open311.new_request import Place
from open311.services import Service
from open311.settings import Settings

CONTACT = ("first_name", "email", "phone")
_PLACE = ("lat", "long", "address_string", "address_id")
_REPORTED = frozenset({"service_code", "description", *_PLACE, *CONTACT})
_MOST_DUPLICATES = 5
_FORM_KEY_LENGTH = len(identifiers.long())


class Fault(Struct, frozen=True):
    """What is wrong with a field, as a key of the translations, or in the server's own words."""

    field: str
    key: str
    values: Mapping[str, Any] = {}


class Report(Struct, frozen=True):
    """A report so far: all that was typed, and what of place and service is clear."""

    fields: Fields
    form_key: str
    """Makes one report of however many tries."""
    place: Place | None
    service: Service | None
    faults: list[Fault]

    @property
    def step(self) -> str:
        """What is asked next: place, service or details; or, on request, an earlier one again."""
        wanted = self.fields.text("step")
        if self.place is None or wanted == "place":
            return "place"
        return "service" if self.service is None or wanted == "service" else "details"


async def read(context: Context, city: Jurisdiction, fields: Fields) -> Report:
    """Read place and service; what is not there yet is None, and no fault."""
    place, faults = _read_place(fields)
    code = fields.text("service_code")
    async with context.db.begin(city.jurisdiction_id) as connection:
        service = (await services.catalogue(connection, city)).get(code) if code else None
        if place and _may_lie_outside(city, place):
            where = (place.lat or 0.0, place.long or 0.0)
            if not await jurisdictions.covers(connection, city.jurisdiction_id, *where):
                outside = Fault("address_string", "report.wrong.outside", {"city": city.name})
                place, faults = None, [outside]
    if code and service is None:
        faults.append(Fault("q", "report.wrong.service"))
    files = [upload for upload in fields.files if upload.content]  # browsers send an empty one
    typed = Fields(fields.values, _with_points(service, fields.attributes), files)
    return Report(typed, _form_key(fields), place, service, faults)


def _read_place(fields: Fields) -> tuple[Place | None, list[Fault]]:
    if not any(fields.text(name) for name in _PLACE):
        return None, []
    try:
        return new_request.read_place(fields), []
    except BadInput:
        return None, [Fault("address_string", "report.wrong.place")]


def _may_lie_outside(city: Jurisdiction, place: Place) -> bool:
    return place.lat is not None and city.settings.outside_boundary == "reject"


def check(report: Report, city: Jurisdiction, settings: Settings) -> list[Fault]:
    """Everything that is wrong with a report that is to be sent, in the order of the form."""
    faults = list(report.faults)
    if report.place is None and not faults:
        faults.append(Fault("address_string", "report.wrong.place_missing"))
    if report.service is None:
        return faults or [Fault("q", "report.wrong.service")]
    zone = ZoneInfo(city.time_zone)
    faults += _check_answers(report.service, report.fields.attributes, zone)
    return [*faults, *_check_rest(report.fields, settings)]


def _check_answers(
    service: Service, answers: dict[str, list[str]], zone: ZoneInfo
) -> Iterator[Fault]:
    """The server's own judgement, one question at a time."""
    for attribute in service.attributes:
        alone = msgspec.structs.replace(service, attributes=[attribute])
        given = answers.get(attribute.code, [])
        _, wrong = services.check_answers(alone, {attribute.code: given}, zone)
        if wrong:
            kind = attribute.datatype.value if given else "required"
            label = {"label": attribute.description}
            yield Fault(f"attribute-{attribute.code}", f"report.wrong.{kind}", label)


def _check_rest(fields: Fields, settings: Settings) -> Iterator[Fault]:
    try:
        new_request.read_description(fields, settings)
    except BadInput:
        most = {"most": settings.max_description}
        yield Fault("description", "report.wrong.description", most)
    for name in CONTACT:
        try:
            reporters.read_contact({name: fields.values.get(name, [""])})
        except BadInput:
            yield Fault(name, f"report.wrong.{name}")
    if len(fields.files) > settings.max_media_files:
        yield Fault("photo", "report.wrong.photos", {"most": settings.max_media_files})


def told(problem: BadInput, fields: Fields) -> list[Fault]:
    """What only the server could see when it took the report: a photo that is none, mostly."""
    names = [repr(upload.filename[:80]) for upload in fields.files]
    return [
        Fault("photo", "report.wrong.photo", {"name": name.strip("'\"")})
        if (name := next((name for name in names if sentence.startswith(name)), ""))
        else Fault("form", "report.wrong.said", {"sentence": sentence})
        for sentence in problem.descriptions
    ]


def to_file(report: Report) -> Fields:
    """The report as a client of the API would send it, without what only the form knows."""
    fields = report.fields
    values = {name: fields.values[name] for name in sorted(_REPORTED & fields.values.keys())}
    return Fields(values, fields.attributes, fields.files)


def _with_points(service: Service | None, answers: dict[str, list[str]]) -> dict[str, list[str]]:
    """Numbers as the API reads them: people here write 2,5."""
    numbers = {
        attribute.code
        for attribute in (service.attributes if service else ())
        if attribute.datatype is wire.Datatype.NUMBER
    }
    return {
        code: [value.replace(",", ".", 1) for value in values] if code in numbers else values
        for code, values in answers.items()
    }


def _form_key(fields: Fields) -> str:
    """The key that came with the form; a new one for a new form."""
    given = fields.text("form_key") or ""
    known = len(given) == _FORM_KEY_LENGTH and set(given) <= set(identifiers.ALPHABET)
    return given if known else identifiers.long()


def groups(catalogue: services.Catalogue, wanted: str | None) -> list[tuple[str, list[Service]]]:
    """The services by group, of those that have every word of the question in them somewhere."""
    words = _plain(wanted or "").split()
    found = [
        service
        for service in catalogue.values()
        if all(word in findable(service) for word in words)
    ]
    found.sort(key=lambda service: service.group)
    return [(group, list(members)) for group, members in groupby(found, key=lambda s: s.group)]


def findable(service: Service) -> str:
    """All words of a service that people may look for it by, in small letters without accents."""
    words = (service.service_name, service.description, service.group, *service.keywords)
    return _plain(" ".join(words))


def _plain(words: str) -> str:
    parts = unicodedata.normalize("NFKD", words.casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


async def find_duplicates(
    context: Context, city: Jurisdiction, report: Report
) -> list[wire.Request]:
    """Open requests of the same service near the place, nearest first; none without a point."""
    place, service, settings = report.place, report.service, context.settings
    if place is None or place.lat is None or place.long is None or service is None:
        return []
    metres, span = services.duplicates_within(service, settings)
    circle, since = search.Circle(place.lat, place.long, metres), dates.now() - span
    async with context.db.begin(city.jurisdiction_id) as connection:
        rows = await search.find_nearby(
            connection, city.jurisdiction_id, circle, service.service_code, since
        )
    return presentation.present_nearby(settings, rows[:_MOST_DUPLICATES])
