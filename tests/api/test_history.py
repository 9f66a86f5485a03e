"""History goes in by file, every good row once."""

import csv
import gzip
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from anyio import to_thread
from click.testing import CliRunner
from sqlalchemy import text

from geo import cells, tiles
from ingest import growth, history
from ingest.commands import demo as demo_command
from ingest.commands import imports
from ingest.history import Counts, Source
from ingest.history_files import BATCH_ROWS
from open311.db import Database
from open311.errors import BadInput, NotFound
from open311.settings import Settings

pytestmark = pytest.mark.anyio

HEADER = "id,code,opened,closed,lat,long,place\n"
GOOD = """\
A-1,POTHOLE,2020-03-01T08:00:00Z,2020-03-02T08:00:00Z,-33.95,18.65,"Main
Road"
A-2,Graffiti,2020-03-01 10:00:00,,-33.96,18.66,
A-3,TREE,2020-03-01,,,,12 High Street
"""
COLUMNS = {
    "service_request_id": "id",
    "service_code": "code",
    "requested_datetime": "opened",
    "closed_datetime": "closed",
    "address": "place",
}


async def requests(database: Database, city: str) -> dict[str, Any]:
    query = text(
        "select *, st_x(geom) as long, st_y(geom) as lat from service_request "
        "where jurisdiction_id = :city"
    )
    async with database.begin(city) as connection:
        found = await connection.execute(query, {"city": city})
    return {row.service_request_id: row for row in found}


async def import_text(
    database: Database, city: str, folder: Path, content: str, **options: Any
) -> tuple[Counts, list[dict[str, str]]]:
    """Import a CSV of these lines: the counts, and the report of refused rows."""
    file, report = folder / "history.csv", folder / "refused.csv"
    file.write_text(content)
    source = Source(file, options.pop("columns", COLUMNS), **options)
    counts = await history.import_file(database, city, source, report)
    lines = report.read_text().splitlines() if report.exists() else []
    return counts, list(csv.DictReader(lines))


async def test_rows_become_requests(database: Database, city: str, tmp_path: Path) -> None:
    counts, refused = await import_text(database, city, tmp_path, HEADER + GOOD)
    assert (counts, refused) == (Counts(3, 0, 0), [])
    rows = await requests(database, city)
    first, second, third = rows["A-1"], rows["A-2"], rows["A-3"]
    closed = datetime(2020, 3, 2, 8, tzinfo=UTC)
    assert (first.status, first.closed_datetime, first.updated_datetime) == (
        "fixed",
        closed,
        closed,
    )
    assert (first.lat, first.long, first.address) == (-33.95, 18.65, "Main\nRoad")
    assert first.quadkey == tiles.quadkey(18.65, -33.95)
    assert first.h3 == cells.cell_at(-33.95, 18.65)
    assert first.agency_responsible == "Roads"
    assert first.expected_datetime == datetime(2020, 3, 4, 8, tzinfo=UTC)
    assert (second.service_code, second.status) == ("GRAFFITI", "received")
    # the jurisdiction's own time, two hours ahead of UTC
    assert second.requested_datetime == datetime(2020, 3, 1, 8, tzinfo=UTC)
    assert third.requested_datetime == datetime(2020, 2, 29, 22, tzinfo=UTC)
    assert (third.geom, third.quadkey, third.h3) == (None, None, None)


BAD = {
    "X1,POTHOLE,,,-33.9,18.6,": "no requested_datetime",
    "X2,POTHOLE,yesterday,,-33.9,18.6,": "requested_datetime is not a date",
    "X3,POTHOLE,2020-02-30,,-33.9,18.6,": "requested_datetime is not a date",
    "X4,POTHOLE,2020-02-03,soon,-33.9,18.6,": "closed_datetime is not a date",
    "X5,POTHOLE,1020-02-03,,-33.9,18.6,": "requested before 1900 or in the future",
    "X6,POTHOLE,2220-02-03,,-33.9,18.6,": "requested before 1900 or in the future",
    "X7,NOPE,2020-02-03,,-33.9,18.6,": "unknown service code",
    "X8,,2020-02-03,,-33.9,18.6,": "no service code",
    "X9,POTHOLE,2020-02-03,,-93.9,18.6,": "lat or long is out of range",
    "X10,POTHOLE,2020-02-03,,-33.9,inf,": "lat or long is out of range",
    "X11,POTHOLE,2020-02-03,,-33.9,nan,": "lat or long is not a number",
    "X12,POTHOLE,2020-02-03,,here,18.6,": "lat or long is not a number",
    "X13,POTHOLE,2020-02-03,,-33.9,,": "only one of lat and long",
    "X14,POTHOLE,2020-02-03,,0,0,": "lat and long are 0",
    "X15,POTHOLE,2020-02-03,,,,": "neither a point nor an address",
    "a/1,POTHOLE,2020-02-03,,-33.9,18.6,": "the id may only hold 0-9, A-Z and -",
    "X17,POTHOLE,2020-02-03,,-33.9": "5 values, but 7 columns",
}


async def test_bad_rows_are_reported_and_the_good_go_in(
    database: Database, city: str, tmp_path: Path
) -> None:
    lines = [*BAD, GOOD.rstrip(), "X18,POTHOLE,,,,,"]
    counts, refused = await import_text(database, city, tmp_path, HEADER + "\n".join(lines))
    assert counts == Counts(3, 0, len(BAD) + 1)
    expected = [(str(line), reason) for line, reason in enumerate(BAD.values(), 2)]
    # the good rows take four lines
    expected.append((str(len(BAD) + 6), "no requested_datetime"))
    assert [(row["line"], row["reason"]) for row in refused] == expected
    assert sorted(await requests(database, city)) == ["A-1", "A-2", "A-3"]


async def test_a_run_is_one_event(database: Database, city: str, tmp_path: Path) -> None:
    await import_text(database, city, tmp_path, HEADER + GOOD)
    query = "select subject, after from event where kind = 'requests.imported'"
    async with database.begin(city) as connection:
        events = (await connection.execute(text(query))).all()
    assert events == [("history.csv", {"inserted": 3, "known": 0, "refused": 0})]


async def test_again_changes_nothing(database: Database, city: str, tmp_path: Path) -> None:
    await import_text(database, city, tmp_path, HEADER + GOOD)
    before = await requests(database, city)
    more = HEADER + GOOD.replace("-33.95", "-33.90") + "A-4,TREE,2020-01-01,,-33.9,18.6,\n"
    counts, _ = await import_text(database, city, tmp_path, more)
    assert counts == Counts(1, 3, 0)
    after = await requests(database, city)
    assert {name: after[name] for name in before} == before


async def test_go_on_after_an_interruption(database: Database, city: str, tmp_path: Path) -> None:
    number = BATCH_ROWS + 500
    lines = (f"{n},TREE,2020-01-01,,-33.9,{18 + n * 1e-5:.5f}," for n in range(number))
    whole = gzip.compress((HEADER + "\n".join(lines)).encode())
    file = tmp_path / "history.csv.gz"
    source, report = Source(file, COLUMNS), tmp_path / "refused.csv"
    file.write_bytes(whole[:-40])
    with pytest.raises(BadInput, match=r"history\.csv\.gz:"):
        await history.import_file(database, city, source, report)
    # a chunk is there whole, and the one that broke off not at all
    assert len(await requests(database, city)) == BATCH_ROWS
    file.write_bytes(whole)
    counts = await history.import_file(database, city, source, report)
    assert counts == Counts(500, BATCH_ROWS, 0)
    assert len(await requests(database, city)) == number


async def test_rows_without_an_id_get_the_same_one_again(
    database: Database, city: str, tmp_path: Path
) -> None:
    columns = {field: column for field, column in COLUMNS.items() if column != "id"}
    first, _ = await import_text(database, city, tmp_path, HEADER + GOOD, columns=columns)
    again, _ = await import_text(database, city, tmp_path, HEADER + GOOD, columns=columns)
    assert (first, again) == (Counts(3, 0, 0), Counts(0, 3, 0))


async def test_zones_formats_and_statuses(database: Database, city: str, tmp_path: Path) -> None:
    content = (
        "service_request_id,service_code,status,requested_datetime,updated_datetime,address\n"
        "1,TREE,Open,06/11/2011 01:30,,a\n"  # happened twice in Boston: the first is meant
        "2,TREE,closed,13/03/2011 02:30,14/03/2011 00:00,a\n"  # never happened there
        "3,TREE,In Progress,01/07/2011 00:00,,a\n"
        "4,TREE,closed,01/07/2011 00:00,,a\n"
        "5,TREE,lost,01/07/2011 00:00,,a\n"
    )
    options = {"time_zone": "America/New_York", "date_format": "%d/%m/%Y %H:%M"}
    counts, refused = await import_text(database, city, tmp_path, content, columns={}, **options)
    assert counts == Counts(3, 0, 2)
    assert [row["reason"] for row in refused] == [
        "closed, but neither closed_datetime nor updated_datetime",
        "unknown status",
    ]
    rows = await requests(database, city)
    assert [rows[name].status for name in "123"] == ["received", "fixed", "in_progress"]
    assert [rows[name].requested_datetime for name in "123"] == [
        datetime(2011, 11, 6, 5, 30, tzinfo=UTC),
        datetime(2011, 3, 13, 7, 0, tzinfo=UTC),
        datetime(2011, 7, 1, 4, 0, tzinfo=UTC),
    ]


async def test_unknown_services_are_created_when_asked(
    database: Database, city: str, tmp_path: Path
) -> None:
    content = HEADER + 'N1,Bees,2020-01-01,,,,a\nN2,"a,b",2020-01-01,,,,a\n'
    counts, refused = await import_text(database, city, tmp_path, content, create_services=True)
    assert (counts.inserted, [row["reason"] for row in refused]) == (1, ["unknown service code"])
    assert (await requests(database, city))["N1"].service_code == "Bees"


async def test_history_of_a_sensitive_service_is_not_public(
    database: Database, city: str, tmp_path: Path
) -> None:
    await import_text(database, city, tmp_path, HEADER + "S1,ABUSE,2020-01-01,,,,a\n")
    assert (await requests(database, city))["S1"].visibility == "sensitive"


async def test_the_formats_say_the_same(database: Database, city: str, tmp_path: Path) -> None:
    """One row of each format, of the same content."""
    plain = {"code": "POTHOLE", "opened": "2020-03-01T08:00:00Z"}
    feature = {
        "type": "Feature",
        "properties": {"id": "GEOJSON", **plain},
        "geometry": {"type": "Point", "coordinates": [18.65, -33.95]},
    }
    collection = {"type": "FeatureCollection", "features": [feature]}
    (tmp_path / "a.geojson").write_text(json.dumps(collection))
    with gzip.open(tmp_path / "b.geojson.gz", "wt") as packed:
        feature["properties"]["id"] = "PACKED"
        json.dump(collection, packed)
    opened = pd.Timestamp("2020-03-01T08:00", tz="UTC")
    row = {"id": "PARQUET", "code": "POTHOLE", "opened": opened, "lat": -33.95, "long": 18.65}
    pd.DataFrame([row]).to_parquet(tmp_path / "c.parquet")
    columns = {name: COLUMNS[name] for name in list(COLUMNS)[:3]}
    for file in ("a.geojson", "b.geojson.gz", "c.parquet"):
        source = Source(tmp_path / file, columns)
        counts = await history.import_file(database, city, source, tmp_path / "refused.csv")
        assert counts == Counts(1, 0, 0)
    rows = await requests(database, city)
    kept = {(row.lat, row.long, row.requested_datetime, row.quadkey) for row in rows.values()}
    assert sorted(rows) == ["GEOJSON", "PACKED", "PARQUET"]
    assert kept == {(-33.95, 18.65, opened, tiles.quadkey(18.65, -33.95))}


UNREADABLE = {
    "history.txt": (b"", "neither .csv"),
    "empty.csv": (b"", "is empty"),
    "latin.csv": (b"service_code,requested_datetime\nTREE,caf\xe9\n", "latin.csv:"),
    "torn.csv.gz": (
        gzip.compress(b"service_code,requested_datetime\nTREE,2020\n")[:-9],
        "torn.csv.gz:",
    ),
    "quote.csv": (b'service_code,requested_datetime\n"TREE"x,2020\n', "quote.csv:2"),
    "columns.csv": (b"a,b\n1,2\n", "which column is the service_code"),
    "text.parquet": (b"no", "text.parquet"),
    "text.geojson": (b"no", "text.geojson"),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_unreadable_files(database: Database, city: str, tmp_path: Path, name: str) -> None:
    content, reason = UNREADABLE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=reason):
        await history.import_file(database, city, Source(tmp_path / name), tmp_path / "refused.csv")


async def test_wrong_options(database: Database, city: str, tmp_path: Path) -> None:
    wrong = {
        "There is no field colour": {"columns": {"colour": "id"}},
        "has no column shade": {"columns": {"status": "shade"}},
        "no time zone": {"time_zone": "Mars/Phobos"},
    }
    for reason, options in wrong.items():
        with pytest.raises(BadInput, match=reason):
            await import_text(database, city, tmp_path, HEADER + GOOD, **options)
    with pytest.raises(NotFound, match=r"nowhere\.test"):
        await import_text(database, "nowhere.test", tmp_path, HEADER + GOOD)


async def test_grow_keeps_the_pattern(database: Database, city: str, tmp_path: Path) -> None:
    await import_text(database, city, tmp_path, HEADER + GOOD)
    assert (await growth.grow(database, city, 300)).inserted == 297
    assert (await growth.grow(database, city, 300)).inserted == 0
    assert (await growth.grow(database, city, 310)).inserted == 10
    rows = await requests(database, city)
    assert len(rows) == 310
    real = [rows["A-1"], rows["A-2"]]
    for name, row in rows.items():
        if name in ("A-1", "A-2", "A-3"):
            continue
        assert name.startswith("DEMO-")
        like = next(other for other in real if other.service_code == row.service_code)
        assert row.status == like.status
        assert abs(row.lat - like.lat) < 0.001
        assert abs(row.long - like.long) < 0.001
        assert row.h3 == cells.cell_at(row.lat, row.long)
        days = (like.requested_datetime - row.requested_datetime).total_seconds() / 86400
        assert 300 < days < 3_700
        # whole weeks, but for some hours
        assert min(days % 7, 7 - days % 7) < 0.25


async def test_nothing_grows_out_of_nothing(database: Database, city: str) -> None:
    with pytest.raises(BadInput, match="no requests"):
        await growth.grow(database, city, 10)


@pytest.fixture
def installation(settings: Settings) -> Callable[[], AbstractContextManager[Settings]]:
    return lambda: nullcontext(settings)


async def test_commands(
    installation: Callable[[], AbstractContextManager[Settings]],
    database: Database,
    city: str,
    tmp_path: Path,
) -> None:
    file, pairs, report = tmp_path / "a.csv", tmp_path / "pairs", tmp_path / "refused.csv"
    file.write_text(HEADER + GOOD + "X,NOPE,2020-01-01,,,,a\n")
    listed = dict(list(COLUMNS.items())[1:])
    pairs.write_text("# whose columns\n" + "".join(f"{f} = {c}\n" for f, c in listed.items()))
    asked = [
        *("requests", str(file), "--jurisdiction", city, "--map", "service_request_id=id"),
        *("--map-file", str(pairs), "--report", str(report)),
    ]
    ran = await to_thread.run_sync(lambda: CliRunner().invoke(imports, asked, obj=installation))
    assert ran.stdout == "3 imported, 0 known before, 1 refused\n", ran.output
    assert report.read_text().splitlines()[1] == "6,X,unknown service code"
    grown = ["--requests", "20", "--jurisdiction", city]
    ran = await to_thread.run_sync(
        lambda: CliRunner().invoke(demo_command, grown, obj=installation)
    )
    assert ran.output == f"17 requests made for {city}\n"
    assert len(await requests(database, city)) == 20


async def test_commands_say_what_is_wrong(
    installation: Callable[[], AbstractContextManager[Settings]], tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(HEADER)
    for options, reason in (
        (["--jurisdiction", "nowhere.test"], "nowhere.test"),
        (["--jurisdiction", "nowhere.test", "--map", "id"], "FIELD=COLUMN"),
    ):
        asked = ["requests", str(file), *options]
        ran = await to_thread.run_sync(
            lambda asked=asked: CliRunner().invoke(imports, asked, obj=installation)
        )
        assert ran.exit_code != 0
        assert reason in ran.output
