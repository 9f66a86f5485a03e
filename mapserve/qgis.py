"""A QGIS layer definition (.qlr): every layer of a city with its look, by one drag into QGIS.

The elements are those that QGIS 3 writes and reads for itself; its project is the only reference.
Looks come from the same colours and classes as the styles of web maps.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyproj
from lxml import etree
from lxml.builder import E
from msgspec import Struct

from geo.cells import MAP_RESOLUTIONS
from mapserve.drawing import Layer
from mapserve.features.hexagons import RESOLUTION
from mapserve.hex_tiles import MAX_ZOOM as HEX_ZOOM
from mapserve.hex_tiles import resolution_at
from mapserve.styles import Scene, colours
from mapserve.themes import Theme

MEDIA_TYPE = "application/x-qgis-layer-definition"
_FINEST_TILES = 16
_SYMBOLS = {"Point": "marker", "LineString": "line", "Polygon": "fill", "MultiPolygon": "fill"}
_SHAPES = {"marker": "Point", "line": "Line", "fill": "Polygon"}
_NUMBERS = {"marker": "0", "line": "1", "fill": "2"}
_ALWAYS = (0, 24)


class Class(Struct, frozen=True):
    """What some features of a layer look like: an expression of QGIS chooses them."""

    label: str
    expression: str
    symbol: str
    """marker, line or fill."""
    look: dict[str, str]
    source: str = ""
    """The layer within tiles."""
    zooms: tuple[int, int] = _ALWAYS
    """First and last zoom of tiles."""


class Entry(Struct, frozen=True):
    """A layer of QGIS."""

    key: str
    name: str
    provider: str
    source: str
    content: list[Any]
    kind: dict[str, str]


def definition(scene: Scene, title: str, layers: Sequence[Layer], root: str) -> bytes:
    """All layers, as features, vector tiles and pictures; `root` is the address of the maps.

    Features are shown first; what draws the same in another way waits unticked.
    """
    top = list(reversed(layers))
    groups = {
        "Features (OGC API)": [_features(scene, layer, root) for layer in top],
        "Vector tiles": [_tiles(scene, layer, root) for layer in top],
        "Pictures (WMS)": [_picture(layer, root) for layer in top],
        "Tiles of pictures (WMTS)": [_picture_tiles(layer, root) for layer in top],
    }
    tree = [
        _group(name, [_leaf(entry) for entry in entries], is_shown=number == 0)
        for number, (name, entries) in enumerate(groups.items())
    ]
    entries = [entry for each in groups.values() for entry in each]
    document = E.qlr(
        _group("", [_group(title, tree, is_shown=True)], is_shown=True),
        E.maplayers(*(_map_layer(entry) for entry in entries)),
    )
    return bytes(
        etree.tostring(
            document,
            encoding="UTF-8",
            xml_declaration=True,
            doctype="<!DOCTYPE qgis-layer-definition>",
        )
    )


def _group(name: str, members: list[Any], *, is_shown: bool) -> Any:
    ticked = "Qt::Checked" if is_shown else "Qt::Unchecked"
    group = E("layer-tree-group", name=name, checked=ticked, expanded="1" if is_shown else "0")
    group.extend(members)
    return group


def _leaf(entry: Entry) -> Any:
    return E(
        "layer-tree-layer",
        providerKey=entry.provider,
        id=entry.key,
        name=entry.name,
        source=entry.source,
        checked="Qt::Checked",
        expanded="0",
    )


def _map_layer(entry: Entry) -> Any:
    return E.maplayer(
        E.id(entry.key),
        E.datasource(entry.source),
        E.layername(entry.name),
        E.provider(entry.provider),
        *entry.content,
        **entry.kind,
    )


def _features(scene: Scene, layer: Layer, root: str) -> Entry:
    kind = layer.source.geometry_type
    symbol = _SYMBOLS.get(kind)
    told = {"type": "vector"} | ({"geometry": _SHAPES[symbol]} if symbol else {})
    return Entry(
        f"{layer.name}_features",
        layer.title,
        "OAPIF",
        f" restrictToRequestBBOX='1' url='{root}' typename='{layer.name}'",
        [_system("EPSG:4326"), _rules(_classes(scene, layer))],
        told,
    )


def _tiles(scene: Scene, layer: Layer, root: str) -> Entry:
    template = f"{root}/tiles/{layer.name}/{{z}}/{{x}}/{{y}}.mvt"
    finest = min(_FINEST_TILES, layer.max_zoom)
    return Entry(
        f"{layer.name}_tiles",
        layer.title,
        "vectortile",
        f"type=xyz&url={template}&zmin={layer.min_zoom}&zmax={finest}",
        [_system("EPSG:3857"), _tile_renderer(list(_tile_classes(scene, layer)))],
        {"type": "vector-tile"},
    )


def _picture(layer: Layer, root: str) -> Entry:
    asked = f"crs=EPSG:3857&dpiMode=7&format=image/png&layers={layer.name}&styles="
    return _raster(layer, "wms", f"{asked}&url={root}/wms")


def _picture_tiles(layer: Layer, root: str) -> Entry:
    capabilities = f"{root}/wmts/1.0.0/WMTSCapabilities.xml"
    asked = f"crs=EPSG:3857&format=image/png&layers={layer.name}&styles=light"
    return _raster(layer, "wmts", f"{asked}&tileMatrixSet=WebMercatorQuad&url={capabilities}")


def _raster(layer: Layer, key: str, source: str) -> Entry:
    renderer = E.rasterrenderer(type="singlebandcolordata", band="1", opacity="1", alphaBand="-1")
    content = [_system("EPSG:3857"), E.pipe(renderer)]
    return Entry(f"{layer.name}_{key}", layer.title, "wms", source, content, {"type": "raster"})


def _system(name: str) -> Any:
    # without the text of it QGIS takes the system for unknown, and draws nothing
    return E.srs(E.spatialrefsys(E.wkt(pyproj.CRS(name).to_wkt()), E.authid(name)))


def _classes(scene: Scene, layer: Layer) -> list[Class]:
    """What features look like; hexagons are of one resolution."""
    theme = scene.theme
    if layer.name == "requests":
        return _points(theme)
    if layer.name == "hexes":
        return _hexagons(scene, RESOLUTION)
    if layer.name in ("wards", "boundaries"):
        return [Class(layer.title, "", "fill", _outline(theme.line))]
    symbols = [_SYMBOLS[kind] for kind in (layer.source.geometry_type,) if kind in _SYMBOLS]
    return [
        Class(layer.title, "" if symbols else _of_shape(symbol), symbol, _plain(symbol, theme))
        for symbol in symbols or _SHAPES
    ]


def _of_shape(symbol: str) -> str:
    return f"geometry_type($geometry) = '{_SHAPES[symbol]}'"


def _points(theme: Theme) -> list[Class]:
    looks = {"open": _dot(theme.open, theme.land), "closed": _dot(theme.land, theme.closed)}
    return [
        Class(status.capitalize(), f"\"status\" = '{status}'", "marker", look)
        for status, look in looks.items()
    ]


def _hexagons(scene: Scene, resolution: int) -> list[Class]:
    starts = scene.breaks.get(resolution, [])
    bounds = zip([1, *starts], [*starts, None], colours(scene.theme.ramp, starts), strict=True)
    return [
        Class(
            f"{low} to {high - 1}" if high else f"{low} or more",
            f'"count" >= {low}' + (f' and "count" < {high}' if high else ""),
            "fill",
            _area(colour, scene.theme.land),
        )
        for low, high, colour in bounds
    ]


def _tile_classes(scene: Scene, layer: Layer) -> Iterator[Class]:
    """What tiles show: hexagons of every resolution where it is drawn, and points above."""
    if layer.name in ("hexes", "requests"):
        last = HEX_ZOOM if layer.name == "hexes" else scene.points_from - 1
        for resolution in MAP_RESOLUTIONS:
            zooms = [zoom for zoom in range(last + 1) if resolution_at(zoom) == resolution]
            for each in _hexagons(scene, resolution) if zooms else ():
                highest = zooms[-1] if zooms[-1] < HEX_ZOOM else _ALWAYS[1]
                yield _in_tiles(each, layer.name, (zooms[0], highest))
    if layer.name == "requests":
        for each in _points(scene.theme):
            yield _in_tiles(each, layer.name, (scene.points_from, _ALWAYS[1]))
    if layer.name not in ("hexes", "requests"):
        for each in _classes(scene, layer):
            yield _in_tiles(each, layer.name, _ALWAYS)


def _in_tiles(each: Class, source: str, zooms: tuple[int, int]) -> Class:
    return Class(each.label, each.expression, each.symbol, each.look, source, zooms)


def _dot(fill: str, edge: str) -> dict[str, str]:
    size = {"size": "7", "size_unit": "Pixel", "outline_width": "1.5"}
    return {"name": "circle", **size, **_edge(edge), "color": _rgba(fill)}


def _area(fill: str, edge: str) -> dict[str, str]:
    return {"color": _rgba(fill, 204), "outline_width": "0.7", **_edge(edge), "style": "solid"}


def _outline(edge: str) -> dict[str, str]:
    return {"outline_width": "1", **_edge(edge), "style": "no"}


def _edge(colour: str) -> dict[str, str]:
    return {"outline_color": _rgba(colour), "outline_width_unit": "Pixel"}


def _plain(symbol: str, theme: Theme) -> dict[str, str]:
    if symbol == "marker":
        return _dot(theme.dataset, theme.land)
    if symbol == "line":
        return {"line_color": _rgba(theme.dataset), "line_width": "1.5", "line_width_unit": "Pixel"}
    return {**_area(theme.dataset, theme.dataset), "color": _rgba(theme.dataset, 64)}


def _rgba(colour: str, alpha: int = 255) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"{red},{green},{blue},{alpha}"


def _rules(classes: Sequence[Class]) -> Any:
    rules = [
        E.rule(key=f"rule-{number}", symbol=str(number), label=each.label, filter=each.expression)
        for number, each in enumerate(classes)
    ]
    symbols = [_symbol(str(number), each) for number, each in enumerate(classes)]
    return E(
        "renderer-v2",
        E.rules(*rules, key="rules"),
        E.symbols(*symbols),
        type="RuleRenderer",
        symbollevels="0",
        forceraster="0",
    )


def _tile_renderer(classes: Sequence[Class]) -> Any:
    styles = [
        E.style(
            E.symbols(_symbol("0", each)),
            name=f"{each.source} {each.label}",
            layer=each.source,
            expression=each.expression,
            geometry=_NUMBERS[each.symbol],
            enabled="1",
            **{"min-zoom": str(each.zooms[0]), "max-zoom": str(each.zooms[1])},
        )
        for each in classes
    ]
    return E.renderer(E.styles(*styles), type="basic")


def _symbol(name: str, each: Class) -> Any:
    options = [E.Option(name=key, type="QString", value=value) for key, value in each.look.items()]
    kinds = {"marker": "SimpleMarker", "line": "SimpleLine", "fill": "SimpleFill"}
    look = E.layer(E.Option(*options, type="Map"), enabled="1", locked="0")
    look.attrib.update({"class": kinds[each.symbol], "pass": "0"})
    # QGIS before 3.26 reads properties, later ones options
    look.extend(E.prop(k=key, v=value) for key, value in each.look.items())
    return E.symbol(look, name=name, type=each.symbol, alpha="1", clip_to_extent="1")
