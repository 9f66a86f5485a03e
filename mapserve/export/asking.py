"""What of a layer is exported, as a query string and a file's name tell."""

from zoneinfo import ZoneInfo

from msgspec import structs

from mapserve.drawing import Layer
from mapserve.export.formats import FORMATS, Format
from mapserve.features.crs import CRS84
from mapserve.features.reading import cursor_behind
from mapserve.ogcapi import asking
from mapserve.ogcapi.asking import Asked
from open311.errors import BadInput, NotFound
from open311.forms import Fields
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

BEHIND = "after_id"
"""Names the feature behind which to go on."""

_PAGING = ("limit", "after", "resultType", "f")


def read_name(name: str) -> tuple[str, Format]:
    """The layer of a file called `requests.gpkg`, and its format. Raises NotFound."""
    layer, _, extension = name.partition(".")
    if extension not in FORMATS:
        raise NotFound(f"Layers are exported as {', '.join(FORMATS)}.")
    return layer, FORMATS[extension]


def read(
    fields: Fields, layer: Layer, city: Jurisdiction, chosen: Format, settings: Settings
) -> Asked:
    """What is asked for; all of it, but behind the feature that came last where that is named.

    Raises BadInput.
    """
    behind = fields.text(BEHIND)
    known = {name: values for name, values in fields.values.items() if name != BEHIND}
    for name in known:
        if name in _PAGING:
            raise BadInput(f"An export is whole: {name} is of pages.")
    asked = asking.read(Fields(known), layer.source, ZoneInfo(city.time_zone), settings)
    if chosen.degrees_only and asked.crs != CRS84:
        raise BadInput(f"{chosen.title} is in degrees.")
    if behind is not None:
        if not chosen.continues or asked.query.sort:
            raise BadInput(f"{BEHIND} goes with lines in their own order: ndjson and csv.")
        after = cursor_behind(behind)
        return structs.replace(asked, query=structs.replace(asked.query, limit=None, after=after))
    return structs.replace(asked, query=structs.replace(asked.query, limit=None))
