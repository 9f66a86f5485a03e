"""Vector tiles in longitude and latitude: made of what features are read from, and not kept.

Web maps draw Web Mercator; these are for programs whose maps are in degrees.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import text

from mapserve import mvt
from mapserve.atlas import Atlas
from mapserve.cache import UNCACHED, Entry
from mapserve.drawing import Drawn, Layer, Tile
from mapserve.features.reading import Query, count, related
from mapserve.features.source import Column, Reading
from mapserve.filters import Selection
from mapserve.layers import opened
from mapserve.ogcapi.tile_sets import GEODETIC
from mapserve.pictures.picture import drawn_from
from mapserve.pictures.tiles import frame_of
from mapserve.themes import LIGHT
from open311.context import Context
from open311.errors import NotFound
from open311.extents import Box
from open311.jurisdictions import Jurisdiction

_BUFFER = 64
_MOST_PAIRS = 40
"""PostgreSQL gives a function at most a hundred arguments."""


class _Square(Struct, frozen=True):
    """A tile in degrees, and the zoom of Web Mercator whose tiles are as wide."""

    box: Box
    zoom: int

    @property
    def unit(self) -> float:
        """Degrees of a unit of the tile."""
        return (self.box.east - self.box.west) / mvt.EXTENT

    def grown(self) -> Box:
        """With what is drawn around it, so that outlines do not end at its edge."""
        box, more = self.box, self.unit * _BUFFER
        return Box(box.west - more, box.south - more, box.east + more, box.north + more)


async def draw(
    context: Context,
    atlas: Atlas,
    city: Jurisdiction,
    layers: Sequence[Layer],
    tile: Tile,
    selection: Selection,
) -> Entry:
    """A tile of the set WorldCRS84Quad. Raises NotFound for one that is nowhere, and Busy."""
    square = _Square(frame_of(GEODETIC, tile).exact_box(), tile.zoom + 1)
    scene = await atlas.scene(city, LIGHT)
    drawn = []
    for layer in layers:
        if not layer.min_zoom <= square.zoom <= layer.max_zoom:
            raise NotFound(f"{layer.name} has no tiles of this zoom.")
        source, query = drawn_from(layer, Query(selection=selection), scene, square.zoom)
        async with opened(context, city, layer) as reading:
            drawn.append(await _draw(structs.replace(reading, source=source), layer, query, square))
    UNCACHED.inc()
    return Entry(
        b"".join(each.data for each in drawn), sum(each.truncated for each in drawn), spreads=True
    )


async def _draw(reading: Reading, layer: Layer, query: Query, square: _Square) -> Drawn:
    """A layer: its shapes, a label in each, and how many were left out."""
    is_point = reading.source.geometry_type == "Point"
    query = structs.replace(query, boxes=(square.box if is_point else square.grown(),))
    most = reading.settings.max_tile_features
    data, number = await _tile(reading, layer, query, square, "shape", layer.name)
    left_out = 0
    if number == most:
        left_out = await count(reading, query) - most
    if layer.has_labels:
        label = "st_pointonsurface(shape)"
        data += (await _tile(reading, layer, query, square, label, f"{layer.name}_labels"))[0]
    if left_out:
        data += mvt.truncation(layer.name, left_out)
    return Drawn(data, left_out)


async def _tile(
    reading: Reading, layer: Layer, query: Query, square: _Square, shape: str, name: str
) -> tuple[bytes, int]:
    """One layer of a tile in MVT, and the number of features read for it."""
    relation, where, values = await related(reading, query)
    is_outline = shape == "shape" and reading.source.geometry_type != "Point"
    columns = [each for each in reading.source.columns if each.name in layer.fields]
    properties = " || ".join(_pairs(columns, values)) or "cast('{}' as jsonb)"
    sql = f"""
    with found as materialized (
        select {reading.source.shape} as shape, {properties} as properties
        from {relation.tables}
        where {where}
        order by {reading.source.identifier.sql}
        limit :most
    )
    select st_asmvt(tile, :name, {mvt.EXTENT}, 'geom'), (select count(*) from found)
    from (
        select properties, st_asmvtgeom(
            {"st_simplify(shape, :tolerance, true)" if is_outline else shape},
            st_makeenvelope(:west, :south, :east, :north, 4326),
            {mvt.EXTENT}, {_BUFFER if is_outline else 0}
        ) as geom
        from found
    ) tile
    where geom is not null
    """  # noqa: S608
    values |= {"name": name, "most": reading.settings.max_tile_features}
    values |= structs.asdict(square.box) | ({"tolerance": square.unit / 2} if is_outline else {})
    data, number = (await reading.connection.execute(text(sql), values)).one()
    return bytes(data or b""), number


def _pairs(columns: Sequence[Column], values: dict[str, Any]) -> Iterator[str]:
    """Names and values as JSON, which takes a name from elsewhere as a value."""
    for first in range(0, len(columns), _MOST_PAIRS):
        told = []
        for column in columns[first : first + _MOST_PAIRS]:
            name = f"property_{len(values)}"
            values[name] = column.name
            told.append(f"cast(:{name} as text), {_written(column)}")
        yield f"jsonb_build_object({', '.join(told)})"


def _written(column: Column) -> str:
    if column.type != "date-time":
        return column.sql
    return f"""to_char({column.sql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
