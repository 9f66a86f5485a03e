"""Symbolizers of SLD and SE as layers of a MapLibre style.

What pictures cannot show, other marks than circles for one, is drawn as near to it as they can and
noted; sizes are pixels.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mapserve.glyphs import FONT
from mapserve.pictures import expressions as styles
from mapserve.sld.elements import check_names, child, children, every, kind, text, wrong
from mapserve.sld.expressions import Expression, Reader, number, parameter, times
from open311.errors import BadInput

StyleLayer = dict[str, Any]

ICON = "open311://"
"""Begins the names of marks that are icons of the server's own."""

_GREY, _BLACK, _WHITE = "#808080", "#000000", "#ffffff"
_MARK_SIZE, _FONT_SIZE = 6, 10
_FAINT = 0.5
"""How opaque a plain colour is that stands for a pattern."""
_CAPS = ("butt", "round", "square")
_JOINS = {"mitre": "miter", "miter": "miter", "round": "round", "bevel": "bevel"}
_PIXELS = ("pixel", "px")
_SIDES = {0: ("left", "bottom"), 1: ("", ""), 2: ("right", "top")}
_IGNORED = ("Name", "Description", "Title", "Abstract", "VendorOption", "Geometry", "Priority")

Parameters = Mapping[str, Any]


def layers_of(reader: Reader, element: Any, shape: str) -> list[StyleLayer]:
    """The layers that draw what a symbolizer does, on features of a kind of shape; maybe none.

    `shape` is Point, LineString or Polygon, or Geometry where they are mixed. Raises BadInput.
    """
    name = kind(element)
    found = _SYMBOLIZERS.get(name)
    if name == "RasterSymbolizer":
        reader.note("Features are no raster; this was left out", element)
        return []
    if found is None:
        raise wrong("This is no symbolizer that is understood here", element)
    make, shapes, condition = found
    if shape not in (*shapes, "Geometry"):
        reader.note(f"This draws nothing where features are {shape}; it was left out", element)
        return []
    _check_units(element)
    _check_geometry(element)
    made = make(reader, element)
    if shape == "Geometry" and condition is not None:
        return [each | {"filter": condition} for each in made]
    return made


def _check_units(element: Any) -> None:
    units = str(element.get("uom", _PIXELS[0])).rpartition("/")[2]
    if units not in _PIXELS:
        raise wrong(f"Sizes are in pixels here, and not in {units[:40]}", element)


def _check_geometry(element: Any) -> None:
    geometry = child(element, "Geometry")
    if geometry is not None and child(geometry, "Function") is not None:
        raise wrong("Shapes are drawn as they are, and not made into others", geometry)


def _css(element: Any) -> dict[str, Any]:
    """The parameters of a Fill, Stroke or Font by name: SLD 1.0 and SE name the element unlike."""
    if element is None:
        return {}
    named = [*every(element, "CssParameter"), *every(element, "SvgParameter")]
    return {each.get("name", ""): each for each in named}


def _colour(reader: Reader, told: Parameters, name: str, otherwise: str) -> Expression:
    if name not in told:
        return otherwise
    found = parameter(reader, told[name], "colour")
    if isinstance(found, str):
        # as GeoServer's own styles have it
        found = f"#{found[2:]}" if found.lower().startswith("0x") else found
        try:
            styles.colour(found)
        except BadInput:
            raise wrong(f"{found[:40]!r} is no colour", told[name]) from None
    return found


def _least(reader: Reader, element: Any, otherwise: float) -> Expression:
    """A number from 0 of a parameter, or an expression of one. Raises BadInput."""
    if element is None:
        return otherwise
    found = number(reader, element)
    if isinstance(found, int | float) and found < 0:
        raise wrong("This is a number from 0", element)
    return found


# points


def _point(reader: Reader, element: Any) -> list[StyleLayer]:
    check_names(element, ("Graphic", *_IGNORED))
    graphic = child(element, "Graphic")
    if graphic is None:
        raise wrong("A Graphic is needed within", element)
    check_names(graphic, _OF_GRAPHICS)
    for name in ("Rotation", "Displacement", "AnchorPoint"):
        if (moved := child(graphic, name)) is not None and text(moved).strip("0. \n"):
            reader.note("Circles are neither turned nor moved", moved)
    mark = _mark(reader, graphic)
    name = text(child(mark, "WellKnownName")) if mark is not None else ""
    if name.startswith(ICON):
        layout = {"icon-image": name.removeprefix(ICON), "icon-allow-overlap": True}
        return [{"type": "symbol", "layout": layout | {"icon-ignore-placement": True}}]
    return [_circle(reader, graphic, mark)]


_OF_GRAPHICS = (
    *("ExternalGraphic", "Mark", "Opacity", "Size", "Rotation", "AnchorPoint", "Displacement"),
    "Gap",
    "InitialGap",
)


def _mark(reader: Reader, graphic: Any) -> Any:
    """The first mark, which is what pictures that are not to be had are replaced by, or None."""
    for each in every(graphic, "ExternalGraphic"):
        reader.note("Pictures are fetched from nowhere; a circle is drawn", each)
    found = child(graphic, "Mark")
    if found is None:
        return None
    check_names(found, ("WellKnownName", "Fill", "Stroke", "OnlineResource", "Format", "MarkIndex"))
    name = text(child(found, "WellKnownName")) or "square"
    if name != "circle" and not name.startswith(ICON):
        reader.note(f"A circle is drawn for the mark {name[:40]!r}", found)
    return found


def _circle(reader: Reader, graphic: Any, mark: Any) -> StyleLayer:
    fill = None if mark is None else child(mark, "Fill")
    stroke = None if mark is None else child(mark, "Stroke")
    opacity = _least(reader, child(graphic, "Opacity"), 1)
    size = _least(reader, child(graphic, "Size"), _MARK_SIZE)
    paint: dict[str, Any] = {"circle-color": _GREY, "circle-opacity": opacity}
    width: Expression = 0
    if mark is not None:
        filled = _fill_of(reader, fill, opacity) if fill is not None else (_WHITE, 0)
        paint = dict(zip(("circle-color", "circle-opacity"), filled, strict=True))
    if stroke is not None or mark is None:
        told = _css(stroke)
        width = _least(reader, told.get("stroke-width"), 1)
        edge = times(_least(reader, told.get("stroke-opacity"), 1), opacity)
        paint["circle-stroke-color"] = _colour(reader, told, "stroke", _BLACK)
        paint |= {"circle-stroke-opacity": edge, "circle-stroke-width": width}
    # an edge has its middle on the outline, and in MapLibre styles it is around it
    return {"type": "circle", "paint": {**paint, "circle-radius": _radius(size, width)}}


def _radius(size: Expression, width: Expression) -> Expression:
    if isinstance(size, int | float) and isinstance(width, int | float):
        return max(0.0, (size - width) / 2)
    return ["max", 0, ["/", ["-", size, width], 2]]


def _fill_of(reader: Reader, fill: Any, opacity: Expression) -> tuple[Expression, Expression]:
    """The colour and opacity of a Fill; of a pattern, those of a plain one in its place."""
    check_names(fill, ("CssParameter", "SvgParameter", "GraphicFill"))
    told = _css(fill)
    opacity = times(_least(reader, told.get("fill-opacity"), 1), opacity)
    pattern = child(fill, "GraphicFill")
    if pattern is None:
        return _colour(reader, told, "fill", _GREY), opacity
    reader.note("A plain colour is drawn for the pattern", pattern)
    return _colour_of_pattern(reader, pattern), times(opacity, _FAINT)


def _colour_of_pattern(reader: Reader, pattern: Any) -> Expression:
    graphic = child(pattern, "Graphic")
    mark = None if graphic is None else child(graphic, "Mark")
    if mark is None:
        return _GREY
    fill = _css(child(mark, "Fill"))
    if "fill" in fill:
        return _colour(reader, fill, "fill", _GREY)
    return _colour(reader, _css(child(mark, "Stroke")), "stroke", _GREY)


# lines and areas


def _line(reader: Reader, element: Any) -> list[StyleLayer]:
    check_names(element, ("Stroke", "PerpendicularOffset", *_IGNORED))
    offset = child(element, "PerpendicularOffset")
    if offset is not None and number(reader, offset) != 0:
        reader.note("Lines are drawn where they are, without an offset", offset)
    stroke = child(element, "Stroke")
    return [] if stroke is None else [_stroke(reader, stroke)]


def _stroke(reader: Reader, stroke: Any) -> StyleLayer:
    check_names(stroke, ("CssParameter", "SvgParameter", "GraphicFill", "GraphicStroke"))
    told = _css(stroke)
    width = _least(reader, told.get("stroke-width"), 1)
    paint = {
        "line-color": _colour(reader, told, "stroke", _BLACK),
        "line-width": width,
        "line-opacity": _least(reader, told.get("stroke-opacity"), 1),
    }
    pattern = next((each for each in children(stroke) if kind(each).startswith("Graphic")), None)
    if pattern is not None:
        reader.note("A plain line is drawn for the pattern", pattern)
        paint["line-color"] = _colour_of_pattern(reader, pattern)
    if "stroke-dasharray" in told:
        paint |= _dashes(reader, told["stroke-dasharray"], width)
    caps, joins = (
        text(told.get(name)) or otherwise
        for name, otherwise in (("stroke-linecap", "butt"), ("stroke-linejoin", "miter"))
    )
    if caps not in _CAPS or joins not in _JOINS:
        known = ", ".join((*_CAPS, *_JOINS))
        raise wrong(f"There are {known} for caps and joins", stroke)
    layout = {"line-cap": caps, "line-join": _JOINS[joins]}
    return {"type": "line", "paint": paint, "layout": layout}


def _dashes(reader: Reader, element: Any, width: Expression) -> dict[str, Any]:
    """Dashes in pixels are told as parts of the width of the line."""
    try:
        lengths = [float(each) for each in text(element).replace(",", " ").split()]
    except ValueError:
        lengths = [-1.0]
    if not lengths or not all(0 <= each < 1e6 for each in lengths):
        raise wrong("Dashes are lengths in pixels, with spaces between", element)
    if not isinstance(width, int | float) or not width:
        reader.note("Dashes need a width that is the same for all; a whole line is drawn", element)
        return {}
    if not any(lengths):
        return {}
    if sum(lengths) < 1:
        raise wrong("Dashes are not all shorter than a pixel", element)
    # an odd number of them goes on with gaps for dashes
    twice = lengths * 2 if len(lengths) % 2 else lengths
    return {"line-dasharray": [each / width for each in twice]}


def _polygon(reader: Reader, element: Any) -> list[StyleLayer]:
    check_names(element, ("Fill", "Stroke", "Displacement", "PerpendicularOffset", *_IGNORED))
    fill, stroke = child(element, "Fill"), child(element, "Stroke")
    made: list[StyleLayer] = []
    if fill is not None:
        colour, opacity = _fill_of(reader, fill, 1)
        made.append({"type": "fill", "paint": {"fill-color": colour, "fill-opacity": opacity}})
    return made if stroke is None else [*made, _stroke(reader, stroke)]


# names


def _text(reader: Reader, element: Any) -> list[StyleLayer]:
    known = ("Label", "Font", "LabelPlacement", "Halo", "Fill", "Graphic", *_IGNORED)
    check_names(element, known)
    field = (
        parameter(reader, child(element, "Label")) if child(element, "Label") is not None else ""
    )
    if field == "":
        return []
    told = _css(child(element, "Fill"))
    size = _least(reader, _css(child(element, "Font")).get("font-size"), _FONT_SIZE)
    layout = {
        # no plain text: in that braces would be names of properties
        "text-field": ["to-string", field],
        **{"text-font": [FONT], "text-size": size},
        **_placement(reader, element, size),
    }
    options = {each.get("name"): text(each).lower() for each in every(element, "VendorOption")}
    if options.get("conflictResolution") == "false":
        layout["text-allow-overlap"] = True
    paint = {"text-color": _colour(reader, told, "fill", _BLACK), **_halo(reader, element)}
    if "fill-opacity" in told:
        paint["text-opacity"] = _least(reader, told["fill-opacity"], 1)
    return [{"type": "symbol", "layout": layout, "paint": paint}]


def _halo(reader: Reader, element: Any) -> dict[str, Any]:
    halo = child(element, "Halo")
    if halo is None:
        return {}
    check_names(halo, ("Radius", "Fill"))
    told = _css(child(halo, "Fill"))
    colour = _colour(reader, told, "fill", _WHITE)
    opacity = _least(reader, told.get("fill-opacity"), 1)
    if isinstance(colour, str) and isinstance(opacity, int | float) and opacity < 1:
        red, green, blue, alpha = styles.colour(colour)
        numbers = ",".join(str(round(255 * part)) for part in (red, green, blue))
        colour = f"rgba({numbers},{alpha * opacity:g})"
    radius = _least(reader, child(halo, "Radius"), 1)
    return {"text-halo-color": colour, "text-halo-width": radius}


def _placement(reader: Reader, element: Any, size: Expression) -> dict[str, Any]:
    """Where a name stands to its point; without a word of it the middle of the name is there."""
    placement = child(element, "LabelPlacement")
    if placement is None:
        return {}
    point = child(placement, "PointPlacement")
    if point is None:
        reader.note("Names stand upright at the middle of lines", placement)
        return {}
    check_names(point, ("AnchorPoint", "Displacement", "Rotation"))
    rotation = child(point, "Rotation")
    if rotation is not None and number(reader, rotation) != 0:
        reader.note("Names are not turned", rotation)
    across, up = _pair(reader, child(point, "AnchorPoint"), "AnchorPoint", (0, 0.5))
    right, above = _pair(reader, child(point, "Displacement"), "Displacement", (0, 0))
    placed: dict[str, Any] = {"text-anchor": _anchor(across, up)}
    if (right or above) and isinstance(size, int | float) and size:
        placed["text-offset"] = [right / size, -above / size]
    return placed


def _pair(
    reader: Reader, element: Any, name: str, otherwise: tuple[float, float]
) -> tuple[float, float]:
    if element is None:
        return otherwise
    found = []
    for axis, usual in zip("XY", otherwise, strict=True):
        each = child(element, f"{name}{axis}")
        told = usual if each is None else number(reader, each)
        if not isinstance(told, int | float):
            raise wrong("This is the same for all features", each)
        found.append(told)
    return found[0], found[1]


def _anchor(across: float, up: float) -> str:
    """The nearest of the nine places in a name."""
    horizontal, vertical = (_SIDES[min(2, max(0, round(2 * each)))] for each in (across, up))
    return "-".join(part for part in (vertical[1], horizontal[0]) if part) or "center"


SHAPES: dict[str, Expression] = {
    "circle": ["==", ["geometry-type"], "Point"],
    "line": ["!=", ["geometry-type"], "Point"],
    "fill": ["==", ["geometry-type"], "Polygon"],
}
"""The shapes that each type of layers draws, where a layer has several."""
_SYMBOLIZERS: dict[str, tuple[Callable[[Reader, Any], list[StyleLayer]], tuple[str, ...], Any]] = {
    "PointSymbolizer": (_point, ("Point",), SHAPES["circle"]),
    "LineSymbolizer": (_line, ("LineString", "Polygon"), SHAPES["line"]),
    "PolygonSymbolizer": (_polygon, ("Polygon",), SHAPES["fill"]),
    "TextSymbolizer": (_text, ("Point", "LineString", "Polygon"), None),
}
"""How each is made into layers, the shapes that it draws, and the filter of those among others."""
