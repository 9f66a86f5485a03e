"""The discovery document: where a jurisdiction's API is served, and what has changed."""

from datetime import datetime

from open311 import wire
from open311.codecs import FORMATS
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
# XML first: it is the one that every endpoint must have
_FORMATS = sorted((each.media_type.partition(";")[0] for each in FORMATS.values()), reverse=True)


def discover(
    settings: Settings, jurisdictions: list[Jurisdiction], only: Jurisdiction | None = None
) -> wire.Discovery:
    """The document of one jurisdiction, or of the whole installation.

    A test endpoint is a jurisdiction of its own whose `test_of` names the real one.
    """
    wanted = [j for j in jurisdictions if only is None or only.jurisdiction_id in _real(j)]
    endpoints = [_endpoint(settings, jurisdiction) for jurisdiction in wanted]
    changeset = max((j.changeset for j in wanted), default=_EPOCH)
    if only is None:
        shared = f"{settings.address}/open311/v2"
        endpoints.insert(0, wire.Endpoint(SPECIFICATION, shared, changeset, "production", _FORMATS))
    prefix = f"/{only.jurisdiction_id}" if only else ""
    return wire.Discovery(
        changeset=changeset,
        contact=only.contact if only else f"{settings.address}/",
        key_service=f"{settings.address}/open311{prefix}/key" if only else f"{settings.address}/",
        endpoints=endpoints,
    )


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")


def _real(jurisdiction: Jurisdiction) -> tuple[str | None, ...]:
    return jurisdiction.jurisdiction_id, jurisdiction.test_of


def _endpoint(settings: Settings, jurisdiction: Jurisdiction) -> wire.Endpoint:
    return wire.Endpoint(
        specification=SPECIFICATION,
        url=f"{settings.address}/open311/{jurisdiction.jurisdiction_id}/v2",
        changeset=jurisdiction.changeset,
        type="test" if jurisdiction.test_of else "production",
        formats=_FORMATS,
    )
