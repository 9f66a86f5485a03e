"""What is at a pixel of a picture: GetFeatureInfo, in the forms that clients read."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any
from xml.sax.saxutils import escape as escape_xml

import msgspec
from msgspec import Struct

from mapserve.features import geojson
from mapserve.features.reading import Features
from mapserve.pictures.frame import Frame
from open311.dates import format_instant
from open311.extents import Box

_TOLERANCE = 6
"""Pixels around the one that is pointed at: a finger is no needle."""


class Found(Struct, frozen=True):
    """The features of a layer that were found."""

    layer: str
    title: str
    features: Features


def around(frame: Frame, column: int, row: int) -> Box:
    """The box in degrees around a pixel, in which a feature counts as hit. Raises BadInput."""
    west, south, east, north = frame.corners
    across, up = (east - west) / frame.width, (north - south) / frame.height
    x, y, reach = west + (column + 0.5) * across, north - (row + 0.5) * up, _TOLERANCE * frame.ratio
    small = Frame(
        frame.crs, (x - reach * across, y - reach * up, x + reach * across, y + reach * up), 1, 1
    )
    return small.exact_box()


def _json(found: Sequence[Found]) -> bytes:
    features = [
        {
            "type": "Feature",
            "id": f"{each.layer}.{feature.id}",
            "geometry": feature.geometry,
            "properties": feature.properties,
        }
        for each in found
        for feature in geojson.encode(each.features)
    ]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def _text(found: Sequence[Found]) -> bytes:
    lines = []
    for each in found:
        lines.append(f"Layer '{each.layer}'")
        for name, values in _rows(each.features):
            lines.append(f"  Feature {name}:")
            lines += [f"    {key} = '{value}'" for key, value in values]
    return ("\n".join(lines) + "\n").encode()


def _html(found: Sequence[Found]) -> bytes:
    tables = []
    for each in found:
        for name, values in _rows(each.features):
            cells = "".join(
                f'<tr><th scope="row">{escape(key)}</th><td>{escape(value)}</td></tr>'
                for key, value in values
            )
            tables.append(f"<h2>{escape(each.title)} {escape(name)}</h2><table>{cells}</table>")
    body = "".join(tables) or "<p>Nothing here.</p>"
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Features</title>'
    return f"{head}</head><body>{body}</body></html>".encode()


def _gml(found: Sequence[Found]) -> bytes:
    members = "".join(
        f'<gml:featureMember><{each.layer} fid="{escape_xml(name)}">'
        + "".join(f"<{key}>{escape_xml(value)}</{key}>" for key, value in values if _is_name(key))
        + f"</{each.layer}></gml:featureMember>"
        for each in found
        for name, values in _rows(each.features)
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    space = 'xmlns:gml="http://www.opengis.net/gml"'
    return f"{head}<FeatureCollection {space}>{members}</FeatureCollection>".encode()


def _is_name(text: str) -> bool:
    return text.replace("_", "a").replace("-", "a").isalnum() and not text[0].isdigit()


def _rows(features: Features) -> list[tuple[str, list[tuple[str, str]]]]:
    table = list(zip(*features.values.values(), strict=True)) or [()] * len(features)
    return [
        (name, [(key, _told(value)) for key, value in zip(features.values, row, strict=True)])
        for name, row in zip(features.ids, table, strict=True)
    ]


def _told(value: Any) -> str:
    if value is None:
        return ""
    return format_instant(value) if hasattr(value, "hour") else str(value)


WRITERS: dict[str, Callable[[Sequence[Found]], bytes]] = {
    "text/plain": _text,
    "text/html": _html,
    "application/json": _json,
    "application/geo+json": _json,
    "application/geojson": _json,
    "application/vnd.ogc.gml": _gml,
}
"""The forms of answers, by INFO_FORMAT."""
