"""What a layer is given to draw a tile, and what it gives back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from mapserve.features.source import Source
from mapserve.filters import Selection
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

Access = Literal["public", "staff"]
Tiles = NDArray[np.int64]
"""Rows of column and row."""

WORLD_ZOOM = 22
"""The finest zoom that tiles are made of."""
WORLD = (-180.0, -85.0511, 180.0, 85.0511)
"""What tiles can show: west, south, east and north in degrees."""


class Tile(Struct, frozen=True):
    """A tile of the Web Mercator square: column x from the west, row y from the north."""

    zoom: int
    x: int
    y: int


class Drawing(Struct, frozen=True):
    """A tile of a city to be drawn, by a connection that sees what everybody may see."""

    connection: AsyncConnection
    city: Jurisdiction
    settings: Settings
    tile: Tile
    selection: Selection
    points_from: int
    """The zoom from which requests are points; hexagons below."""


class Drawn(Struct, frozen=True):
    """One layer of a tile in MVT, empty when nothing is there.

    `truncated` is how many features a limit left out. One that `spreads` shows shapes of requests
    in neighbouring tiles too, so it changes with them.
    """

    data: bytes
    truncated: int = 0
    spreads: bool = False


class Layer(Struct, frozen=True):
    """Something to be drawn. Of its fields TileJSON tells the type: GIS make columns by it."""

    name: str
    title: str
    description: str
    fields: Mapping[str, str]
    draw: Callable[[Drawing], Awaitable[Drawn]]
    find: Callable[[Drawing, int], Awaitable[Tiles]]
    """Every tile of a zoom in which there may be something, whichever tile the drawing is of."""
    max_zoom: int
    source: Source
    """What its features are read from, for all services that are not tiles."""
    min_zoom: int = 0
    attribution: str = ""
    licence: str = ""
    """On which terms others may use it."""
    keywords: Sequence[str] = ()
    bounds: tuple[float, float, float, float] | None = None
    """West, south, east and north in degrees; those of the city unless it says so."""
    has_labels: bool = False
    """Whether its tiles have a layer `{name}_labels` of points at which names are written."""
    access: Access = "public"
    """Whom it is for: everybody, or accounts of the staff."""
    looks: Sequence[Mapping[str, Any]] | None = None
    """Layers of a MapLibre style that draw it, instead of what all of its kind get."""
    truncates: bool = False
    """Whether a tile may leave features out; then a layer `{name}_truncated` says how many."""
