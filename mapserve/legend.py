"""Pictures of what colours and shapes mean, and the icons that maps draw requests with."""

import io
from collections.abc import Sequence

from msgspec import Struct
from PIL import Image, ImageDraw, ImageFont

from mapserve.glyphs import FILE
from mapserve.styles import Scene, colours
from mapserve.themes import Theme

ICON = 24
"""Pixels of an icon's side, for screens of 96 dots an inch."""
ICONS = ("open", "closed")
_FINER = 4  # drawn so much larger, and then made small: edges are smooth
SWATCH = 18
"""Pixels of a symbol's side."""
_BETWEEN, _MARGIN, _TEXT = 4, 8, 13


class Row(Struct, frozen=True):
    """One line of a legend: a colour with a shape, or a picture, and what it stands for."""

    shape: str
    colour: str
    label: str
    symbol: Image.Image | None = None
    """In the size of all symbols of the legend."""


def rows(scene: Scene, layer: str, resolution: int) -> list[Row]:
    """The legend of a layer; of hexagons, of one resolution. Empty for one that has none."""
    theme = scene.theme
    if layer == "hexes":
        starts = scene.breaks.get(resolution, [])
        return [
            Row("fill", colour, label)
            for colour, label in zip(colours(theme.ramp, starts), _labels(starts), strict=True)
        ]
    if layer in ("requests", "staff-requests"):
        return [Row("open", theme.open, "Open"), Row("closed", theme.closed, "Closed")]
    if layer in ("boundaries", "wards"):
        return [Row("line", theme.line, layer.capitalize())]
    return []


def _labels(starts: Sequence[int]) -> list[str]:
    """`1 - 4`, `5 - 9`, `10 or more`."""
    ends = [f"{low:,} \u2013 {high - 1:,}" for low, high in zip([1, *starts], starts, strict=False)]
    return [*ends, f"{starts[-1]:,} or more" if starts else "1 or more"]


def picture(
    theme: Theme,
    scale: float,
    size: tuple[int, int],
    lines: Sequence[Row],
    *,
    transparent: bool,
) -> bytes:
    """A legend as PNG with symbols of a size; `scale` 1 is for screens of 96 dots an inch."""
    wide, high = size
    step = high + _BETWEEN
    font = ImageFont.truetype(FILE, round(_TEXT * scale))
    widest = max((font.getlength(line.label) for line in lines), default=0)
    width = round((3 * _MARGIN + wide) * scale + widest)
    height = round((2 * _MARGIN + step * len(lines)) * scale)
    made = Image.new("RGBA", (width, height), "#0000" if transparent else theme.land)
    draw = ImageDraw.Draw(made)
    for number, line in enumerate(lines):
        top = (_MARGIN + number * step) * scale
        made.alpha_composite(
            _symbol(theme, line, scale, size), (round(_MARGIN * scale), round(top))
        )
        at = ((2 * _MARGIN + wide) * scale, top + high * scale / 2)
        draw.text(at, line.label, fill=theme.ink, font=font, anchor="lm")
    return _png(made)


def symbol(
    theme: Theme, scale: float, size: tuple[int, int], line: Row, *, transparent: bool
) -> bytes:
    """The symbol of a line alone, as PNG of that size."""
    drawn = _symbol(theme, line, scale, size)
    made = Image.new("RGBA", drawn.size, "#0000" if transparent else theme.land)
    made.alpha_composite(drawn)
    return _png(made)


def _symbol(theme: Theme, line: Row, scale: float, size: tuple[int, int]) -> Image.Image:
    if line.symbol is not None:
        return line.symbol
    width, height = (max(1, round(side * scale)) for side in size)
    side = min(width, height)
    made = Image.new("RGBA", (width, height))
    shape = _shape(line.shape, line.colour, theme, side)
    made.alpha_composite(shape, ((width - side) // 2, (height - side) // 2))
    return made


def sprite(theme: Theme, ratio: int) -> tuple[bytes, dict[str, dict[str, int]]]:
    """The icons side by side as PNG, and where each is; `ratio` 2 is for finer screens."""
    side = ICON * ratio
    made = Image.new("RGBA", (side * len(ICONS), side))
    index = {}
    for number, name in enumerate(ICONS):
        made.alpha_composite(_shape(name, getattr(theme, name), theme, side), (number * side, 0))
        place = {"x": number * side, "y": 0, "width": side, "height": side}
        index[name] = place | {"pixelRatio": ratio}
    return _png(made), index


def _shape(shape: str, colour: str, theme: Theme, side: int) -> Image.Image:
    """A shape in a square, drawn finer and made small."""
    size = side * _FINER
    large = Image.new("RGBA", (size, size))
    draw, unit = ImageDraw.Draw(large), size / 24
    if shape == "fill":
        draw.rectangle((unit, unit, 23 * unit, 23 * unit), fill=colour)
    elif shape == "line":
        draw.line((unit, 12 * unit, 23 * unit, 12 * unit), fill=colour, width=round(2 * unit))
    elif shape == "open":
        draw.ellipse(_box(12, 11, unit), fill=theme.land)
        draw.ellipse(_box(12, 9, unit), fill=colour)
        draw.ellipse(_box(12, 3, unit), fill=theme.land)
    else:
        draw.ellipse(_box(12, 10, unit), fill=colour)
        draw.ellipse(_box(12, 7.5, unit), fill=theme.land)
        tick = [(8.2, 12.2), (11, 15), (16, 9.4)]
        points = [(x * unit, y * unit) for x, y in tick]
        draw.line(points, fill=colour, width=round(2.2 * unit), joint="curve")
    return large.resize((side, side), Image.Resampling.LANCZOS)


def _box(middle: float, radius: float, unit: float) -> tuple[float, float, float, float]:
    low, high = (middle - radius) * unit, (middle + radius) * unit
    return low, low, high, high


def _png(made: Image.Image) -> bytes:
    content = io.BytesIO()
    made.save(content, "PNG", compress_level=6)
    return content.getvalue()
