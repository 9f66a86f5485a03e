"""Paint layers of a MapLibre style with skia, from features and not from tiles."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
import skia
from msgspec import Struct
from numpy.typing import NDArray

from mapserve.pictures.covers import Cover, Group
from mapserve.pictures.expressions import Colour, Scope, tried
from mapserve.pictures.frame import Frame
from mapserve.pictures.labels import Labels
from mapserve.pictures.looks import Look, StyleLayer

Icons = Mapping[str, skia.Image]

_MANY = 2_000
"""From how many points on those that hide each other are left out."""
_HIDDEN = 0.5
"""The part of a pixel that is one place, where there are many points."""
_AROUND = 200.0
"""Pixels around the picture that shapes are cut at: what they are outside costs time."""
_MOST_STAMPS, _LARGEST_STAMP = 256, 128
"""Of more or larger ones no pictures are kept: each circle is drawn by itself."""
_HALVES = ((0, 0), (1, 0), (0, 1), (1, 1))
_LINEAR = skia.FilterMode.kLinear
_CAPS = {"butt": skia.Paint.kButt_Cap, "round": skia.Paint.kRound_Cap}
_CAPS |= {"square": skia.Paint.kSquare_Cap}
_JOINS = {"miter": skia.Paint.kMiter_Join, "round": skia.Paint.kRound_Join}
_JOINS |= {"bevel": skia.Paint.kBevel_Join}


class Canvas(Struct, frozen=True):
    """Where to paint: skia's canvas, what it shows, its zoom, and the icons that there are."""

    skia: skia.Canvas
    frame: Frame
    zoom: float
    icons: Icons
    labels: Labels


def paint(
    array: NDArray[np.uint8],
    frame: Frame,
    layers: Sequence[StyleLayer],
    covers: Mapping[str, Cover],
    icons: Icons,
    *,
    is_transparent: bool,
) -> None:
    """Paint on rows of pixels (red, green, blue, opacity), from the first layer to the last.

    `covers` has the features of each source layer. Names are placed last, so that none hides
    another, the first ones first.
    """
    surface = skia.Surface(
        array, colorType=skia.kRGBA_8888_ColorType, alphaType=skia.kPremul_AlphaType
    )
    canvas = Canvas(surface.getCanvas(), frame, frame.zoom(), icons, Labels(frame.ratio))
    for layer in layers:
        if layer["type"] == "background":
            if not is_transparent:
                background = Look(layer, Scope(canvas.zoom, {}))
                canvas.skia.clear(background.colour("background-color", "background-opacity"))
        elif is_shown(layer, canvas.zoom) and layer["source-layer"] in covers:
            _paint_layer(canvas, layer, covers[layer["source-layer"]])
    canvas.labels.draw(canvas.skia)


def is_shown(layer: StyleLayer, zoom: float) -> bool:
    """Whether a layer is drawn at a zoom at all."""
    hidden = layer.get("layout", {}).get("visibility") == "none"
    return not hidden and layer.get("minzoom", 0) <= zoom < layer.get("maxzoom", 99)


def _paint_layer(canvas: Canvas, layer: StyleLayer, cover: Cover) -> None:
    looks = []
    for group in cover.groups:
        scope = Scope(canvas.zoom, group.properties, _kind(group))
        if tried(layer.get("filter", True), scope):
            looks.append((Look(layer, scope), group))
    if looks:
        _PAINTERS[layer["type"]](canvas, looks)


def _kind(group: Group) -> str:
    if len(group.points):
        return "Point"
    dimension = int(shapely.get_dimensions(group.shapes).max())
    return ("Point", "LineString", "Polygon")[dimension]


Looks = Sequence[tuple[Look, Group]]


def _paint_fill(canvas: Canvas, looks: Looks) -> None:
    for look, group in looks:
        if look.scope.shape == "Polygon":
            fill = skia.Paint(AntiAlias=True, Color4f=look.colour("fill-color", "fill-opacity"))
            for path in _paths(canvas, group):
                canvas.skia.drawPath(path, fill)


def _paint_line(canvas: Canvas, looks: Looks) -> None:
    for look, group in looks:
        if look.scope.shape == "Point":
            continue
        width = look.number("line-width", 1) * canvas.frame.ratio
        if not width:
            # skia would draw the finest line there is
            continue
        stroke = skia.Paint(
            AntiAlias=True,
            Style=skia.Paint.kStroke_Style,
            StrokeWidth=width,
            Color4f=look.colour("line-color", "line-opacity"),
            StrokeCap=_CAPS.get(look.value("line-cap", "butt"), _CAPS["butt"]),
            StrokeJoin=_JOINS.get(look.value("line-join", "miter"), _JOINS["miter"]),
        )
        dashes = look.value("line-dasharray", None)
        if dashes:
            stroke.setPathEffect(skia.DashPathEffect.Make([each * width for each in dashes], 0))
        for path in _paths(canvas, group):
            canvas.skia.drawPath(path, stroke)


def _paths(canvas: Canvas, group: Group) -> list[skia.Path]:
    """A path for each shape, cut a little outside of the picture."""
    frame = canvas.frame
    placed = frame.place(group.shapes)
    # what lies where the coordinate system is not defined has no place
    finite = np.isfinite(shapely.bounds(placed)).all(axis=1)
    edges = (-_AROUND, -_AROUND, frame.width + _AROUND, frame.height + _AROUND)
    outside = ~_is_inside(placed[finite], edges)
    cut = placed[finite]
    cut[outside] = shapely.clip_by_rect(cut[outside], *edges)
    return [_path(shape) for shape in cut[~shapely.is_empty(cut)]]


def _is_inside(shapes: NDArray[np.object_], edges: tuple[float, ...]) -> NDArray[np.bool_]:
    boxes = shapely.bounds(shapes)
    low, high = boxes[:, :2] >= edges[:2], boxes[:, 2:] <= edges[2:]
    return np.asarray((low & high).all(axis=1))


def _path(shape: Any) -> skia.Path:
    path = skia.Path()
    path.setFillType(skia.PathFillType.kEvenOdd)
    for part in shapely.get_parts(shape):
        is_area = shapely.get_dimensions(part) == 2
        for line in shapely.get_rings(part) if is_area else [part]:
            corners = shapely.get_coordinates(line).tolist()
            path.addPoly([skia.Point(x, y) for x, y in corners], is_area)
    return path


def _paint_circle(canvas: Canvas, looks: Looks) -> None:
    """Circles that look alike are drawn once, and then stamped wherever they are."""
    found: dict[Circle, list[NDArray[np.float64]]] = {}
    for look, group in looks:
        if look.scope.shape == "Point":
            places = _places(canvas, group)
            found.setdefault(_circle(look, canvas.frame.ratio), []).append(places)
    circles = {each: _thinned(np.concatenate(places)) for each, places in found.items()}
    if len(circles) <= _MOST_STAMPS and all(each.side <= _LARGEST_STAMP for each in circles):
        _stamp(canvas, [each.stamp() for each in circles], list(circles.values()))
        return
    for circle, places in circles.items():
        for x, y in places.tolist():
            circle.draw(canvas.skia, x, y)


class Circle(Struct, frozen=True):
    """A circle of so many pixels; colours are red, green, blue and opacity."""

    radius: float
    width: float
    fill: Colour
    edge: Colour

    @property
    def side(self) -> int:
        """The pixels that it needs."""
        return 2 * int(np.ceil(self.radius + self.width)) + 2

    def stamp(self) -> skia.Image:
        """A picture of it, its middle in the middle."""
        surface = skia.Surface(self.side, self.side)
        self.draw(surface.getCanvas(), self.side / 2, self.side / 2)
        return surface.makeImageSnapshot()

    def draw(self, canvas: skia.Canvas, x: float, y: float) -> None:
        """Draw it around a point."""
        fill = skia.Paint(AntiAlias=True, Color4f=skia.Color4f(*self.fill))
        canvas.drawCircle(x, y, self.radius, fill)
        if self.width:
            edge = skia.Color4f(*self.edge)
            stroke = skia.Paint(AntiAlias=True, Color4f=edge, Style=skia.Paint.kStroke_Style)
            stroke.setStrokeWidth(self.width)
            canvas.drawCircle(x, y, self.radius + self.width / 2, stroke)


def _circle(look: Look, ratio: float) -> Circle:
    fill = look.colour("circle-color", "circle-opacity")
    edge = look.colour("circle-stroke-color", "circle-stroke-opacity")
    return Circle(
        look.number("circle-radius", 5) * ratio,
        look.number("circle-stroke-width", 0) * ratio,
        (fill.fR, fill.fG, fill.fB, fill.fA),
        (edge.fR, edge.fG, edge.fB, edge.fA),
    )


def _places(canvas: Canvas, group: Group) -> NDArray[np.float64]:
    points = group.points if len(group.points) else _middles(group.shapes)
    placed = canvas.frame.place_points(points)
    size = np.array([canvas.frame.width, canvas.frame.height])
    inside = ((placed > -_AROUND) & (placed < size + _AROUND)).all(axis=1)
    return np.asarray(placed[inside])


def _middles(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """A point of each shape for its name: half along a line, in the middle of an area if within."""
    lines = shapely.get_dimensions(shapes) == 1
    found = np.empty(len(shapes), dtype=object)
    # of several lines the longest has the name
    found[lines] = [
        shapely.line_interpolate_point(
            max(shapely.get_parts(each), key=shapely.length), 0.5, normalized=True
        )
        for each in shapes[lines]
    ]
    middles = shapely.centroid(shapes[~lines])
    is_within = shapely.contains(shapes[~lines], middles)
    middles[~is_within] = shapely.point_on_surface(shapes[~lines][~is_within])
    found[~lines] = middles
    return np.asarray(shapely.get_coordinates(found[~shapely.is_empty(found)]))


def _thinned(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of many points that lie on one another, the last: nobody sees the others."""
    if len(places) < _MANY:
        return places
    cells = np.round(places / _HIDDEN).astype(np.int64)
    keys = cells[:, 0] * (1 << 32) + cells[:, 1]
    _, last = np.unique(keys[::-1], return_index=True)
    return np.asarray(places[np.sort(len(places) - 1 - last)])


def _stamp(
    canvas: Canvas, stamps: Sequence[skia.Image], places: Sequence[NDArray[np.float64]]
) -> None:
    """Draw pictures with their middles at places, all in one call.

    Each is there four times, moved by half pixels, and put at whole ones: so nothing is blended
    anew for every place, which would take three times as long.
    """
    if not stamps:
        return
    cell = 1 + max(max(each.width(), each.height()) for each in stamps)
    atlas = skia.Surface(cell * len(_HALVES), cell * len(stamps))
    transforms: list[skia.RSXform] = []
    sources: list[skia.Rect] = []
    for row, (stamp, found) in enumerate(zip(stamps, places, strict=True)):
        halves = np.round((found - (stamp.width() / 2, stamp.height() / 2)) * 2).astype(np.int64)
        for column, half in enumerate(_HALVES):
            left, top = column * cell, row * cell
            moved = left + half[0] / 2, top + half[1] / 2
            atlas.getCanvas().drawImage(stamp, *moved, skia.SamplingOptions(_LINEAR))
            corners = halves[(halves % 2 == half).all(axis=1)] // 2
            transforms += [skia.RSXform(1, 0, x, y) for x, y in corners.tolist()]
            sources += [skia.Rect.MakeXYWH(left, top, cell, cell)] * len(corners)
    image = atlas.makeImageSnapshot()
    canvas.skia.drawAtlas(image, transforms, sources, [], skia.BlendMode.kSrcOver)


def _paint_symbol(canvas: Canvas, looks: Looks) -> None:
    """Icons where they are, and names where there is room, once all else is painted."""
    stamps: list[skia.Image] = []
    places: list[NDArray[np.float64]] = []
    for look, group in looks:
        found = _places(canvas, group)
        icon = canvas.icons.get(str(look.value("icon-image", "")))
        if icon is not None:
            stamps.append(icon)
            places.append(_thinned(found))
        if "text-field" in look.layer.get("layout", {}):
            canvas.labels.add(look, found)
    _stamp(canvas, stamps, places)


_PAINTERS: dict[str, Callable[[Canvas, Looks], None]] = {
    "fill": _paint_fill,
    "line": _paint_line,
    "circle": _paint_circle,
    "symbol": _paint_symbol,
}
TYPES = ("background", *_PAINTERS)
"""The types of layers of a style that are drawn."""
