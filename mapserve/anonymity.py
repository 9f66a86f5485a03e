"""Hexagons of municipalities that publish none of fewer than k requests.

Everything published is a function of two numbers for each cell of one fixed partition: its requests
and its open requests, each divided by k and rounded down. Coarser hexagons are sums of those
published numbers; there are no finer ones, no filters, no durations and no single requests. So
whatever is subtracted from whatever, zooms, filters or days, says no more than those numbers do.
"""

import numpy as np
from numpy.typing import NDArray

from geo.cells import parents
from mapserve.filters import Selection
from open311.errors import BadInput, Forbidden
from open311.jurisdictions import Jurisdiction

RESOLUTION = 8
"""Of the partition that is published: cells of about a square kilometre."""

Integers = NDArray[np.int64]


def require_points(city: Jurisdiction) -> None:
    """Raise Forbidden where single requests are not shown on maps."""
    if city.settings.hex_minimum > 1:
        raise Forbidden(f"{city.name} publishes hexagons only, and no single requests, on maps.")


def check(city: Jurisdiction, selection: Selection, resolution: int) -> None:
    """Raise BadInput for what would tell more than the published numbers do."""
    if resolution > RESOLUTION:
        raise BadInput(f"{city.name} publishes hexagons up to resolution {RESOLUTION}.")
    if not selection.is_everything:
        raise BadInput(
            f"{city.name} publishes no hexagons of fewer than {city.settings.hex_minimum} "
            "requests, so hexagons cannot be filtered: differences would tell of single ones."
        )


def publish(
    cells: Integers, requests: Integers, still_open: Integers, resolution: int, least: int
) -> tuple[Integers, Integers, Integers]:
    """What is published of the partition's cells, requests and open requests, at a resolution.

    Numbers are rounded down to multiples of `least`, and then summed.
    """
    requests, still_open = (each // least * least for each in (requests, still_open))
    shown = requests > 0
    found, groups = np.unique(parents(cells[shown], resolution), return_inverse=True)
    return found, _sums(groups, requests[shown]), _sums(groups, still_open[shown])


def _sums(groups: Integers, numbers: Integers) -> Integers:
    return np.bincount(groups, numbers).astype(np.int64)
