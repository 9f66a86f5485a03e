"""What a rule draws, as a symbolizer of SLD 1.0."""

from collections.abc import Callable, Mapping
from typing import Any

from mapserve.pictures import expressions as styles
from mapserve.rules import Rule
from mapserve.sld.symbolizers import ICON
from mapserve.sld.telling import SLD, Expression, Told, hexadecimal, pieces, text_of, value

_ICON_SIZE = 24
_PLACES = {"left": 0.0, "right": 1.0, "bottom": 0.0, "top": 1.0}

Values = Mapping[str, Any]


def symbolizer(rule: Rule) -> Told:
    """The symbolizer of a rule, or None for one that draws nothing. Raises BadInput."""
    values = {**rule.look.get("paint", {}), **rule.look.get("layout", {})}
    return _SYMBOLIZERS[rule.look["type"]](values)


def _parameter(name: str, given: Expression) -> Told:
    told = value(given) if isinstance(given, list) else text_of(given)
    return SLD.CssParameter(told, name=name)


def _number(tag: str, given: Expression) -> Told:
    return SLD(tag, value(given) if isinstance(given, list) else text_of(given))


def _coloured(values: Values, name: str, opacity: str, prefix: str, usual: str) -> list[Told]:
    """Colour and opacity, as parameters: SLD has the opacity of a colour beside it."""
    given, strength = values.get(name, usual), values.get(opacity, 1)
    if not isinstance(given, list):
        red, green, blue, alpha = styles.colour(given)
        given = hexadecimal((red, green, blue, alpha))
        if alpha < 1:
            strength = (
                strength * alpha if not isinstance(strength, list) else ["*", strength, alpha]
            )
    told = [_parameter(prefix, given)]
    return told if strength == 1 else [*told, _parameter(f"{prefix}-opacity", strength)]


def _circle(values: Values) -> Told:
    radius, width = values.get("circle-radius", 5), values.get("circle-stroke-width", 0)
    parts = [SLD.WellKnownName("circle")]
    if values.get("circle-opacity", 1) != 0:
        told = _coloured(values, "circle-color", "circle-opacity", "fill", "#000000")
        parts.append(SLD.Fill(*told))
    if width != 0:
        edge = ("circle-stroke-color", "circle-stroke-opacity", "stroke", "#000000")
        parts.append(SLD.Stroke(*_coloured(values, *edge), _parameter("stroke-width", width)))
    # an edge has its middle on the outline, and in MapLibre styles it is around it
    size: Expression = ["+", ["*", 2, radius], width]
    if not isinstance(radius, list) and not isinstance(width, list):
        size = 2 * radius + width
    return SLD.PointSymbolizer(SLD.Graphic(SLD.Mark(*parts), _number("Size", size)))


def _line(values: Values) -> Told:
    return SLD.LineSymbolizer(_stroke(values))


def _stroke(values: Values) -> Told:
    width = values.get("line-width", 1)
    told = _coloured(values, "line-color", "line-opacity", "stroke", "#000000")
    told.append(_parameter("stroke-width", width))
    for name, usual in (("cap", "butt"), ("join", "miter")):
        if (given := values.get(f"line-{name}", usual)) != usual:
            told.append(_parameter(f"stroke-line{name}", {"miter": "mitre"}.get(given, given)))
    dashes = values.get("line-dasharray")
    if dashes and not isinstance(width, list):
        told.append(_parameter("stroke-dasharray", " ".join(text_of(d * width) for d in dashes)))
    return SLD.Stroke(*told)


def _fill(values: Values) -> Told:
    told = _coloured(values, "fill-color", "fill-opacity", "fill", "#000000")
    return SLD.PolygonSymbolizer(SLD.Fill(*told))


def _symbol(values: Values) -> Told:
    if "text-field" in values:
        return _text(values)
    if "icon-image" not in values:
        return None
    # other programs draw their usual mark for one that they do not know
    mark = SLD.Mark(SLD.WellKnownName(f"{ICON}{values['icon-image']}"))
    return SLD.PointSymbolizer(SLD.Graphic(mark, _number("Size", _ICON_SIZE)))


def _text(values: Values) -> Told:
    size = values.get("text-size", 16)
    parts = [
        SLD.Label(*pieces(values["text-field"])),
        SLD.Font(_parameter("font-size", size)),
        SLD.LabelPlacement(SLD.PointPlacement(*_placement(values, size))),
    ]
    if values.get("text-halo-width", 0) != 0:
        halo = _coloured(values, "text-halo-color", "", "fill", "rgba(0,0,0,0)")
        parts.append(SLD.Halo(_number("Radius", values["text-halo-width"]), SLD.Fill(*halo)))
    parts.append(SLD.Fill(*_coloured(values, "text-color", "text-opacity", "fill", "#000000")))
    if values.get("text-allow-overlap"):
        parts.append(SLD.VendorOption("false", name="conflictResolution"))
    return SLD.TextSymbolizer(*parts)


def _placement(values: Values, size: Expression) -> list[Told]:
    sides = str(values.get("text-anchor", "center")).split("-")
    across = next((_PLACES[each] for each in sides if each in ("left", "right")), 0.5)
    up = next((_PLACES[each] for each in sides if each in ("bottom", "top")), 0.5)
    told = [SLD.AnchorPoint(_number("AnchorPointX", across), _number("AnchorPointY", up))]
    right, down = values.get("text-offset", (0, 0))
    if (right or down) and not isinstance(size, list):
        moved = (_number("DisplacementX", right * size), _number("DisplacementY", -down * size))
        told.append(SLD.Displacement(*moved))
    return told


_SYMBOLIZERS: dict[str, Callable[[Values], Told]] = {
    "circle": _circle,
    "line": _line,
    "fill": _fill,
    "symbol": _symbol,
}
