"""What features look like, as classes: for programs that know rules, and not expressions of styles.

Their colours and limits are those of the MapLibre styles.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct, structs

from geo.cells import MAP_RESOLUTIONS
from mapserve.drawing import Layer
from mapserve.features.hexagons import RESOLUTION
from mapserve.hex_tiles import MAX_ZOOM as HEX_ZOOM
from mapserve.hex_tiles import resolution_at
from mapserve.styles import Scene, colours
from mapserve.themes import Theme

ALWAYS = (0, 24)
POINT, LINE, AREA = "point", "line", "area"
_SYMBOLS = {"Point": POINT, "LineString": LINE, "Polygon": AREA, "MultiPolygon": AREA}
_AREA_OPACITY, _DATASET_OPACITY = 0.8, 0.25

Condition = tuple[str, str, str | int]
"""A property, one of = >= <, and a value."""


class Class(Struct, frozen=True):
    """Some features of a layer, all of its conditions being true, and how they look.

    Lengths are in pixels. `fill` is None where only the edge is drawn.
    """

    label: str
    conditions: tuple[Condition, ...]
    symbol: str
    edge: str
    edge_width: float
    fill: str | None = None
    fill_opacity: float = 1.0
    size: float = 0.0
    source: str = ""
    """The layer within tiles."""
    zooms: tuple[int, int] = ALWAYS
    """First and last zoom of tiles."""


def symbol_of(layer: Layer) -> str | None:
    """What its features are drawn as; None where there are several kinds."""
    return _SYMBOLS.get(layer.source.geometry_type)


def of_features(scene: Scene, layer: Layer) -> list[Class]:
    """What features look like; hexagons are of one resolution."""
    theme = scene.theme
    if layer.name in ("requests", "staff-requests"):
        return _points(theme)
    if layer.name == "hexes":
        return _hexagons(scene, RESOLUTION)
    if layer.name in ("wards", "boundaries"):
        return [Class(layer.title, (), AREA, theme.line, 1)]
    known = symbol_of(layer)
    return [
        _plain(layer.title, symbol, theme) for symbol in ([known] if known else (AREA, LINE, POINT))
    ]


def of_tiles(scene: Scene, layer: Layer) -> Iterator[Class]:
    """What tiles show: hexagons of every resolution where it is drawn, and points above."""
    if layer.name in ("hexes", "requests"):
        last = HEX_ZOOM if layer.name == "hexes" else scene.points_from - 1
        for resolution in MAP_RESOLUTIONS:
            zooms = [zoom for zoom in range(last + 1) if resolution_at(zoom) == resolution]
            for each in _hexagons(scene, resolution) if zooms else ():
                highest = zooms[-1] if zooms[-1] < HEX_ZOOM else ALWAYS[1]
                yield structs.replace(each, source=layer.name, zooms=(zooms[0], highest))
    if layer.name == "requests":
        for each in _points(scene.theme):
            yield structs.replace(each, source=layer.name, zooms=(scene.points_from, ALWAYS[1]))
    if layer.name not in ("hexes", "requests"):
        for each in of_features(scene, layer):
            yield structs.replace(each, source=layer.name)


def _points(theme: Theme) -> list[Class]:
    looks = {"open": (theme.open, theme.land), "closed": (theme.land, theme.closed)}
    return [
        Class(status.capitalize(), (("status", "=", status),), POINT, edge, 1.5, fill, size=7)
        for status, (fill, edge) in looks.items()
    ]


def _hexagons(scene: Scene, resolution: int) -> list[Class]:
    starts = scene.breaks.get(resolution, [])
    bounds: Sequence[tuple[int, int | None, str]] = list(
        zip([1, *starts], [*starts, None], colours(scene.theme.ramp, starts), strict=True)
    )
    return [
        Class(
            f"{low} to {high - 1}" if high else f"{low} or more",
            (("count", ">=", low), *((("count", "<", high),) if high else ())),
            AREA,
            scene.theme.land,
            0.7,
            colour,
            _AREA_OPACITY,
        )
        for low, high, colour in bounds
    ]


def _plain(label: str, symbol: str, theme: Theme) -> Class:
    if symbol == POINT:
        return Class(label, (), POINT, theme.land, 1.5, theme.dataset, size=7)
    fill = theme.dataset if symbol == AREA else None
    return Class(label, (), symbol, theme.dataset, 1.5, fill, _DATASET_OPACITY)
