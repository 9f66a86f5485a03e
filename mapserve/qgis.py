"""A QGIS layer definition (.qlr): every layer of a city with its look, by one drag into QGIS.

The elements are those that QGIS 3 writes and reads for itself; its project is the only reference.
Looks come from the same colours and classes as the styles of web maps.
"""

from collections.abc import Sequence
from typing import Any

import pyproj
from lxml import etree
from lxml.builder import E
from msgspec import Struct

from mapserve import classes
from mapserve.classes import AREA, LINE, POINT, Class
from mapserve.drawing import Layer
from mapserve.styles import Scene

MEDIA_TYPE = "application/x-qgis-layer-definition"
_FINEST_TILES = 16
_SHAPES = {POINT: "Point", LINE: "Line", AREA: "Polygon"}
_NUMBERS = {POINT: "0", LINE: "1", AREA: "2"}
_SYMBOLS = {POINT: "marker", LINE: "line", AREA: "fill"}
_SYMBOL_LAYERS = {POINT: "SimpleMarker", LINE: "SimpleLine", AREA: "SimpleFill"}


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
    symbol = classes.symbol_of(layer)
    told = {"type": "vector"} | ({"geometry": _SHAPES[symbol]} if symbol else {})
    return Entry(
        f"{layer.name}_features",
        layer.title,
        "OAPIF",
        f" restrictToRequestBBOX='1' url='{root}' typename='{layer.name}'",
        [_system("EPSG:4326"), _rules(classes.of_features(scene, layer))],
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
        [_system("EPSG:3857"), _tile_renderer(list(classes.of_tiles(scene, layer)))],
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


def _expression(each: Class) -> str:
    told = [
        f'"{name}" {sign} ' + (f"'{value}'" if isinstance(value, str) else str(value))
        for name, sign, value in each.conditions
    ]
    return " and ".join(told)


def _look(each: Class) -> dict[str, str]:
    """The properties of a symbol, as QGIS names them."""
    edge, width = _rgba(each.edge), f"{each.edge_width:g}"
    if each.symbol == LINE:
        return {"line_color": edge, "line_width": width, "line_width_unit": "Pixel"}
    look = {"outline_color": edge, "outline_width": width, "outline_width_unit": "Pixel"}
    look |= {"style": "no" if each.fill is None else "solid"} if each.symbol == AREA else {}
    if each.fill is not None:
        look["color"] = _rgba(each.fill, each.fill_opacity)
    if each.symbol == POINT:
        look |= {"name": "circle", "size": f"{each.size:g}", "size_unit": "Pixel"}
    return look


def _rgba(colour: str, opacity: float = 1.0) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"{red},{green},{blue},{round(255 * opacity)}"


def _rules(classes: Sequence[Class]) -> Any:
    rules = [
        E.rule(key=f"rule-{number}", symbol=str(number), label=each.label, filter=_expression(each))
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
            expression=_expression(each),
            geometry=_NUMBERS[each.symbol],
            enabled="1",
            **{"min-zoom": str(each.zooms[0]), "max-zoom": str(each.zooms[1])},
        )
        for each in classes
    ]
    return E.renderer(E.styles(*styles), type="basic")


def _symbol(name: str, each: Class) -> Any:
    look = _look(each)
    options = [E.Option(name=key, type="QString", value=value) for key, value in look.items()]
    drawn = E.layer(E.Option(*options, type="Map"), enabled="1", locked="0")
    drawn.attrib.update({"class": _SYMBOL_LAYERS[each.symbol], "pass": "0"})
    # QGIS before 3.26 reads properties, later ones options
    drawn.extend(E.prop(k=key, v=value) for key, value in look.items())
    return E.symbol(drawn, name=name, type=_SYMBOLS[each.symbol], alpha="1", clip_to_extent="1")
