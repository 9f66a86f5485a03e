"""Scales of SLD, whose pixel is 0.28 mm, and zooms of web maps."""

import math

from mapserve.features.crs import metres
from mapserve.pictures.frame import Frame
from open311.errors import BadInput

ZOOM_ZERO = 559_082_264.028717 / 2
"""The scale of zoom 0, whose tile of 512 pixels of 0.28 mm holds the world, in Web Mercator."""
MOST_ZOOM = 24.0
_DIGITS = 6
_PIXEL = 0.00028
"""Metres across."""


def zoom_of(denominator: float, zoom_zero: float = ZOOM_ZERO) -> float:
    """The zoom at which a map has a scale, from 0 to the finest; `zoom_zero` is that of zoom 0."""
    return min(MOST_ZOOM, max(0.0, round(math.log2(zoom_zero / denominator), _DIGITS)))


def denominator_of(zoom: float) -> int:
    """The scale of a web map at a zoom, rounded up: QGIS reads whole numbers only.

    So at a zoom there is drawn what begins with it, and not what ends there, read back too.
    """
    return math.ceil(ZOOM_ZERO / float(2.0**zoom))


def zoom_zero_of(frame: Frame) -> float:
    """The scale of zoom 0 in a picture's system.

    In Web Mercator and in degrees it is always the same; elsewhere it hangs on the place, for
    scales are true there and zooms are those of Web Mercator.
    """
    west, _, east, _ = frame.corners
    metres_a_pixel = (east - west) / frame.width * metres(frame.crs) * frame.ratio
    try:
        return float(metres_a_pixel / _PIXEL * 2.0 ** frame.zoom())
    except BadInput:
        # beyond the world nothing is drawn at any scale
        return ZOOM_ZERO
