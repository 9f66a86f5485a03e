"""Legends of layers: of the server's own looks in their own words, of all others rule by rule."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from msgspec import Struct
from PIL import Image

from mapserve import legend
from mapserve.drawing import Layer
from mapserve.features.crs import CRS84
from mapserve.hex_tiles import resolution_at
from mapserve.legend import SWATCH, Row
from mapserve.pictures import painting
from mapserve.pictures.covers import Cover, Group
from mapserve.pictures.encoding import plain
from mapserve.pictures.frame import Frame
from mapserve.pictures.looks import StyleLayer
from mapserve.pictures.picture import icons_of
from mapserve.rules import Rule, joined, rules_of, words
from mapserve.styles import Scene
from open311.errors import BadInput

ZOOM = 11.0
"""That legends are of unless a scale is asked for."""
_LARGEST, _MOST_ROWS = 64, 100
_INSET = 2
_DEGREE = 1e-5
"""Of a pixel in the pictures of symbols: they lie nowhere."""
_DRAWN_ALONE = ("filter", "minzoom", "maxzoom")


class Asked(Struct, frozen=True):
    """How a legend is wanted: for a zoom, in the sizes of symbols, of one rule alone.

    `ratio` is the number of pixels to one of a screen of 96 dots an inch.
    """

    zoom: float | None = None
    ratio: float = 1.0
    is_clear: bool = False
    size: tuple[int, int] | None = None
    rule: str = ""
    language: str = ""


class _Entry(Struct, frozen=True):
    """A line of a legend: by which name it is asked for, what is told, and what draws it."""

    name: str
    label: str
    rules: list[Rule]


def draw(
    scene: Scene, layer: Layer, asked: Asked, own: Sequence[StyleLayer] | None = None
) -> bytes:
    """The legend of a layer as PNG; `own` are the looks of a style that somebody sent.

    A rule that is asked for is its symbol alone. Raises BadInput for one that there is not.
    """
    looks = layer.looks if own is None else own
    if looks is None:
        zoom = ZOOM if asked.zoom is None else asked.zoom
        rows = legend.rows(scene, layer.name, resolution_at(int(zoom)))
        rows = rows or [Row("fill", scene.theme.dataset, layer.title)]
        names, size = [row.label for row in rows], asked.size or (SWATCH, SWATCH)
    else:
        entries = _entries(looks, layer, asked)
        names, size = [entry.name for entry in entries], asked.size or _size(entries)
        rows = [Row("", "", each.label, _symbol(scene, each, asked, size)) for each in entries]
    told = (scene.theme, asked.ratio, size)
    if not asked.rule:
        return legend.picture(*told, rows, transparent=asked.is_clear)
    if asked.rule not in names:
        raise BadInput(f"There is no rule {asked.rule[:60]!r}; there are {', '.join(names)[:500]}.")
    chosen = rows[names.index(asked.rule)]
    return legend.symbol(*told, chosen, transparent=asked.is_clear)


def _entries(looks: Sequence[StyleLayer], layer: Layer, asked: Asked) -> list[_Entry]:
    """The rules that draw more than names, each once, with all that draws it."""
    found: dict[str, _Entry] = {}
    for look in looks:
        if look["type"] == "symbol" and "icon-image" not in look.get("layout", {}):
            continue
        zoom = asked.zoom
        if zoom is None:
            # each is shown, at a zoom at which it is drawn
            zoom = max(look.get("minzoom", 0.0), min(ZOOM, look.get("maxzoom", ZOOM + 1) - 1))
        for rule in _rules(look, zoom):
            label = rule.title_in(asked.language) or words(joined(rule.conditions)) or layer.title
            entry = found.setdefault(label, _Entry(rule.name or label, label, []))
            entry.rules.append(rule)
    return list(found.values())[:_MOST_ROWS]


def _rules(look: StyleLayer, zoom: float) -> list[Rule]:
    """Its rules, the first choice first; of very many choices one that stands for all."""
    try:
        return rules_of(look, zoom)[::-1]
    except BadInput:
        return [Rule(look, (), 0, math.inf)]


def _size(entries: Sequence[_Entry]) -> tuple[int, int]:
    """Pixels that all symbols have room in, where they are the same for all features."""
    widest = [SWATCH]
    for rule in (rule for entry in entries for rule in entry.rules):
        paint = rule.look.get("paint", {})
        radius, width = paint.get("circle-radius", 5), paint.get("circle-stroke-width", 0)
        if isinstance(radius, int | float) and isinstance(width, int | float):
            widest.append(int(2 * (radius + width)) + 2 * _INSET)
    side = min(_LARGEST, max(widest))
    return side, side


def _symbol(scene: Scene, entry: _Entry, asked: Asked, size: tuple[int, int]) -> Image.Image:
    """A shape as it is painted by all that draws it."""
    width, height = (max(1, round(side * asked.ratio)) for side in size)
    frame = Frame(CRS84, (0, 0, width * _DEGREE, height * _DEGREE), width, height, asked.ratio)
    has_areas = any(rule.look["type"] == "fill" for rule in entry.rules)
    looks, covers = [], {}
    for number, rule in enumerate(entry.rules):
        kind = rule.look["type"]
        look = {name: each for name, each in rule.look.items() if name not in _DRAWN_ALONE}
        looks.append({**look, "source-layer": str(number)})
        kind = "fill" if kind == "line" and has_areas else kind
        covers[str(number)] = Cover([_sample(kind, width, height, _INSET * asked.ratio)])
    pixels = np.zeros((height, width, 4), np.uint8)
    icons = icons_of(scene.theme.name, asked.ratio)
    painting.paint(pixels, frame, looks, covers, icons, is_transparent=True)
    return Image.fromarray(plain(pixels), "RGBA")


def _sample(kind: str, width: int, height: int, inset: float) -> Group:
    """An area, a line or a point in a picture of so many pixels."""
    if kind not in ("fill", "line"):
        middle = np.array([[width / 2, height / 2]]) * _DEGREE
        return Group({}, middle, np.empty(0, dtype=object))
    shape: Any = shapely.box(inset, inset, width - inset, height - inset)
    if kind == "line":
        shape = shapely.LineString([(inset, height / 2), (width - inset, height / 2)])
    placed = shapely.transform(shape, lambda pixels: pixels * _DEGREE)
    return Group({}, np.empty((0, 2)), np.array([placed], dtype=object))
