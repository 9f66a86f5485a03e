"""The frame of a picture: where it is on the ground, how large, and how fine."""

import math

import numpy as np
import shapely
from msgspec import Struct
from numpy.typing import NDArray

from mapserve.features.boxes import box_from
from mapserve.features.crs import Crs, to_crs
from open311.errors import BadInput
from open311.extents import Box

Shapes = NDArray[np.object_]

_TILE_PIXELS = 512
"""Of a tile in MapLibre: its zooms are counted by it."""
_ZOOM_DIGITS = 6
_MARGIN = 128
"""Pixels around, in which something may stand that is seen in the picture."""


class Frame(Struct, frozen=True):
    """A picture of so many pixels of a box (west, south, east, north in its system, x before y).

    `ratio` is the number of pixels to one of a screen of 96 dots an inch: symbols grow with it.
    """

    crs: Crs
    corners: tuple[float, float, float, float]
    width: int
    height: int
    ratio: float = 1.0

    def box(self) -> Box:
        """What it shows and what stands around it, in degrees. Raises BadInput."""
        west, south, east, north = self.corners
        across, up = (east - west) / self.width, (north - south) / self.height
        margin = _MARGIN * self.ratio
        around = (
            west - margin * across,
            south - margin * up,
            east + margin * across,
            north + margin * up,
        )
        return box_from(around, self.crs, in_xy=True)

    def exact_box(self) -> Box:
        """What it shows, in degrees. Raises BadInput."""
        return box_from(self.corners, self.crs, in_xy=True)

    def zoom(self) -> float:
        """The zoom at which a web map shows it as large: styles are written by zooms."""
        exact = math.log2(360 / (_TILE_PIXELS * self.degrees_a_pixel() * self.ratio))
        # what projecting loses would else show neighbouring tiles as of different zooms
        return round(exact, _ZOOM_DIGITS)

    def degrees_a_pixel(self) -> float:
        """How many degrees of longitude lie across a pixel in the middle."""
        west, south, east, north = self.corners
        middle = (south + north) / 2
        quarter = (east - west) / 4
        line = (west + quarter, middle, east - quarter, middle)
        try:
            found = box_from(line, self.crs, in_xy=True)
        except BadInput:
            # the middle lies beyond a pole, and some of the picture does not
            whole = self.exact_box()
            return max(1e-9, (whole.east - whole.west) / self.width)
        return max(1e-9, (found.east - found.west) * 2 / self.width)

    def place(self, shapes: Shapes) -> Shapes:
        """Shapes (longitude, latitude) in pixels from the upper left corner."""
        return np.asarray(shapely.transform(to_crs(shapes, self.crs, in_xy=True), self._pixels))

    def place_points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (rows of longitude and latitude) in pixels, without those that lie nowhere."""
        shapes = np.asarray(shapely.points(points), dtype=object).reshape(-1)
        placed = self._pixels(shapely.get_coordinates(to_crs(shapes, self.crs, in_xy=True)))
        return placed[np.isfinite(placed).all(axis=1)]

    def _pixels(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        west, south, east, north = self.corners
        return np.column_stack(
            (
                (xy[:, 0] - west) / (east - west) * self.width,
                (north - xy[:, 1]) / (north - south) * self.height,
            )
        )


def check(frame: Frame, most_pixels: int) -> None:
    """Refuse a frame that shows nothing, or is larger than it may be. Raises BadInput."""
    west, south, east, north = frame.corners
    if not (west < east and south < north):
        raise BadInput("The box must have its least corner first.")
    if not (1 <= frame.width <= most_pixels and 1 <= frame.height <= most_pixels):
        raise BadInput(f"A picture is 1 to {most_pixels} pixels wide and high.")
