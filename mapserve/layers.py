"""The layers that maps draw: a new one is one entry, and every service then has it.

Beside them each city has its published datasets.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mapserve import boundaries, datasets
from mapserve.drawing import WORLD_ZOOM, Layer
from mapserve.features import hexagons, requests
from mapserve.features.source import Reading
from mapserve.hex_tiles import FIELDS as HEX_FIELDS
from mapserve.hex_tiles import MAX_ZOOM as HEX_ZOOM
from mapserve.hex_tiles import draw_hexes, find_hexes
from mapserve.points import FIELDS as REQUEST_FIELDS
from mapserve.points import draw_requests, find_requests
from open311.context import Context
from open311.db import Database
from open311.errors import NotFound
from open311.jurisdictions import Jurisdiction

LAYERS = {
    layer.name: layer
    for layer in (
        boundaries.layer(
            "boundaries",
            "Municipalities",
            "Municipalities, and the countries around",
            ("municipality", "country"),
            0,
        ),
        boundaries.layer("wards", "Wards", "Wards of the municipality", ("ward",), 9),
        Layer(
            "requests",
            "Service requests",
            "Points where there are few enough of them, hexagons at lower zooms",
            REQUEST_FIELDS,
            draw_requests,
            find_requests,
            WORLD_ZOOM,
            truncates=True,
            source=requests.SOURCE,
        ),
        Layer(
            "hexes",
            "Requests by hexagon",
            "H3 hexagons with the number of requests, at every zoom",
            HEX_FIELDS,
            draw_hexes,
            find_hexes,
            HEX_ZOOM,
            source=hexagons.SOURCE,
        ),
    )
}


async def find_all(maps: Database, city: Jurisdiction, names: str) -> list[Layer]:
    """The layers of a comma-separated list, each once. Raises NotFound."""
    wanted = names.split(",")
    if len(set(wanted)) < len(wanted):
        raise NotFound("Each layer can be named once.")
    if all(name in LAYERS for name in wanted):
        return [LAYERS[name] for name in wanted]
    there = {layer.name: layer for layer in await list_all(maps, city)}
    for name in wanted:
        if name not in there:
            raise NotFound(f"There is no layer {name[:60]!r}; there are {', '.join(there)}.")
    return [there[name] for name in wanted]


async def list_features(maps: Database, city: Jurisdiction) -> list[Layer]:
    """The layers whose features are shown one by one: not of requests, where hexagons hide them."""
    return [layer for layer in await list_all(maps, city) if _may_be_read(layer, city)]


async def find_features(maps: Database, city: Jurisdiction, name: str) -> Layer:
    """A layer whose features are shown one by one. Raises NotFound."""
    (layer,) = await find_all(maps, city, name)
    if not _may_be_read(layer, city):
        raise NotFound(f"{city.name} shows no single requests: see the layer hexes.")
    return layer


def _may_be_read(layer: Layer, city: Jurisdiction) -> bool:
    return city.settings.hex_minimum == 1 or not layer.source.tells_requests


@asynccontextmanager
async def opened(context: Context, city: Jurisdiction, layer: Layer) -> AsyncIterator[Reading]:
    """The features of a layer, in one transaction. Raises Busy."""
    async with context.maps.begin(city.jurisdiction_id) as connection:
        yield Reading(connection, city, context.settings, layer.source)


async def list_all(maps: Database, city: Jurisdiction) -> list[Layer]:
    """The layers of a city: those that all have, then the datasets that it publishes, by name."""
    async with maps.begin(city.jurisdiction_id) as connection:
        published = await datasets.list_all(connection, city.jurisdiction_id)
    return [*LAYERS.values(), *map(datasets.layer_of, published)]
