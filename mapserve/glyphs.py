"""Letters for maps: signed distance fields of a font, in the ranges that renderers ask for.

The format is that of https://github.com/mapbox/glyph-pbf-composite: letters 24 pixels high, three
pixels around each, and distances up to eight pixels, of which a quarter lies outside of the letter.
"""

from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mapserve.mvt import field, varint, zigzag

FONT = "Noto Sans Regular"
FILE = Path(__file__).with_name("fonts") / "NotoSans-Regular.ttf"
RANGE = 256
"""How many characters are asked for at once."""

_SIZE, _BUFFER, _RADIUS, _CUTOFF = 24, 3, 8, 0.25
_FAR = 1e9
_BLANKS = (0x20, 0xA0)


@lru_cache(maxsize=32)
def draw_range(first: int) -> bytes:
    """The letters of 256 characters from one on; those that the font lacks are left out."""
    letters = [
        field(0x1A, _glyph(chr(code)))
        for code in range(first, first + RANGE)
        if code in _characters()
    ]
    name = field(0x0A, FONT.encode()) + field(0x12, f"{first}-{first + RANGE - 1}".encode())
    return field(0x0A, name + b"".join(letters))


@cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FILE, _SIZE, layout_engine=ImageFont.Layout.BASIC)


@cache
def _characters() -> frozenset[int]:
    """What the font has; what it lacks leaves no trace, like blanks, which it has."""
    blocks = (range(0x20, 0x250), range(0x1E00, 0x1F00), range(0x2010, 0x2270))
    drawn = (code for block in blocks for code in block if _font().getmask(chr(code)).getbbox())
    return frozenset([*_BLANKS, *drawn])


def _glyph(letter: str) -> bytes:
    left, top, right, bottom = (round(edge) for edge in _font().getbbox(letter, anchor="ls"))
    width, height = right - left, bottom - top
    ascent, _ = _font().getmetrics()
    parts = [b"\x08" + varint(ord(letter))]
    if width > 0 and height > 0:
        picture = Image.new("L", (width + 2 * _BUFFER, height + 2 * _BUFFER))
        draw = ImageDraw.Draw(picture)
        draw.text((_BUFFER - left, _BUFFER - top), letter, fill=255, font=_font(), anchor="ls")
        parts.append(field(0x12, _distances(np.asarray(picture) / 255).tobytes()))
    numbers = (width, height, zigzag(left), zigzag(-top - ascent), round(_font().getlength(letter)))
    parts += [
        bytes((tag,)) + varint(each)
        for tag, each in zip(b"\x18\x20\x28\x30\x38", numbers, strict=True)
    ]
    return b"".join(parts)


def _distances(ink: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Distance from the letter's edge as bytes: 192 on the edge, more inside."""
    away = 0.5 - ink
    outer = np.where(ink == 0, _FAR, np.maximum(away, 0) ** 2)
    inner = np.where(ink == 1, _FAR, np.maximum(-away, 0) ** 2)
    distance = np.sqrt(_squared(outer)) - np.sqrt(_squared(inner))
    return np.clip(np.rint(255 - 255 * (distance / _RADIUS + _CUTOFF)), 0, 255).astype(np.uint8)


def _squared(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squares of the distances to the nearest cell, each cell's own number added."""
    for axis in (0, 1):
        steps = np.arange(grid.shape[axis])
        apart = (steps[:, None] - steps[None, :]) ** 2.0
        lines = np.moveaxis(grid, axis, -1)
        grid = np.moveaxis((lines[..., None, :] + apart).min(axis=-1), -1, axis)
    return grid
