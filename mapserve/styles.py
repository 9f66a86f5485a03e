"""How layers look: one definition for each, for MapLibre, QGIS, and the legends.

The format is the MapLibre style specification 8. What is used of it is what QGIS 3.22 draws too: no
colour of a fill by `step` or `interpolate`, so there is a layer for each class of hexagons.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from geo.cells import MAP_RESOLUTIONS
from mapserve.drawing import Layer
from mapserve.glyphs import FONT
from mapserve.hex_tiles import MAX_ZOOM as HEX_ZOOM
from mapserve.hex_tiles import resolution_at
from mapserve.themes import Theme

_OPACITY = 0.8
_MELTING = 1.5
"""Zooms in which hexagons fade where points begin."""
_CLOSE_ZOOM = 16
_QUANTILES = (0.2, 0.98)
_CLASSES = 6
_NEAT = (1, 2, 5)

StyleLayer = dict[str, Any]


class Scene(Struct, frozen=True):
    """What the look of a city's layers depends on.

    `breaks` has, for each resolution of hexagons, the least count of each colour but the first.
    """

    theme: Theme
    points_from: int
    breaks: dict[int, list[int]]


def breaks(counts: NDArray[np.int64]) -> list[int]:
    """Where the colours of some hexagons begin: at neat numbers, each so many times the last.

    Most hexagons have few requests and some very many, so even steps would show only those.
    """
    if not len(counts):
        return []
    low, high = np.maximum(np.quantile(counts, _QUANTILES), 1)
    found = {_neat(float(number)) for number in np.geomspace(low, high, _CLASSES - 1)}
    return sorted(number for number in found if number > 1)


def _neat(number: float) -> int:
    """The nearest of 1, 2, 5, 10, 20, 50, …"""
    power = 10 ** int(np.floor(np.log10(max(1.0, number))))
    return int(min((step * power for step in (*_NEAT, 10)), key=lambda near: abs(near - number)))


def style(
    scene: Scene,
    title: str,
    names: Sequence[str],
    tiles: str,
    server: str,
    own: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> dict[str, Any]:
    """A MapLibre style of some layers, from below to above; `own` are the looks that some bring.

    `tiles` is the address that layers' TileJSON lies under, `server` that of letters and icons.
    """
    theme = scene.theme
    background = {"id": "paper", "type": "background", "paint": {"background-color": theme.paper}}
    brought = own or {}
    looks = [
        layer
        for name in names
        for layer in (brought[name] if name in brought else _look(name, scene))
    ]
    if list(names) == ["requests"]:
        looks = _hexes(scene, "requests") + looks
    return {
        "version": 8,
        "name": title,
        "metadata": {"open311:legend": legend(scene)},
        "sprite": f"{server}/maps/sprites/{theme.name}",
        "glyphs": f"{server}/maps/glyphs/{{fontstack}}/{{range}}.pbf",
        "sources": {name: {"type": "vector", "url": f"{tiles}/{name}.json"} for name in names},
        "layers": [background, *looks],
    }


def brought(layers: Sequence[Layer]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The looks of those that bring their own."""
    return {layer.name: layer.looks for layer in layers if layer.looks is not None}


def _look(name: str, scene: Scene) -> list[StyleLayer]:
    return LOOKS[name](scene) if name in LOOKS else _dataset(name, scene.theme)


def legend(scene: Scene) -> dict[str, Any]:
    """What the colours mean, for whoever draws a legend."""
    return {
        "hexes": {
            str(resolution): {"starts": starts, "colours": colours(scene.theme.ramp, starts)}
            for resolution, starts in scene.breaks.items()
        },
        "resolutions": [resolution_at(zoom) for zoom in range(HEX_ZOOM + 1)],
        "points_from": scene.points_from,
        "open": scene.theme.open,
        "closed": scene.theme.closed,
    }


def colours(ramp: Sequence[str], starts: Sequence[int]) -> list[str]:
    """As many colours of a ramp as there are classes, from its first to its last."""
    places = np.linspace(0, len(ramp) - 1, len(starts) + 1)
    return [ramp[round(place)] for place in places]


def _boundaries(scene: Scene) -> list[StyleLayer]:
    theme = scene.theme
    land = ["match", ["get", "kind"], "country", theme.paper, theme.land]
    return [
        _layer("boundaries", "fill", {"fill-color": land}),
        _layer("boundaries", "line", {"line-color": theme.line, "line-width": 1}),
        _labels("boundaries", theme, minzoom=6, maxzoom=10),
    ]


def _wards(scene: Scene) -> list[StyleLayer]:
    paint = {"line-color": scene.theme.line, "line-width": 0.5, "line-opacity": 0.7}
    return [_layer("wards", "line", paint, minzoom=10)]


def _hexes(scene: Scene, source: str = "hexes") -> list[StyleLayer]:
    """Layers for each resolution, for counts grow sevenfold from one to the next."""
    opacity: Any = _OPACITY
    if scene.points_from <= HEX_ZOOM:
        end = scene.points_from + _MELTING
        fading = [scene.points_from, _OPACITY, end, 0]
        opacity = ["interpolate", ["linear"], ["zoom"], *fading]
    return [
        layer
        for resolution in MAP_RESOLUTIONS
        if (zooms := _zooms(resolution, scene))
        for layer in _hexes_of(scene, source, resolution, zooms, opacity)
    ]


def _zooms(resolution: int, scene: Scene) -> dict[str, float]:
    """The zooms of a resolution's hexagons, the last excluded; none when it is never drawn."""
    zooms = [zoom for zoom in range(HEX_ZOOM + 1) if resolution_at(zoom) == resolution]
    if not zooms or zooms[0] > scene.points_from + _MELTING:
        return {}
    last = min(zooms[-1] + 1 if zooms[-1] < HEX_ZOOM else 24, scene.points_from + _MELTING)
    return {"minzoom": zooms[0], "maxzoom": last}


def _hexes_of(
    scene: Scene, source: str, resolution: int, zooms: dict[str, float], opacity: Any
) -> list[StyleLayer]:
    starts = scene.breaks.get(resolution, [])
    classes = zip([1, *starts], [*starts, None], colours(scene.theme.ramp, starts), strict=True)
    made = [
        _layer(source, "fill", {"fill-color": colour, "fill-opacity": opacity}, **zooms)
        | {"id": f"hexes-{resolution}-{low}", "filter": _counts(low, high)}
        for low, high, colour in classes
    ]
    paint = {"line-color": scene.theme.land, "line-width": 0.7, "line-opacity": opacity}
    line = {"id": f"hexes-{resolution}-line", "filter": ["has", "cell"]}
    return [*made, _layer(source, "line", paint, **zooms) | line]


def _counts(low: int, high: int | None) -> list[Any]:
    least = [">=", ["get", "count"], low]
    return ["all", least, ["<", ["get", "count"], high]] if high else ["all", least]


def _dataset(name: str, theme: Theme) -> list[StyleLayer]:
    """Shapes of whatever kind, in one colour."""
    area = {"fill-color": theme.dataset, "fill-opacity": 0.25}
    line = {"line-color": theme.dataset, "line-width": 1.5}
    point = {"circle-color": theme.dataset, "circle-radius": 4, "circle-stroke-color": theme.land}
    return [
        _layer(name, "fill", area) | {"filter": ["==", ["geometry-type"], "Polygon"]},
        _layer(name, "line", line) | {"filter": ["!=", ["geometry-type"], "Point"]},
        _layer(name, "circle", point) | {"filter": ["==", ["geometry-type"], "Point"]},
    ]


def _requests(scene: Scene) -> list[StyleLayer]:
    theme, least = scene.theme, scene.points_from
    if least > HEX_ZOOM:
        return []
    fading = ["interpolate", ["linear"], ["zoom"], least, 0.4, least + 1, 1]
    paint = _points(theme) | {"circle-opacity": fading}
    icons = {
        "icon-image": ["match", ["get", "status"], "open", "open", "closed"],
        "icon-allow-overlap": True,
        "icon-ignore-placement": True,
    }
    missing = _layer("requests", "symbol", _text_paint(theme), minzoom=least)
    missing |= {
        "id": "requests-truncated",
        "source-layer": "requests_truncated",
        "layout": _text("+{truncated}", 14) | {"text-allow-overlap": True},
    }
    return [
        _layer("requests", "circle", paint, minzoom=least, maxzoom=_CLOSE_ZOOM),
        _layer("requests", "symbol", {}, minzoom=max(least, _CLOSE_ZOOM)) | {"layout": icons},
        missing,
    ]


def _staff_requests(scene: Scene) -> list[StyleLayer]:
    return [_layer("staff-requests", "circle", _points(scene.theme))]


def _points(theme: Theme) -> dict[str, Any]:
    """Filled while open, a ring once closed."""
    return {
        "circle-color": ["match", ["get", "status"], "open", theme.open, theme.land],
        "circle-stroke-color": ["match", ["get", "status"], "open", theme.land, theme.closed],
        "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 12, 1, 16, 2.5],
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 10, 2, 14, 3.5, 16, 6, 19, 10],
    }


def _layer(name: str, kind: str, paint: dict[str, Any], **zooms: float) -> StyleLayer:
    common = {"id": f"{name}-{kind}", "type": kind, "source": name, "source-layer": name}
    return common | zooms | {"paint": paint}


def _labels(name: str, theme: Theme, **zooms: float) -> StyleLayer:
    label = {"source-layer": f"{name}_labels", "layout": _text("{name}", 12)}
    return _layer(name, "symbol", _text_paint(theme), **zooms) | label


def _text(field: str, size: int) -> dict[str, Any]:
    return {"text-field": field, "text-font": [FONT], "text-size": size}


def _text_paint(theme: Theme) -> dict[str, Any]:
    return {"text-color": theme.ink, "text-halo-color": theme.land, "text-halo-width": 1.5}


LOOKS: dict[str, Callable[[Scene], list[StyleLayer]]] = {
    "boundaries": _boundaries,
    "wards": _wards,
    "hexes": _hexes,
    "requests": _requests,
    "staff-requests": _staff_requests,
}
"""From below to above."""
