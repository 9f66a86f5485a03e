"""A picture of some layers: which features it takes, how they look, and its pixels."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import skia
from msgspec import Struct, structs
from PIL import ImageColor

from mapserve import legend, styles
from mapserve.drawing import Layer
from mapserve.features import hexagons
from mapserve.features.reading import Query
from mapserve.features.source import Source
from mapserve.hex_tiles import resolution_at
from mapserve.layers import LAYERS, opened
from mapserve.pictures import covers, painting
from mapserve.pictures.covers import Cover
from mapserve.pictures.encoding import Pixels
from mapserve.pictures.expressions import properties_of
from mapserve.pictures.frame import Frame
from mapserve.pictures.looks import StyleLayer
from mapserve.styles import Scene
from mapserve.themes import THEMES
from open311.context import Context
from open311.errors import BadInput
from open311.jurisdictions import Jurisdiction

_OF_HEXAGONS = {column.name for column in hexagons.SOURCE.columns}
_LABELS = "_labels"
_TRUNCATED = "_truncated"


class Part(Struct, frozen=True):
    """A layer of a picture: which of its features, and the style layers that draw them."""

    layer: Layer
    query: Query
    looks: Sequence[StyleLayer]
    is_own: bool = False
    """Whether somebody sent the looks, instead of those that all maps have."""


def looks_of(scene: Scene, layer: Layer) -> list[StyleLayer]:
    """The style layers of a layer, as web maps have them."""
    own = styles.brought([layer])
    looks: list[StyleLayer] = styles.style(scene, layer.title, [layer.name], "", "", own)["layers"]
    return [look for look in looks if look["type"] != "background"]


async def draw(
    context: Context,
    city: Jurisdiction,
    scene: Scene,
    parts: Sequence[Part],
    frame: Frame,
    background: str | None = None,
) -> Pixels:
    """The pixels of a picture, from the lowest part to the highest; clear where nothing is.

    Beyond the world there is nothing (OGC 06-042, 7.3.3.6). Raises Busy.
    """
    try:
        frame.exact_box()
    except BadInput:
        return blank(frame, background)
    found: dict[str, Cover] = {}
    looks: list[StyleLayer] = []
    sent = 0
    for number, part in enumerate(parts):
        # a layer may be there twice, each time with other features
        covers_of_part = await _read(context, city, scene, part, frame)
        sent += _looks_sent(part, covers_of_part, frame.zoom())
        _check_looks(sent, context.settings.max_picture_looks)
        found |= {f"{number}/{name}": cover for name, cover in covers_of_part.items()}
        named = ((look, f"{number}/{look['source-layer']}") for look in part.looks)
        looks += [{**look, "source-layer": name} for look, name in named]
    if background is not None:
        looks = [{"type": "background", "paint": {"background-color": background}}, *looks]
    pixels = np.zeros((frame.height, frame.width, 4), np.uint8)
    icons = icons_of(scene.theme.name, frame.ratio)
    clear = background is None
    await asyncio.to_thread(
        painting.paint, pixels, frame, looks, found, icons, is_transparent=clear
    )
    return pixels


def blank(frame: Frame, background: str | None = None) -> Pixels:
    """The pixels of a picture of nothing: clear, or of one colour."""
    pixels = np.zeros((frame.height, frame.width, 4), np.uint8)
    if background is not None:
        pixels[:] = (*ImageColor.getrgb(background), 255)
    return pixels


def _looks_sent(part: Part, found: Mapping[str, Cover], zoom: float) -> int:
    """How many looks a style that somebody sent has for the features that were found."""
    if not part.is_own:
        return 0
    names = (look["source-layer"] for look in part.looks if painting.is_shown(look, zoom))
    return sum(len(found[name].groups) for name in names if name in found)


def _check_looks(number: int, most: int) -> None:
    """Each look is evaluated by itself, which takes time. Raises BadInput."""
    if number > most:
        told = f"The style tells apart more features than a picture may show: {number} looks"
        raise BadInput(f"{told}, and {most} are the most. Ask for less of the map, or filter.")


async def _read(
    context: Context, city: Jurisdiction, scene: Scene, part: Part, frame: Frame
) -> Mapping[str, Cover]:
    """What each source layer that is seen at the zoom has to show."""
    zoom, found = frame.zoom(), {}
    shown = [look for look in part.looks if painting.is_shown(look, zoom)]
    async with opened(context, city, part.layer) as reading:
        own = shown if part.is_own else None
        source, query = drawn_from(part.layer, part.query, scene, zoom, own)
        reading = structs.replace(reading, source=source)
        query = structs.replace(query, boxes=(frame.box(),))
        for name in dict.fromkeys(look["source-layer"] for look in shown):
            if name.endswith(_TRUNCATED):
                continue
            own = [look for look in shown if look["source-layer"] == name]
            names = sorted({each for look in own for each in _names(look)})
            found[name] = await covers.read(
                reading, query, names, frame.degrees_a_pixel(), labels=name.endswith(_LABELS)
            )
    return found


def _names(look: StyleLayer) -> set[str]:
    parts = (look.get("filter"), look.get("paint"), look.get("layout"))
    return {name for part in parts for name in properties_of(part)}


def drawn_from(
    layer: Layer,
    query: Query,
    scene: Scene,
    zoom: float,
    own: Sequence[StyleLayer] | None = None,
) -> tuple[Source, Query]:
    """What a layer is drawn from at a zoom: of requests, hexagons where there are many of them.

    What limits requests then limits those that are counted. `own` looks, which somebody sent, are
    of requests at every zoom, unless they read what hexagons have.
    """
    tile_zoom = max(0, int(zoom))
    is_melting = layer is LAYERS["requests"] and tile_zoom < scene.points_from
    if own is not None:
        shown = [look for look in own if painting.is_shown(look, zoom)]
        is_melting = is_melting and any(_OF_HEXAGONS & _names(look) for look in shown)
    if is_melting:
        counted = structs.replace(query.selection, condition=query.condition)
        query = structs.replace(query, selection=counted, condition=None)
    if layer is LAYERS["hexes"] or is_melting:
        return hexagons.source(resolution_at(tile_zoom)), query
    return layer.source, query


@lru_cache(maxsize=16)
def icons_of(theme: str, ratio: float) -> dict[str, Any]:
    """The icons of a theme, as large as they are in a picture."""
    finer = 2 if ratio > 1 else 1
    body, index = legend.sprite(THEMES[theme], finer)
    sheet = skia.Image.MakeFromEncoded(skia.Data.MakeWithCopy(body))
    icons = {}
    for name, place in index.items():
        box = skia.IRect.MakeXYWH(place["x"], place["y"], place["width"], place["height"])
        side = max(1, round(place["width"] / finer * ratio))
        icons[name] = sheet.makeSubset(box).resize(side, side)
    return icons
