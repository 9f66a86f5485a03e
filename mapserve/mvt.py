"""Mapbox Vector Tiles 2.1 made of hexagons: https://github.com/mapbox/vector-tile-spec.

PostGIS makes the tiles of its own geometries; hexagons have none, only their numbers.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

EXTENT = 4096
"""Width of a tile in its own units."""

_POINT, _POLYGON = 1, 3
_MOVE_TO, _LINE_TO, _CLOSE_PATH = 1, 2, 15
_SMALL = [bytes([number]) for number in range(128)]

Value = str | int | float | bool


class Feature(Struct, frozen=True):
    """A shape in tile units: a polygon's ring, not closed, or a single point. y grows downwards."""

    id: int
    corners: Sequence[tuple[int, int]]
    properties: Mapping[str, Value | None]


def layer(name: str, features: Iterable[Feature]) -> bytes:
    """One layer of a tile, itself a tile; the bytes of several make a tile of several layers.

    Properties that are None are left out.
    """
    keys: dict[str, int] = {}
    values: dict[tuple[type, Value], int] = {}
    parts = [b"\x78\x02", _field(0x0A, name.encode())]
    parts += [_field(0x12, _feature(each, keys, values)) for each in features]
    parts += [_field(0x1A, key.encode()) for key in keys]
    parts += [_field(0x22, _value(value)) for _, value in values]
    parts.append(b"\x28" + varint(EXTENT))
    return _field(0x1A, b"".join(parts))


def truncation(name: str, left_out: int) -> bytes:
    """A layer `{name}_truncated` whose one feature says how many others are missing."""
    middle = (EXTENT // 2, EXTENT // 2)
    return layer(f"{name}_truncated", [Feature(1, [middle], {"truncated": left_out})])


def varint(number: int) -> bytes:
    """A number from 0 in the variable length of protobuf."""
    if number < 128:
        return _SMALL[number]
    parts = bytearray()
    while number >= 128:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def project(corners: Sequence[tuple[float, float]], zoom: int, x: int, y: int) -> NDArray[np.int64]:
    """Points (lon, lat) in degrees, in the units of a tile: in it from 0 to EXTENT."""
    degrees = np.asarray(corners, np.float64)
    size = 1 << zoom
    lat = np.radians(degrees[:, 1])
    across = (degrees[:, 0] + 180) / 360 * size - x
    down = (0.5 - np.arcsinh(np.tan(lat)) / (2 * np.pi)) * size - y
    return np.rint(np.column_stack((across, down)) * EXTENT).astype(np.int64)


def _field(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + varint(len(content)) + content


def _feature(
    feature: Feature, keys: dict[str, int], values: dict[tuple[type, Value], int]
) -> bytes:
    tags = bytearray()
    for name, value in feature.properties.items():
        if value is not None:
            tags += varint(keys.setdefault(name, len(keys)))
            tags += varint(values.setdefault((type(value), value), len(values)))
    is_point = len(feature.corners) == 1
    return b"".join(
        (
            b"\x08" + varint(feature.id),
            _field(0x12, bytes(tags)),
            b"\x18" + _SMALL[_POINT if is_point else _POLYGON],
            _field(0x22, _geometry(feature.corners, is_point)),
        )
    )


def _geometry(corners: Sequence[tuple[int, int]], is_point: bool) -> bytes:
    if not is_point and _area(corners) < 0:
        corners = corners[::-1]
    parts = bytearray(varint(1 << 3 | _MOVE_TO))
    last_x = last_y = 0
    for number, (x, y) in enumerate(corners):
        if number == 1:
            parts += varint((len(corners) - 1) << 3 | _LINE_TO)
        parts += varint(_zigzag(x - last_x)) + varint(_zigzag(y - last_y))
        last_x, last_y = x, y
    if not is_point:
        parts += _SMALL[_CLOSE_PATH]
    return bytes(parts)


def _area(corners: Sequence[tuple[int, int]]) -> int:
    """Twice the area by the surveyor's formula: positive for an outer ring (section 4.3.3.3)."""
    following = [*corners[1:], corners[0]]
    return sum(
        x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(corners, following, strict=True)
    )


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return _field(0x0A, value.encode())
    if isinstance(value, bool):
        return b"\x38" + _SMALL[value]
    if isinstance(value, int):
        return b"\x30" + varint(_zigzag(value))
    return b"\x19" + struct.pack("<d", value)
