"""GeoReport v2 on the wire: one struct for each thing that the standard names.

Field names and their order are the standard's (https://wiki.open311.org/GeoReport_v2). An absent
optional value is present as null, because strict clients need every key; what the standard says
may be left out, and extensions that were not asked for, are UNSET.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType


class PublicStatus(StrEnum):
    """What everybody sees of a request's progress."""

    OPEN = "open"
    CLOSED = "closed"


class ServiceType(StrEnum):
    """How soon a filed request gets its id: at once, later by a token, or never."""

    REALTIME = "realtime"
    BATCH = "batch"
    BLACKBOX = "blackbox"


class Datatype(StrEnum):
    """The kinds of answers to a service's attribute."""

    STRING = "string"
    NUMBER = "number"
    DATETIME = "datetime"
    TEXT = "text"
    SINGLEVALUELIST = "singlevaluelist"
    MULTIVALUELIST = "multivaluelist"


class Error(Struct, frozen=True):
    """One thing that is wrong, in words for the user."""

    code: int
    description: str


class Endpoint(Struct, frozen=True):
    """One place where the API is served."""

    specification: str
    url: str
    changeset: datetime
    type: str
    formats: list[str]


class Discovery(Struct, frozen=True):
    """The service discovery document."""

    changeset: datetime
    contact: str
    key_service: str
    endpoints: list[Endpoint]


class Service(Struct, frozen=True):
    """A kind of request that a jurisdiction takes."""

    service_code: str
    service_name: str
    description: str
    metadata: bool
    type: ServiceType
    keywords: str
    group: str


class Value(Struct, frozen=True):
    """One choice of a list attribute."""

    key: str
    name: str


class Attribute(Struct, frozen=True):
    """A question that a service asks, or, if not `variable`, a text that it shows."""

    variable: bool
    code: str
    datatype: Datatype
    required: bool
    datatype_description: str | None
    order: int
    description: str
    values: list[Value] | UnsetType = UNSET


class ServiceDefinition(Struct, frozen=True):
    """The attributes of one service."""

    service_code: str
    attributes: list[Attribute]


class Receipt(Struct, frozen=True):
    """The answer to a filed request: its id, or a token, or (blackbox) neither."""

    service_request_id: str | UnsetType = UNSET
    token: str | UnsetType = UNSET
    service_notice: str | None = None
    account_id: str | None = None


class Token(Struct, frozen=True):
    """What became of a token; the id is null until the request is processed."""

    service_request_id: str | None
    token: str


class Answer(Struct, frozen=True):
    """One attribute's answer in a request's extended block."""

    code: str
    label: str
    name: str
    value: str


class Note(Struct, frozen=True):
    """One step of a request's history."""

    datetime: datetime
    type: str
    summary: str
    description: str | None


class ExtendedAttributes(Struct, frozen=True):
    """What `extensions=true` adds to a request."""

    channel: str
    detailed_status: str
    ward: str | None
    closed_datetime: datetime | None
    parent_service_request_id: str | None
    media_urls: list[str]


class Request(Struct, frozen=True):
    """A service request as everybody may see it."""

    service_request_id: str
    status: PublicStatus
    status_notes: str | None
    service_name: str
    service_code: str
    description: str | None
    agency_responsible: str | None
    service_notice: str | None
    requested_datetime: datetime
    updated_datetime: datetime
    expected_datetime: datetime | None
    address: str | None
    address_id: str | None
    zipcode: str | None
    lat: float | None
    long: float | None
    media_url: str | None
    extended_attributes: ExtendedAttributes | UnsetType = UNSET
    attributes: list[Answer] | UnsetType = UNSET
    notes: list[Note] | UnsetType = UNSET
    distance: float | UnsetType = UNSET


class RequestUpdate(Struct, frozen=True):
    """One update of a request (FixMyStreet's extension)."""

    update_id: str
    service_request_id: str
    status: str
    updated_datetime: datetime
    description: str | None
    media_url: str | None


class UpdateReceipt(Struct, frozen=True):
    """The answer to a posted update."""

    update_id: str


class BulkRequest(Struct, frozen=True):
    """One row of GeoReport Bulk; the order is that of its columns."""

    service_request_id: str
    requested_datetime: datetime
    updated_datetime: datetime
    closed_date: datetime | None
    status_description: str
    status_notes: str | None
    source: str
    service_name: str
    service_subtype: str | None
    description: str | None
    agency_responsible: str | None
    address: str | None
    lat: float | None
    long: float | None
