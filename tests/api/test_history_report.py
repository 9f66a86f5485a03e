"""The report of an import: it never costs a file, nor the report of the last time for nothing."""

from pathlib import Path

import pytest

from ingest import history
from ingest.history import Source
from open311.db import Database
from open311.errors import BadInput

pytestmark = pytest.mark.anyio

ROWS = "service_code,requested_datetime,address\nPOTHOLE,2020-01-01,a\nNOPE,2020-01-01,a\n"


async def test_the_report_never_takes_the_place_of_the_file(
    database: Database, city: str, tmp_path: Path
) -> None:
    file, link = tmp_path / "history.csv", tmp_path / "link.csv"
    file.write_text(ROWS)
    link.symlink_to(file)
    for report in (file, link):
        with pytest.raises(BadInput, match="the report must be another"):
            await history.import_file(database, city, Source(file), report)
    assert file.read_text() == ROWS


async def test_only_a_file_that_can_be_read_replaces_the_last_report(
    database: Database, city: str, tmp_path: Path
) -> None:
    file, report = tmp_path / "history.csv", tmp_path / "refused.csv"
    report.write_text("of the last time")
    for content in (None, "a,b\n1,2\n"):
        if content:
            file.write_text(content)
        with pytest.raises(BadInput):
            await history.import_file(database, city, Source(file), report)
        assert report.read_text() == "of the last time"
    file.write_text(ROWS)
    await history.import_file(database, city, Source(file), report)
    assert [line[:6] for line in report.read_text().splitlines()] == ["line,s", "3,,unk"]
