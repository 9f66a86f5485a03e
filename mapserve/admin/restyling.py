"""Give a published layer the style of a file."""

from zoneinfo import ZoneInfo

from mapserve import datasets
from mapserve.admin import changes, looks
from mapserve.admin.changes import Changes
from open311.db import Database
from open311.errors import NotFound
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings


async def restyle(
    db: Database, settings: Settings, city: Jurisdiction, name: str, body: bytes, actor: str
) -> list[str]:
    """Draw a layer in the style of a file, SLD or MapLibre; what is drawn otherwise is returned.

    Raises BadInput that says where, TooLarge and NotFound.
    """
    async with db.begin(city.jurisdiction_id) as connection:
        found = await datasets.find(connection, city.jurisdiction_id, name)
    if found is None:
        raise NotFound(f"{city.name} has published no layer {name[:60]!r}.")
    layer, zone = datasets.layer_of(found), ZoneInfo(city.time_zone)
    style = looks.read_file(body, layer, zone, settings)
    await changes.change(db, city.jurisdiction_id, name, Changes(style=style.layers), actor)
    return style.notes
