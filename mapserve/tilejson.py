"""TileJSON 3.0: where a map finds tiles, and what is in them (github.com/mapbox/tilejson-spec)."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.cells import centre
from mapserve.drawing import WORLD, Layer
from mapserve.filters import Selection
from mapserve.hexes import aggregate
from open311.jurisdictions import Jurisdiction

Bounds = tuple[float, float, float, float]
_BOUNDS = text("""
select st_xmin(boundary), st_ymin(boundary), st_xmax(boundary), st_ymax(boundary)
from jurisdiction where jurisdiction_id = :jurisdiction_id and boundary is not null
""")
_MARGIN = 0.1  # degrees, about a hexagon of the resolution that is asked
_RESOLUTION = 6
_FIRST_LOOK_ZOOM = 11


class VectorLayer(Struct, frozen=True):
    """One layer of the tiles, and what each field holds."""

    id: str
    description: str
    minzoom: int
    maxzoom: int
    fields: dict[str, str]


class TileJson(Struct, frozen=True):
    """The document; bounds are west, south, east and north, the centre is lon, lat and zoom."""

    tilejson: str
    name: str
    description: str
    attribution: str
    scheme: str
    tiles: list[str]
    minzoom: int
    maxzoom: int
    bounds: Bounds
    center: tuple[float, float, int]
    vector_layers: list[VectorLayer]


async def describe(
    connection: AsyncConnection, city: Jurisdiction, layers: Sequence[Layer], url: str
) -> TileJson:
    """The document for some layers in one tile; `url` is the template of their addresses."""
    bounds, center = await extent(connection, city)
    return TileJson(
        tilejson="3.0.0",
        name=", ".join(layer.title for layer in layers),
        description=". ".join(layer.description for layer in layers if layer.description),
        attribution=", ".join(dict.fromkeys(layer.attribution or city.name for layer in layers)),
        scheme="xyz",
        tiles=[url],
        minzoom=min(layer.min_zoom for layer in layers),
        # beyond, a map draws the tiles of this zoom larger
        maxzoom=min(16, *(layer.max_zoom for layer in layers)),
        bounds=_around([bounds, *(layer.bounds for layer in layers if layer.bounds)]),
        center=center,
        vector_layers=[each for layer in layers for each in _vector_layers(layer)],
    )


def _around(boxes: Sequence[Bounds]) -> Bounds:
    """What holds them all: a map asks for no tile outside."""
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _vector_layers(layer: Layer) -> Iterator[VectorLayer]:
    zooms = (layer.min_zoom, min(16, layer.max_zoom))
    yield VectorLayer(layer.name, layer.description, *zooms, dict(layer.fields))
    if layer.has_labels:
        told = "Where names are written, each once"
        yield VectorLayer(f"{layer.name}_labels", told, *zooms, dict(layer.fields))
    if layer.truncates:
        told = "How many features of a tile are left out, where some are"
        yield VectorLayer(f"{layer.name}_truncated", told, *zooms, {"truncated": "Number"})


async def extent(
    connection: AsyncConnection, city: Jurisdiction
) -> tuple[Bounds, tuple[float, float, int]]:
    """The city's bounds, and where to look first: at the hexagon with the most requests."""
    found: Any = await connection.execute(_BOUNDS, {"jurisdiction_id": city.jurisdiction_id})
    row = found.one_or_none()
    hexes = await aggregate(connection, city, _RESOLUTION, Selection())
    middles = [centre(cell) for cell in hexes.cells.tolist()]
    if row is not None:
        bounds: Bounds = tuple(row)
    elif middles:
        lon, lat = zip(*middles, strict=True)
        bounds = (min(lon) - _MARGIN, min(lat) - _MARGIN, max(lon) + _MARGIN, max(lat) + _MARGIN)
    else:
        bounds = WORLD
    if not middles:
        return bounds, ((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, 1)
    lon_first, lat_first = middles[int(hexes.requests.argmax())]
    return bounds, (round(lon_first, 5), round(lat_first, 5), _FIRST_LOOK_ZOOM)
