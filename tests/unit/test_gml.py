"""Values of features in GML."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mapserve.wfs.gml import _column
from open311.dates import format_instant

INSTANTS = st.datetimes(min_value=datetime(1, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.lists(st.none() | INSTANTS))
def test_instants_are_written_as_everywhere(values: list[datetime | None]) -> None:
    told = ["" if each is None else f"<a>{format_instant(each)}</a>" for each in values]
    assert _column("a", values) == told


def test_values_are_escaped() -> None:
    assert _column("a", ["<&", None, True, 1.5]) == [
        "<a>&lt;&amp;</a>",
        "",
        "<a>true</a>",
        "<a>1.5</a>",
    ]
