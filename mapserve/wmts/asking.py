"""What a call of WMTS asks for, by parameters or by its path."""

import re

from msgspec import Struct

from mapserve import ows
from mapserve.drawing import Tile
from mapserve.kvp import Parameters
from mapserve.ogcapi.tile_sets import GRIDS, Grid
from mapserve.ows import OwsException
from mapserve.pictures.tiles import frame_of
from mapserve.themes import LIGHT, THEMES, Theme
from open311.errors import NotFound

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_NEEDED = (*("LAYER", "STYLE", "FORMAT", "TILEMATRIXSET", "TILEMATRIX", "TILEROW", "TILECOL"),)


class TileAsked(Struct, frozen=True):
    """A tile of a layer in one of its looks."""

    layer: str
    theme: Theme
    grid: Grid
    tile: Tile


def read_tile(parameters: Parameters) -> TileAsked:
    """The tile that is asked for. Raises OwsException."""
    for name in _NEEDED:
        # a style without a name is the default one, and is still to be told (OGC 07-057r7, 7.2.1)
        if not (parameters.text(name) or (name == "STYLE" and name in parameters.values)):
            raise ows.missing(name)
    if parameters.text("FORMAT").lower() != "image/png":
        raise OwsException("InvalidParameterValue", "FORMAT is image/png.", "Format")
    style = parameters.text("STYLE", LIGHT.name)
    if style not in (*THEMES, "default"):
        told = f"STYLE must be one of {', '.join(THEMES)}."
        raise OwsException("InvalidParameterValue", told, "Style")
    grid = GRIDS.get(parameters.text("TILEMATRIXSET"))
    if grid is None:
        told = f"TILEMATRIXSET must be one of {', '.join(GRIDS)}."
        raise OwsException("InvalidParameterValue", told, "TileMatrixSet")
    zoom = _number(parameters, "TILEMATRIX", "TileMatrix")
    column, row = (_number(parameters, name.upper(), name) for name in ("TileCol", "TileRow"))
    return TileAsked(
        parameters.text("LAYER"), THEMES.get(style, LIGHT), grid, _tile(grid, zoom, column, row)
    )


def _number(parameters: Parameters, name: str, locator: str) -> int:
    text = parameters.text(name)
    if not _NUMBER.fullmatch(text):
        raise OwsException("InvalidParameterValue", f"{locator} must be a number.", locator)
    return int(text)


def _tile(grid: Grid, zoom: int, column: int, row: int) -> Tile:
    tile = Tile(zoom, column, row)
    try:
        frame_of(grid, Tile(zoom, 0, 0))
    except NotFound:
        told = f"{grid.name} has no tile matrix {zoom}."
        raise OwsException("InvalidParameterValue", told, "TileMatrix") from None
    rows = 1 << zoom
    for number, most, locator in (
        (column, rows * grid.columns, "TileCol"),
        (row, rows, "TileRow"),
    ):
        if number >= most:
            told = f"{locator} is 0 to {most - 1} at {zoom}."
            raise OwsException("TileOutOfRange", told, locator)
    return tile
