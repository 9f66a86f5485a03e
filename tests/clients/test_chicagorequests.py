"""The `chicagorequests` package: pages of 200 until a short one, and dates with fractions."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from chicagorequests import Downloader

from tests.clients.conftest import ALLEY, BUSY_DAY, BUSY_DAY_ROWS, Town

CHICAGO = ZoneInfo("America/Chicago")
# Its address is an attribute of its class; its command runs as released.
COMMAND = "import sys, chicagorequests as c; c.Downloader.BASE_URL = sys.argv.pop(1); c.main()"


class Here(Downloader):  # type: ignore[misc]  # it has no types
    """Its downloader with the town's address."""


@pytest.fixture
def address(town: Town) -> str:
    return f"{town.own}/requests.json"


@pytest.fixture
def downloader(address: str) -> Iterator[Here]:
    Here.BASE_URL = address
    made = Here(request_type=[ALLEY])
    yield made
    made.session.close()


def day(at: datetime) -> tuple[datetime, datetime]:
    """A day as its command asks for it, with microseconds and Chicago's offset."""
    start = at.replace(tzinfo=CHICAGO)
    return start, datetime.combine(start, time.max, CHICAGO)


def test_it_pages_until_a_short_page(downloader: Here) -> None:
    found = downloader(day(BUSY_DAY))
    ids = [request["service_request_id"] for request in found]
    assert len(ids) == len(set(ids)) == BUSY_DAY_ROWS
    assert ids[0] == f"BUSY-{BUSY_DAY_ROWS - 1}"
    assert {request["extended_attributes"]["channel"] for request in found} == {"import"}


def test_a_day_without_requests_is_empty(downloader: Here) -> None:
    assert downloader(day(BUSY_DAY + timedelta(days=1))) == []


def test_it_asks_for_changes(address: str) -> None:
    Here.BASE_URL = address
    now = datetime.now(UTC)
    changed = Here(
        updated_start_date=(now - timedelta(days=6)).astimezone(CHICAGO),
        updated_end_date=now.astimezone(CHICAGO),
    )
    found = changed((now - timedelta(days=80), now))
    changed.session.close()
    ids = {request["service_request_id"] for request in found}
    assert {"RECENT-0", "RECENT-4"} <= ids
    assert "RECENT-8" not in ids


def test_its_command_writes_a_line_for_each(address: str) -> None:
    command = [sys.executable, "-c", COMMAND, address, "-s", "2024-03-08", "-e", "2024-03-10"]
    ran = subprocess.run(
        [*command, "-t", "alley_pothole"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    written = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len({request["service_request_id"] for request in written}) == BUSY_DAY_ROWS
    assert {request["service_code"] for request in written} == {ALLEY}
