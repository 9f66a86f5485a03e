"""What WMS says of itself: GetCapabilities and DescribeLayer, in both versions."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from jinja2 import Environment, FileSystemLoader
from msgspec import Struct

from mapserve.drawing import WORLD, Layer
from mapserve.features.crs import LISTED, to_crs
from mapserve.features.extents import Extent
from mapserve.features.source import Bounds
from mapserve.pictures import legends
from mapserve.pictures.encoding import FORMATS
from mapserve.pictures.legends import Asked
from mapserve.styles import Scene
from mapserve.themes import THEMES
from mapserve.wms.asking import NEW
from mapserve.wms.feature_info import WRITERS
from mapserve.wms.styling import LAYER_LIMIT
from open311.dates import format_instant
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TILE_SCALE = 559_082_264.028717 / 2
"""The scale of zoom 0, whose tile of 512 pixels of 0.28 mm holds the world."""
_LINES = 41
"""Of each direction, along which a box is followed into other systems."""
_LEAST = 0.0002
"""Degrees across a box of what lies at one place: twenty metres."""
_HINT = 0.00028 * 2**0.5
"""Of a scale, in metres across a pixel from corner to corner: as the old version has it."""


class Shown(Struct, frozen=True):
    """A layer as capabilities describe it."""

    name: str
    title: str
    description: str
    attribution: str
    keywords: Sequence[str]
    bounds: Bounds
    boxes: list[tuple[str, tuple[float, ...]]]
    time: tuple[str, str] | None
    legend_size: tuple[int, int]
    largest_scale: float | None

    @property
    def scale_hint(self) -> float:
        """The largest scale as the old version has it."""
        return (self.largest_scale or 0) * _HINT


def describe(
    city: Jurisdiction,
    scene: Scene,
    layers: Sequence[tuple[Layer, Extent]],
    version: str,
    root: str,
    settings: Settings,
) -> bytes:
    """The capabilities; `root` is the address of the city's maps."""
    shown = [_shown(scene, layer, extent, version) for layer, extent in layers]
    corners = list(zip(*(each.bounds for each in shown), strict=True)) or [(w,) for w in WORLD]
    around = (min(corners[0]), min(corners[1]), max(corners[2]), max(corners[3]))
    return (
        _TEMPLATES.get_template("capabilities.xml")
        .render(
            version=version,
            city=city,
            root=root,
            url=f"{root}/wms",
            layers=shown,
            around={"bounds": around, "boxes": _boxes(around, version)},
            keywords=["service requests", "311", city.name],
            systems=LISTED,
            formats=list(FORMATS),
            info_formats=list(WRITERS),
            themes=list(THEMES),
            layer_limit=LAYER_LIMIT,
            most_pixels=settings.max_picture_pixels,
            sequence=int(city.changeset.timestamp()),
        )
        .encode()
    )


def _shown(scene: Scene, layer: Layer, extent: Extent, version: str) -> Shown:
    bounds = _spacious(extent.bounds or WORLD)
    span = extent.span
    return Shown(
        name=layer.name,
        title=layer.title,
        description=layer.description,
        attribution=layer.attribution,
        keywords=layer.keywords,
        bounds=bounds,
        boxes=_boxes(bounds, version),
        time=(format_instant(span[0]), format_instant(span[1])) if span else None,
        legend_size=size_of(legends.draw(scene, layer, Asked())),
        largest_scale=_TILE_SCALE / 2**layer.min_zoom if layer.min_zoom else None,
    )


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, as the head of a PNG tells them."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _spacious(bounds: Bounds) -> Bounds:
    """Bounds with some ground, of one place or line too: clients ask for pictures of them.

    A box without an area is no box (OGC 06-042, 6.7.4).
    """
    west, south, east, north = bounds
    across, up = (_LEAST / 2 if low == high else 0 for low, high in ((west, east), (south, north)))
    return west - across, south - up, east + across, north + up


def _boxes(bounds: Bounds, version: str) -> list[Any]:
    """The bounds in each system, in the axis order that the version has."""
    west, south, east, north = _mercator(bounds)
    # points, for what lies at one place, or in one line, has no box
    lines = np.meshgrid(np.linspace(west, east, _LINES), np.linspace(south, north, _LINES))
    box = np.array([shapely.multipoints(np.stack(lines, axis=-1).reshape(-1, 2))])
    found = []
    for crs in LISTED:
        placed = to_crs(box, crs, in_xy=version != NEW)[0]
        corners = [round(each, crs.digits) for each in shapely.bounds(placed).tolist()]
        if np.isfinite(corners).all():
            found.append((crs.name, tuple(corners)))
    return found


def _mercator(bounds: Bounds) -> Bounds:
    """What of it Web Mercator can show: it knows no poles."""
    west, south, east, north = bounds
    return max(west, WORLD[0]), max(south, WORLD[1]), min(east, WORLD[2]), min(north, WORLD[3])


def describe_layers(layers: Sequence[Layer], version: str, root: str) -> bytes:
    """Where the features of layers are: at WFS."""
    return (
        _TEMPLATES.get_template("described.xml")
        .render(layers=layers, version=version, wfs=f"{root}/wfs?")
        .encode()
    )


def refuse(problems: Sequence[tuple[str, str, str]], version: str) -> bytes:
    """A report of exceptions: code, locator and sentence of each."""
    template = _TEMPLATES.get_template("exceptions.xml")
    return template.render(problems=problems, version=version).encode()
