"""Styles that analysts send for their layers: checked, and bound to the layer they are of.

As MapLibre styles, or as SLD: what is kept of that are the layers of a MapLibre style.
"""

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from mapserve import xml_reading
from mapserve.drawing import Layer
from mapserve.glyphs import FONT
from mapserve.pictures import expressions
from mapserve.pictures.expressions import Scope
from mapserve.pictures.painting import TYPES
from mapserve.rules import NAME, TITLE
from mapserve.sld import reading
from mapserve.sld.reading import Read
from open311.errors import BadInput
from open311.settings import Settings

_BYTE_ORDER = b"\xef\xbb\xbf"
_LONGEST_TITLE = 200
_ZOOMS = (0.0, 12.0, 24.0)
_NUMBERS = ("-width", "-radius", "-opacity", "-size")
_PROPERTY = re.compile(r"[a-z][a-z-]{1,40}")
_KNOWN = ("id", "type", "source", "source-layer", "paint", "layout", "filter", "minzoom", "maxzoom")


def read_file(body: bytes, layer: Layer, zone: ZoneInfo, settings: Settings) -> Read:
    """The style for a layer in a file, of SLD or of MapLibre. Raises BadInput and TooLarge."""
    if not body.lstrip(_BYTE_ORDER + b" \t\r\n").startswith(b"<"):
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput(f"This is neither SLD nor a MapLibre style: {error}.") from None
        return Read(read(document, layer.name, settings.max_style_layers), [])
    root = xml_reading.parse(body, settings.max_sld_bytes)
    found = reading.read(root, layer, zone)
    return Read(read(found.layers, layer.name, settings.max_style_layers), found.notes)


def read(document: Any, name: str, most_layers: int) -> list[dict[str, Any]]:
    """The layers of a MapLibre style, or a list of such, for the layer of a name.

    Whatever sources they were of, they are then of this. Raises BadInput that says where.
    """
    layers = document.get("layers") if isinstance(document, Mapping) else document
    if not isinstance(layers, list) or not 0 < len(layers) <= most_layers:
        raise BadInput(f"A style has a list `layers` of 1 to {most_layers} layers.")
    kept = [_layer(each, name, number) for number, each in enumerate(layers)]
    if not any(each is not None for each in kept):
        raise BadInput("A style draws something beside a background.")
    return [each for each in kept if each is not None]


def _layer(layer: Any, name: str, number: int) -> dict[str, Any] | None:
    place = f"layers[{number}]"
    if not isinstance(layer, dict):
        raise BadInput(f"{place} is no layer.")
    kind = layer.get("type")
    if kind == "background":
        return None
    if kind not in TYPES:
        raise BadInput(f"{place}: the type is one of {', '.join(TYPES[1:])}.")
    for key in layer:
        if key not in (*_KNOWN, "metadata"):
            raise BadInput(f"{place}: {str(key)[:40]!r} is not understood here.")
    _check_parts(layer, place)
    kept = {key: layer[key] for key in _KNOWN if key in layer}
    told = layer.get("metadata")
    titles = {key: told[key] for key in told if _is_told(key)} if isinstance(told, dict) else {}
    if titles:
        kept["metadata"] = {key: str(each)[:_LONGEST_TITLE] for key, each in titles.items()}
    if "text-field" in kept.get("layout", {}):
        # it is the one that is served here
        kept["layout"] = {**kept["layout"], "text-font": [FONT]}
    return kept | {"id": f"{name}-{number}", "source": name, "source-layer": name}


def _is_told(key: object) -> bool:
    return key in (NAME, TITLE) or str(key).startswith(f"{TITLE}:")


def _check_parts(layer: Mapping[str, Any], place: str) -> None:
    for part in ("paint", "layout"):
        given = layer.get(part, {})
        if not isinstance(given, dict):
            raise BadInput(f"{place}.{part} is no object.")
        for key, value in given.items():
            if not _PROPERTY.fullmatch(key):
                raise BadInput(f"{place}.{part}: {key[:40]!r} is no property.")
            _check_value(key, value, f"{place}.{part}.{key}")
    expressions.check(layer.get("filter"), f"{place}.filter")
    _tried(layer.get("filter"), _ZOOMS[0], f"{place}.filter")
    for key in ("minzoom", "maxzoom"):
        zoom = layer.get(key, 0)
        if isinstance(zoom, bool) or not isinstance(zoom, int | float) or not 0 <= zoom <= 24:
            raise BadInput(f"{place}.{key} is a number from 0 to 24.")


def _check_value(key: str, value: Any, place: str) -> None:
    if key in ("line-dasharray", "text-font", "text-offset") and isinstance(value, list):
        return
    expressions.check(value, place)
    for zoom in _ZOOMS:
        found = _tried(value, zoom, place)
        if found is None:
            continue
        if key.endswith("-color"):
            expressions.colour(found)
        elif key.endswith(_NUMBERS) and not isinstance(found, int | float):
            raise BadInput(f"{place} is a number; {str(found)[:40]!r} is not.")


def _tried(expression: Any, zoom: float, place: str) -> Any:
    """The value for a feature without properties. Raises BadInput for what has none."""
    try:
        return expressions.evaluate(expression, Scope(zoom, {}))
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError):
        raise BadInput(f"{place} cannot be evaluated.") from None
