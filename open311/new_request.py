"""Read a new request out of what a client sent, and tell everything that is wrong at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from open311.errors import BadInput
from open311.forms import Fields, parse_number
from open311.remote_media import acceptable
from open311.reporters import Contact, read_contact
from open311.settings import Settings

_LONGEST_ADDRESS = 1000
_BOUNDS = {"lat": 90.0, "long": 180.0}


class Faults(list[str]):
    """What is wrong so far; told together at the end."""

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Note a BadInput and go on with the next field."""
        try:
            yield
        except BadInput as error:
            self.extend(error.descriptions)

    def tell(self) -> None:
        """Raise one BadInput with every fault, if there is any."""
        if self:
            raise BadInput(*self)


class Place(Struct, frozen=True):
    """Where: degrees (WGS84, both or neither), an address in words, or a known address's id."""

    lat: float | None
    long: float | None
    address_string: str | None
    address_id: str | None


class NewRequest(Struct, frozen=True):
    """A report as filed."""

    description: str | None
    place: Place
    media_urls: list[str]
    contact: Contact


def read(fields: Fields, settings: Settings, faults: Faults) -> NewRequest:
    """Check each field by itself; what is wrong goes to `faults`, and the result is then void."""
    place, contact, media_urls = Place(None, None, None, None), Contact(), []
    with faults.collect():
        place = read_place(fields)
    with faults.collect():
        contact = read_contact(fields.values)
    with faults.collect():
        media_urls = read_media_urls(fields, settings)
    description = None
    with faults.collect():
        description = read_description(fields, settings)
    return NewRequest(description, place, media_urls, contact)


def read_description(fields: Fields, settings: Settings) -> str | None:
    """The description, counted in characters. Raises BadInput for one that is too long."""
    description = fields.text("description")
    if description and len(description) > settings.max_description:
        raise BadInput(f"description is longer than {settings.max_description} characters.")
    return description


def read_media_urls(fields: Fields, settings: Settings) -> list[str]:
    """The addresses of photos that a client names. Raises BadInput for a bad one or too many."""
    urls = [acceptable(url) for url in fields.values.get("media_url", [])]
    if len(urls) > settings.max_media_files:
        raise BadInput(f"More than {settings.max_media_files} media_url.")
    return urls


def read_place(fields: Fields) -> Place:
    """The place of a report. Raises BadInput when it is missing, incomplete or out of bounds."""
    lat, long = read_point(fields)
    address, address_id = fields.text("address_string"), fields.text("address_id")
    if lat is None and not (address or address_id):
        raise BadInput("A place is missing: lat and long, address_string, or address_id.")
    for name, value in (("address_string", address), ("address_id", address_id)):
        if value and len(value) > _LONGEST_ADDRESS:
            raise BadInput(f"{name} is longer than {_LONGEST_ADDRESS} characters.")
    return Place(lat, long, address, address_id)


def read_point(fields: Fields) -> tuple[float | None, float | None]:
    """lat and long in degrees, or None for both. Raises BadInput for one alone or out of bounds."""
    lat, long = _degrees(fields, "lat"), _degrees(fields, "long")
    if (lat is None) != (long is None):
        raise BadInput("lat and long must be given together.")
    return lat, long


def _degrees(fields: Fields, name: str) -> float | None:
    text = fields.text(name)
    if text is None:
        return None
    try:
        value = parse_number(text)
    except ValueError:
        raise BadInput(f"{name} must be a number of degrees; {text[:40]!r} is not.") from None
    if abs(value) > _BOUNDS[name]:
        raise BadInput(f"{name} must lie between -{_BOUNDS[name]:g} and {_BOUNDS[name]:g}.")
    return value
