"""The layers that maps draw: a new one is one entry, and every service then has it.

Beside them each city has its published datasets.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mapserve import boundaries, datasets, staff_requests
from mapserve.drawing import WORLD_ZOOM, Layer
from mapserve.features import hexagons, requests
from mapserve.features.source import Reading
from mapserve.hex_tiles import FIELDS as HEX_FIELDS
from mapserve.hex_tiles import MAX_ZOOM as HEX_ZOOM
from mapserve.hex_tiles import draw_hexes, find_hexes
from mapserve.points import FIELDS as REQUEST_FIELDS
from mapserve.points import draw_requests, find_requests
from open311 import accounts, audit
from open311.accounts import Account, Role
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


STAFF = {layer.name: layer for layer in (staff_requests.LAYER,)}
"""Those that every city has for its staff."""
READERS = (Role.MANAGER, Role.ANALYST)
"""Who reads the layers of the staff."""


async def list_all(
    context: Context, city: Jurisdiction, account: Account | None = None
) -> list[Layer]:
    """The layers of a city that an account may read, or everybody: those of all, then its own."""
    layers = await list_public(context.maps, city)
    if account is not None and account.may(city.jurisdiction_id, *READERS):
        layers += await _of_staff(context, city)
    return layers


async def list_public(maps: Database, city: Jurisdiction) -> list[Layer]:
    """The layers that everybody may read: those that all cities have, then published datasets."""
    async with maps.begin(city.jurisdiction_id) as connection:
        published = await datasets.list_all(connection, city.jurisdiction_id)
    return [*LAYERS.values(), *map(datasets.layer_of, published)]


async def _of_staff(context: Context, city: Jurisdiction) -> list[Layer]:
    async with context.db.begin(city.jurisdiction_id) as connection:
        known = await datasets.list_all(connection, city.jurisdiction_id)
    private = [datasets.layer_of(each) for each in known if each.access == "staff"]
    return [*STAFF.values(), *private]


async def find_all(
    context: Context, city: Jurisdiction, names: str, account: Account | None = None
) -> list[Layer]:
    """The layers of a comma-separated list, each once. It is logged who uses those of the staff.

    Raises NotFound; Unauthorized and Forbidden for layers of the staff.
    """
    wanted = names.split(",")
    if all(name in LAYERS for name in wanted):
        return pick(list(LAYERS.values()), wanted)
    public = await list_public(context.maps, city)
    if {layer.name for layer in public}.issuperset(wanted):
        return pick(public, wanted)
    staff = await _of_staff(context, city)
    for layer in staff:
        if layer.name in wanted:
            using = accounts.require(account, city.jurisdiction_id, *READERS)
            await audit.record(context.db, city.jurisdiction_id, using, layer.name)
    return pick([*public, *staff], wanted)


def pick(layers: Sequence[Layer], wanted: Sequence[str]) -> list[Layer]:
    """Those of some names, in their order, each once. Raises NotFound."""
    if len(set(wanted)) < len(wanted):
        raise NotFound("Each layer can be named once.")
    there = {layer.name: layer for layer in layers}
    for name in wanted:
        if name not in there:
            raise NotFound(f"There is no layer {name[:60]!r}.")
    return [there[name] for name in wanted]


async def list_features(
    context: Context, city: Jurisdiction, account: Account | None = None
) -> list[Layer]:
    """The layers whose features are shown one by one: not of requests, where hexagons hide them."""
    return [layer for layer in await list_all(context, city, account) if _may_be_read(layer, city)]


async def find_features(
    context: Context, city: Jurisdiction, name: str, account: Account | None = None
) -> Layer:
    """A layer whose features are shown one by one.

    Raises NotFound; Unauthorized and Forbidden for a layer of the staff.
    """
    (layer,) = await find_all(context, city, name, account)
    if not _may_be_read(layer, city):
        raise NotFound(f"{city.name} shows no single requests: see the layer hexes.")
    return layer


def _may_be_read(layer: Layer, city: Jurisdiction) -> bool:
    is_single = layer.source.tells_requests and layer.access == "public"
    return city.settings.hex_minimum == 1 or not is_single


def role_of(context: Context, layers: Sequence[Layer]) -> Database:
    """The connections that layers are read by: the map role cannot see what is not public."""
    return context.maps if all(layer.access == "public" for layer in layers) else context.db


@asynccontextmanager
async def opened(context: Context, city: Jurisdiction, layer: Layer) -> AsyncIterator[Reading]:
    """The features of a layer, in one transaction. Raises Busy."""
    async with role_of(context, [layer]).begin(city.jurisdiction_id) as connection:
        yield Reading(connection, city, context.settings, layer.source)
