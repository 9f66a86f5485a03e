"""Dates: georeport 1.1."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from open311.dates import format_instant, parse_instant
from open311.errors import BadInput

SAST = ZoneInfo("Africa/Johannesburg")
EIGHT = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-10T08:00:00Z",
        "2026-03-10t08:00:00z",
        "2026-03-10T10:00:00+02:00",
        "2026-03-10T10:00:00 02:00",
        "2026-03-10T10:00:00+0200",
        "2026-03-10T08:00:00.000Z",
        "2026-03-10T08:00Z",
        "2026-03-10T10:00:00",
        "2026-03-10 10:00:00",
        " 2026-03-10T08:00:00Z ",
    ],
)
def test_reads_what_clients_send(text: str) -> None:
    assert parse_instant(text, SAST, "start_date") == EIGHT


def test_a_date_alone_is_its_first_second_there() -> None:
    assert format_instant(parse_instant("2026-03-10", SAST, "x")) == "2026-03-09T22:00:00Z"


def test_fractions_are_kept_on_input_and_left_out_on_output() -> None:
    instant = parse_instant("2026-11-19T23:59:59.999999-06:00", SAST, "x")
    assert instant.microsecond == 999999
    assert format_instant(instant) == "2026-11-20T05:59:59Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2026",
        "2026-13-01",
        "2026-02-30",
        "20260310",
        "2026-03-10T25:00:00Z",
        "now",
        "2026-03-10T08:00:00+99:00",
        "0001-01-01",
        "2026-W10-1",
        "1700000000",
    ],
)
def test_garbage_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadInput, match="start_date"):
        parse_instant(text, SAST, "start_date")
