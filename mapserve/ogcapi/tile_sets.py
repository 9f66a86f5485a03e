"""OGC API Tiles: how the world is cut into tiles, and the sets of tiles of a layer.

The definitions are those of the OGC Two Dimensional Tile Matrix Set standard (17-083r4), annex D.
"""

from typing import Any

from msgspec import Struct

from geo.tiles import bounds, tile_at
from mapserve.drawing import Layer
from mapserve.features.crs import CRS84, find_crs
from mapserve.features.extents import Extent
from mapserve.features.source import Bounds
from mapserve.ogcapi.documents import Link, itself
from mapserve.ogcapi.negotiation import JSON, MEDIA_TYPES

MVT_TYPE = "application/vnd.mapbox-vector-tile"
ZOOMS = 23
_REL = "http://www.opengis.net/def/rel/ogc/1.0"
_PIXEL_METRES = 0.00028
_METRES_A_DEGREE = 6_378_137.0 * 3.141592653589793 / 180
_EDGE = 20_037_508.3427892
_TILE_PIXELS = 256


class Grid(Struct, frozen=True):
    """A tile matrix set: its system, the size of a pixel at zoom 0, and its columns and rows there.

    `origin` is the upper left corner, in the axis order of the system.
    """

    name: str
    title: str
    crs: str
    origin: tuple[float, float]
    pixel: float
    metres_a_unit: float
    columns: int

    @property
    def uri(self) -> str:
        """As the registry of the OGC has it."""
        return f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{self.name}"

    @property
    def urn(self) -> str:
        """Its system, as WMTS has it."""
        return find_crs(self.crs).urn

    @property
    def scales(self) -> str:
        """The well-known set of scales that it keeps to."""
        return _SCALES[self.name]


MERCATOR = Grid(
    "WebMercatorQuad",
    "Google Maps Compatible for the World",
    "http://www.opengis.net/def/crs/EPSG/0/3857",
    (-_EDGE, _EDGE),
    2 * _EDGE / _TILE_PIXELS,
    1.0,
    1,
)
GEODETIC = Grid(
    "WorldCRS84Quad",
    "CRS84 for the World",
    CRS84.uri,
    (-180.0, 90.0),
    180 / _TILE_PIXELS,
    _METRES_A_DEGREE,
    2,
)
GRIDS = {grid.name: grid for grid in (MERCATOR, GEODETIC)}


def definition(grid: Grid) -> dict[str, Any]:
    """A tile matrix set, as JSON of the standard."""
    return {
        "id": grid.name,
        "title": grid.title,
        "uri": grid.uri,
        "crs": grid.crs,
        "wellKnownScaleSet": f"http://www.opengis.net/def/wkss/OGC/1.0/{grid.scales}",
        "tileMatrices": [_matrix(grid, zoom) for zoom in range(ZOOMS)],
    }


_SCALES = {"WebMercatorQuad": "GoogleMapsCompatible", "WorldCRS84Quad": "GoogleCRS84Quad"}


def _matrix(grid: Grid, zoom: int) -> dict[str, Any]:
    cell = grid.pixel / (1 << zoom)
    return {
        "id": str(zoom),
        "scaleDenominator": cell * grid.metres_a_unit / _PIXEL_METRES,
        "cellSize": cell,
        "cornerOfOrigin": "topLeft",
        "pointOfOrigin": grid.origin,
        "tileWidth": _TILE_PIXELS,
        "tileHeight": _TILE_PIXELS,
        "matrixWidth": grid.columns << zoom,
        "matrixHeight": 1 << zoom,
    }


def listing(root: str, form: str) -> dict[str, Any]:
    """All tile matrix sets."""
    return {
        "links": itself(f"{root}/tileMatrixSets", form, "Tile matrix sets"),
        "tileMatrixSets": [
            {
                "id": grid.name,
                "title": grid.title,
                "uri": grid.uri,
                "crs": grid.crs,
                "links": [
                    Link(
                        f"{root}/tileMatrixSets/{grid.name}",
                        "self",
                        MEDIA_TYPES[JSON],
                        grid.title,
                    )
                ],
            }
            for grid in GRIDS.values()
        ],
    }


def tile_set(layer: Layer, extent: Extent, root: str, grid: Grid) -> dict[str, Any]:
    """The vector tiles of a layer, as a grid cuts them."""
    here = f"{root}/collections/{layer.name}/tiles"
    tiles = f"{here}/{grid.name}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"
    box, zooms = extent.bounds, _zooms(layer, grid)
    return {
        "title": layer.title,
        "description": layer.description,
        "dataType": "vector",
        "crs": grid.crs,
        "tileMatrixSetURI": grid.uri,
        "tileMatrixSetId": grid.name,
        **({"boundingBox": _box(box)} if box else {}),
        "tileMatrixSetLimits": [_limits(grid, zoom, box) for zoom in zooms],
        "layers": [_layer(layer, zooms)],
        "links": [
            Link(f"{here}/{grid.name}", "self", MEDIA_TYPES[JSON], layer.title),
            Link(
                f"{root}/tileMatrixSets/{grid.name}",
                f"{_REL}/tiling-scheme",
                MEDIA_TYPES[JSON],
                grid.title,
            ),
            Link(tiles, "item", MVT_TYPE, "Tiles", templated=True),
            Link(f"{root}/tiles/{layer.name}.json", "describedby", "application/json", "TileJSON"),
            Link(f"{root}/collections/{layer.name}", f"{_REL}/geodata", MEDIA_TYPES[JSON], "Layer"),
        ],
    }


def _zooms(layer: Layer, grid: Grid) -> range:
    """The zooms of which there are tiles: two tiles around the world are as wide as a finer zoom's.

    A layer's own zooms are those of Web Mercator.
    """
    finer = grid.columns.bit_length() - 1
    return range(max(0, layer.min_zoom - finer), min(layer.max_zoom, ZOOMS - 1) - finer + 1)


def _box(box: Bounds) -> dict[str, Any]:
    return {"lowerLeft": box[:2], "upperRight": box[2:], "crs": CRS84.uri}


def _limits(grid: Grid, zoom: int, box: Bounds | None) -> dict[str, Any]:
    """The tiles in which there may be something."""
    west, south, east, north = box or bounds(0, 0, 0)
    left, top = _tile_at(grid, west, north, zoom)
    right, bottom = _tile_at(grid, east, south, zoom)
    return {
        "tileMatrix": str(zoom),
        "minTileRow": top,
        "maxTileRow": bottom,
        "minTileCol": left,
        "maxTileCol": right,
    }


def _tile_at(grid: Grid, lon: float, lat: float, zoom: int) -> tuple[int, int]:
    if grid is MERCATOR:
        return tile_at(lon, lat, zoom)
    wide = grid.pixel * _TILE_PIXELS / (1 << zoom)
    column, row = int((lon - grid.origin[0]) / wide), int((grid.origin[1] - lat) / wide)
    return min(column, (grid.columns << zoom) - 1), min(row, (1 << zoom) - 1)


def _layer(layer: Layer, zooms: range) -> dict[str, Any]:
    kinds = {"Point": 0, "LineString": 1, "Polygon": 2, "MultiPolygon": 2}
    kind = kinds.get(layer.source.geometry_type)
    return {
        "id": layer.name,
        "title": layer.title,
        "dataType": "vector",
        **({} if kind is None else {"geometryDimension": kind}),
        "minTileMatrix": str(zooms[0]),
        "maxTileMatrix": str(zooms[-1]),
    }
