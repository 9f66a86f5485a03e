"""Scales of SLD, whose pixel is 0.28 mm, and zooms of web maps."""

import math

ZOOM_ZERO = 559_082_264.028717 / 2
"""The scale of zoom 0, whose tile of 512 pixels of 0.28 mm holds the world, in Web Mercator."""
MOST_ZOOM = 24.0
_DIGITS = 6


def zoom_of(denominator: float) -> float:
    """The zoom at which a web map has a scale, from 0 to the finest."""
    return min(MOST_ZOOM, max(0.0, round(math.log2(ZOOM_ZERO / denominator), _DIGITS)))


def denominator_of(zoom: float) -> int:
    """The scale of a web map at a zoom, rounded up: QGIS reads whole numbers only.

    So at a zoom there is drawn what begins with it, and not what ends there, read back too.
    """
    return math.ceil(ZOOM_ZERO / float(2.0**zoom))
