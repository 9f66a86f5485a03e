"""Parts of files, as RFC 9110 section 14 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapserve.opendata.ranges import Unsatisfiable, read_range


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-9", (0, 10)),
        ("bytes=5-", (5, 10)),
        ("bytes = 5 - 7", (5, 8)),
        ("bytes=5-1000", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-1000", (0, 10)),
        # the whole, as it may be
        ("bytes=0-1,3-4", None),
        ("bytes=7-3", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-1", None),
        ("bytes=1-99999999999999999999999", None),
    ],
)
def test_a_range_is_read(header: str | None, part: tuple[int, int] | None) -> None:
    assert read_range(header, 10) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_a_range_beyond_the_end_cannot_be_had(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        read_range(header, 10)


@given(st.text(), st.integers(0, 100))
def test_a_part_lies_in_the_file(words: str, size: int) -> None:
    for header in (words, f"bytes={words}"):
        try:
            part = read_range(header, size)
        except Unsatisfiable:
            continue
        assert part is None or 0 <= part[0] < part[1] <= size
