"""Values on their way into spreadsheets."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from mapserve.export.cells import cell


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('=HYPERLINK("http://x")', '\'=HYPERLINK("http://x")'),
        ("+27 21 555", "'+27 21 555"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("a = b", "a = b"),
        (-5, -5),
        (None, ""),
        (True, "true"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (date(1850, 1, 1), date(1850, 1, 1)),
    ],
)
def test_no_text_becomes_a_formula(value: Any, told: Any) -> None:
    assert cell(value) == told
