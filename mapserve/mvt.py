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
# of one byte and of two: nearly all that a tile has
_SHORT = [
    bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])
    for number in range(1 << 14)
]

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
    parts = [b"\x78\x02", field(0x0A, name.encode())]
    parts += [field(0x12, _feature(each, keys, values)) for each in features]
    parts += [field(0x1A, key.encode()) for key in keys]
    parts += [field(0x22, _value(value)) for _, value in values]
    parts.append(b"\x28" + varint(EXTENT))
    return field(0x1A, b"".join(parts))


def truncation(name: str, left_out: int) -> bytes:
    """A layer `{name}_truncated` whose one feature says how many others are missing."""
    middle = (EXTENT // 2, EXTENT // 2)
    return layer(f"{name}_truncated", [Feature(1, [middle], {"truncated": left_out})])


def varint(number: int) -> bytes:
    """A number from 0 in the variable length of protobuf."""
    if number < 1 << 14:
        return _SHORT[number]
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


def field(tag: int, content: bytes) -> bytes:
    """A field of bytes in protobuf: its tag, which has the number and the kind, and its length."""
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
            field(0x12, bytes(tags)),
            b"\x18" + _SHORT[_POINT if is_point else _POLYGON],
            field(0x22, _geometry(feature.corners, is_point)),
        )
    )


def _geometry(corners: Sequence[tuple[int, int]], is_point: bool) -> bytes:
    if not is_point and _area(corners) < 0:
        corners = corners[::-1]
    parts = [varint(1 << 3 | _MOVE_TO)]
    last_x = last_y = 0
    for number, (x, y) in enumerate(corners):
        if number == 1:
            parts.append(varint((len(corners) - 1) << 3 | _LINE_TO))
        parts.append(varint(zigzag(x - last_x)))
        parts.append(varint(zigzag(y - last_y)))
        last_x, last_y = x, y
    if not is_point:
        parts.append(_SHORT[_CLOSE_PATH])
    return b"".join(parts)


def _area(corners: Sequence[tuple[int, int]]) -> int:
    """Twice the area by the surveyor's formula: positive for an outer ring (section 4.3.3.3)."""
    total = 0
    last_x, last_y = corners[-1]
    for x, y in corners:
        total += last_x * y - x * last_y
        last_x, last_y = x, y
    return total


def zigzag(number: int) -> int:
    """A signed number as protobuf has it: small ones stay small."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return field(0x0A, value.encode())
    if isinstance(value, bool):
        return b"\x38" + _SHORT[value]
    if isinstance(value, int):
        return b"\x30" + varint(zigzag(value))
    return b"\x19" + struct.pack("<d", value)
