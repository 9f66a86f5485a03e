"""Days from request to closing, to two significant digits: as codes that can be counted.

The code of a duration is made by the database (`days_code`): 0 to 99 are tenths of a day, then
come 10 to 99 days, 100 to 990 and 1,000 to 9,900. They sort as durations do, so percentiles of any
selection are had from counts, exactly. Percentiles are by nearest rank, as SQL's percentile_disc.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

CODES = 370
DAYS: NDArray[np.float64] = np.array(
    [
        *(tenth / 10 for tenth in range(100)),
        *range(10, 100),
        *range(100, 1000, 10),
        *range(1000, 10_000, 100),
    ]
)
"""The days of each code."""

PACKED = np.dtype([("code", ">i2"), ("number", ">i4")])
"""How codes with their counts are stored, ascending."""


def unpack(packed: bytes) -> dict[int, int]:
    """The number of each code."""
    pairs = np.frombuffer(packed, PACKED)
    return dict(zip(pairs["code"].tolist(), pairs["number"].tolist(), strict=True))


def pack(numbers: Mapping[int, int]) -> bytes:
    """The stored form; codes of which there are none are left out."""
    pairs = sorted((code, number) for code, number in numbers.items() if number)
    return np.array(pairs, PACKED).tobytes()


def percentile(numbers: Mapping[int, int], share: float) -> int | None:
    """The code at a share (0 to 1) of all, by nearest rank; None of none."""
    rank = math.ceil(share * sum(numbers.values()))
    for code in sorted(numbers):
        rank -= numbers[code]
        if rank <= 0 < numbers[code]:
            return code
    return None


def percentiles(
    groups: NDArray[np.int64], codes: NDArray[np.int64], numbers: NDArray[np.int64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and 90th percentile, in days, of each of `size` groups; nan of one without codes.

    `groups`, `codes` and `numbers` are of one length, in any order: so many of a code in a group.
    """
    keys, places = np.unique(groups * CODES + codes, return_inverse=True)
    upto = np.cumsum(np.bincount(places, numbers, len(keys)))
    totals = np.bincount(groups, numbers, size)
    before = np.cumsum(totals) - totals
    found = []
    for share in (0.5, 0.9):
        ranks = np.searchsorted(upto, before + np.ceil(share * totals))
        inside = np.append(keys, 0)[ranks]
        found.append(np.where(totals > 0, DAYS[inside % CODES], np.nan))
    return found[0], found[1]


def of_codes(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The days of each code, nan where it is negative: nothing closed."""
    return np.where(codes < 0, np.nan, DAYS[np.maximum(codes, 0)])
