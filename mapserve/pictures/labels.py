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


class Label(Struct, frozen=True):
    """A text in a place, its middle there, and how it looks."""

    text: str
    x: float
    y: float
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
        font = skia.Font(TYPEFACE, float(look.value("text-size", 16)) * self._ratio)
        font.setSubpixel(True)
        ink, halo = (
            look.colour(name, "text-opacity", otherwise)
            for name, otherwise in (("text-color", "#000000"), ("text-halo-color", "#00000000"))
        )
        width = float(look.value("text-halo-width", 0)) * self._ratio
        may = bool(look.value("text-allow-overlap", False))
        for x, y in places.tolist() if text else ():
            self._wanted.append(Label(text, x, y, font, ink, halo, width, may))

    def draw(self, canvas: skia.Canvas) -> None:
        """Draw those for which there is room, in the order in which they were wanted."""
        taken: list[skia.Rect] = []
        for each in self._wanted:
            width = each.font.measureText(each.text)
            metrics = each.font.getMetrics()
            middle = (metrics.fAscent + metrics.fDescent) / 2
            left, base = each.x - width / 2, each.y - middle
            box = skia.Rect.MakeLTRB(
                left - _PADDING,
                base + metrics.fAscent - _PADDING,
                left + width + _PADDING,
                base + metrics.fDescent + _PADDING,
            )
            if not each.may_overlap and any(skia.Rect.Intersects(box, other) for other in taken):
                continue
            taken.append(box)
            _write(canvas, each, left, base)


def _write(canvas: skia.Canvas, each: Label, left: float, base: float) -> None:
    if each.halo_width:
        halo = skia.Paint(AntiAlias=True, Color4f=each.halo, Style=skia.Paint.kStroke_Style)
        halo.setStrokeWidth(2 * each.halo_width)
        halo.setStrokeJoin(skia.Paint.kRound_Join)
        canvas.drawString(each.text, left, base, each.font, halo)
    canvas.drawString(
        each.text, left, base, each.font, skia.Paint(AntiAlias=True, Color4f=each.ink)
    )
