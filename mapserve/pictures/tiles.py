"""Pictures as tiles: kept like vector tiles, and dropped as soon as they change."""

from collections.abc import Sequence

from geo.tiles import KEY_ZOOM
from mapserve.atlas import Atlas
from mapserve.cache import HITS, UNCACHED, Entry
from mapserve.drawing import Layer, Tile
from mapserve.features.crs import CRS84, Crs, find_crs
from mapserve.features.reading import Query
from mapserve.filters import Selection
from mapserve.ogcapi.tile_sets import GEODETIC, MERCATOR, Grid
from mapserve.pictures.encoding import encode
from mapserve.pictures.frame import Frame
from mapserve.pictures.picture import Part, draw, looks_of
from mapserve.themes import Theme
from open311.context import Context
from open311.errors import NotFound
from open311.jurisdictions import Jurisdiction

FINEST = 22
EVERYTHING = Selection()
PIXELS = 256
_PNG = "image/png"
_SYSTEMS = {MERCATOR.name: find_crs("EPSG:3857"), GEODETIC.name: CRS84}


def frame_of(grid: Grid, tile: Tile, ratio: float = 1.0) -> Frame:
    """The frame of a tile. Raises NotFound for one that is nowhere."""
    rows = 1 << tile.zoom if 0 <= tile.zoom <= FINEST else 0
    if not (0 <= tile.y < rows and 0 <= tile.x < rows * grid.columns):
        raise NotFound(f"There is no such tile: zooms are 0 to {FINEST}.")
    wide = grid.pixel * PIXELS / rows
    west, north = grid.origin[0] + tile.x * wide, grid.origin[1] - tile.y * wide
    crs: Crs = _SYSTEMS[grid.name]
    side = round(PIXELS * ratio)
    return Frame(crs, (west, north - wide, west + wide, north), side, side, ratio)


async def picture_tile(
    context: Context,
    atlas: Atlas,
    city: Jurisdiction,
    layers: Sequence[Layer],
    grid: Grid,
    tile: Tile,
    theme: Theme,
    ratio: float = 1.0,
    selection: Selection = EVERYTHING,
) -> Entry:
    """A tile as PNG, clear where nothing is, kept or drawn now. Raises NotFound and Busy."""
    frame = frame_of(grid, tile, ratio)

    async def make() -> Entry:
        scene = await atlas.scene(city, theme)
        query = Query(selection=selection)
        parts = [Part(layer, query, looks_of(scene, layer)) for layer in layers]
        pixels = await draw(context, city, scene, parts, frame)
        # symbols reach into the neighbouring tiles
        return Entry(encode(pixels, _PNG), 0, spreads=True)

    is_public = all(layer.access == "public" for layer in layers)
    is_kept = grid is MERCATOR and tile.zoom <= KEY_ZOOM and is_public
    if not (is_kept and atlas.is_fresh()):
        UNCACHED.inc()
        return await make()
    names = f"{theme.name} {ratio} {','.join(layer.name for layer in layers)}"
    key = (city.jurisdiction_id, tile, names, selection.key)
    known = atlas.cache.get(key)
    if known is not None:
        HITS.inc()
        return known
    return await atlas.cache.make(key, make)
