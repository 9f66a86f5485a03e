"""Names on pictures: none over another, none cut at the edge of what is known of them."""

import numpy as np
import skia
from msgspec import Struct
from numpy.typing import NDArray

from mapserve.glyphs import FILE
from mapserve.pictures.expressions import label
from mapserve.pictures.looks import Look

TYPEFACE = skia.Typeface.MakeFromFile(str(FILE))
_PADDING = 2.0

Corner = tuple[float, float]


class Label(Struct, frozen=True):
    """A text beside a place, and how it looks."""

    text: str
    x: float
    y: float
    anchor: str
    font: skia.Font
    ink: skia.Color4f
    halo: skia.Color4f
    halo_width: float
    may_overlap: bool


class Labels:
    """The names of one picture. A class: it remembers where there is no more room."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._wanted: list[Label] = []

    def add(self, look: Look, places: NDArray[np.float64]) -> None:
        """Want a name at each place."""
        text = label(look.layer["layout"]["text-field"], look.scope).strip()
        font = skia.Font(TYPEFACE, look.number("text-size", 16) * self._ratio)
        font.setSubpixel(True)
        ink, halo = (
            look.colour(name, "text-opacity", otherwise)
            for name, otherwise in (("text-color", "#000000"), ("text-halo-color", "#00000000"))
        )
        width = look.number("text-halo-width", 0) * self._ratio
        may = bool(look.value("text-allow-overlap", False))
        anchor = str(look.value("text-anchor", "center"))
        right, down = _offset(look) * font.getSize()
        for x, y in places.tolist() if text else ():
            self._wanted.append(
                Label(text, x + right, y + down, anchor, font, ink, halo, width, may)
            )

    def draw(self, canvas: skia.Canvas) -> None:
        """Draw those for which there is room, in the order in which they were wanted."""
        # west, north, east and south of each: thousands are compared at once
        taken = np.empty((len(self._wanted), 4))
        number = 0
        for each in self._wanted:
            width = each.font.measureText(each.text)
            metrics = each.font.getMetrics()
            left, base = _place(each, width, metrics)
            low = (left - _PADDING, base + metrics.fAscent - _PADDING)
            high = (left + width + _PADDING, base + metrics.fDescent + _PADDING)
            if not each.may_overlap and _is_hit(taken[:number], low, high):
                continue
            taken[number] = *low, *high
            number += 1
            _write(canvas, each, left, base)


def _is_hit(taken: NDArray[np.float64], low: Corner, high: Corner) -> bool:
    """Whether a box meets one of others."""
    meets = (taken[:, :2] < high).all(axis=1) & (taken[:, 2:] > low).all(axis=1)
    return bool(meets.any())


def _offset(look: Look) -> NDArray[np.float64]:
    """How far a name is moved to the right and down, in parts of its size."""
    given = look.value("text-offset", (0, 0))
    try:
        return np.array(given, np.float64).reshape(2)
    except (TypeError, ValueError):
        return np.zeros(2)


def _place(each: Label, width: float, metrics: skia.FontMetrics) -> tuple[float, float]:
    """Where a text begins, and its line: the anchor is the part of it that is at its place."""
    left, base = each.x - width / 2, each.y - (metrics.fAscent + metrics.fDescent) / 2
    if each.anchor.endswith(("left", "right")):
        left = each.x if each.anchor.endswith("left") else each.x - width
    if each.anchor.startswith(("top", "bottom")):
        base = each.y - (metrics.fAscent if each.anchor.startswith("top") else metrics.fDescent)
    return left, base


def _write(canvas: skia.Canvas, each: Label, left: float, base: float) -> None:
    if each.halo_width:
        halo = skia.Paint(AntiAlias=True, Color4f=each.halo, Style=skia.Paint.kStroke_Style)
        halo.setStrokeWidth(2 * each.halo_width)
        halo.setStrokeJoin(skia.Paint.kRound_Join)
        canvas.drawString(each.text, left, base, each.font, halo)
    canvas.drawString(
        each.text, left, base, each.font, skia.Paint(AntiAlias=True, Color4f=each.ink)
    )
