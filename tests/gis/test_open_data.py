"""The files of each night: written by tasks, served with parts, replaced whole or not at all."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import geopandas as gpd
import httpx
import msgspec
import obstore
import pytest
from click.testing import CliRunner
from litestar import Litestar
from msgspec import Struct
from sqlalchemy import text

from ingest import datasets
from ingest.datasets import About
from ingest.layer_files import Source
from mapserve.export.formats import FORMATS
from mapserve.opendata import files, snapshots
from open311 import connections, dates, tasks
from open311.commands.export import exports
from open311.context import Context
from open311.db import Database
from open311.settings import Settings, SettingsError
from tests import working
from tests.conftest import FileHistory, new_database

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def settings(services: Settings) -> Iterator[Settings]:
    """A database without other tests' cities: those would get files too."""
    with new_database(services) as made:
        yield msgspec.structs.replace(made, open_data_hour=0, open_data_formats=("csv", "shp.zip"))


class Night(Struct, frozen=True):
    """A city, its files, and what writes them."""

    context: Context
    client: httpx.AsyncClient
    city: str

    async def fall(self) -> None:
        """Plan, and do all that is planned."""
        await snapshots.plan(self.context)
        await self.write()

    async def write(self) -> None:
        known = {snapshots.KIND: lambda city, payload: snapshots.write(self.context, city, payload)}
        db, settings = self.context.db, self.context.settings
        while claimed := await tasks.claim(db, settings, [snapshots.KIND], 10):
            for task in claimed:
                await working.work(db, settings, known, task)

    async def make_another(self) -> None:
        """The tasks of today are those of yesterday."""
        async with self.context.db.begin(self.city) as connection:
            await connection.execute(text("update task set dedupe_key = id::text"))

    async def listed(self) -> list[files.OpenFile]:
        async with self.context.db.begin(self.city) as connection:
            return await files.list_all(connection, self.city)

    async def get(self, name: str, status: int = 200, **headers: str) -> httpx.Response:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        answer = await self.client.get(f"/open-data/{name}", headers=named)
        assert answer.status_code == status, answer.text[:300]
        return answer

    def objects(self) -> set[str]:
        """What lies in the store for the city."""
        found = obstore.list(self.context.store, f"{self.city}/open-data")
        return {each["path"] for batch in found for each in batch}


@pytest.fixture
async def night(
    app: Litestar, settings: Settings, city: str, file_history: FileHistory
) -> AsyncIterator[Night]:
    rows = [
        {
            "service_request_id": f"R{number}",
            "service_code": "POTHOLE",
            "requested_datetime": "2026-01-01T08:00:00Z",
            "lat": -33.95 - number / 1000,
            "long": 18.65,
        }
        for number in range(50)
    ]
    await file_history(rows)
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    base = f"http://maps.test/maps/{city}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        context = connections.open_context(settings)
        yield Night(context, client, city)
    await connections.close_context(context)


async def test_each_layer_is_written_in_each_format(night: Night) -> None:
    assert (await night.get("requests.csv", 404)).json()
    await night.fall()
    written = {file.name: file for file in await night.listed()}
    layers = ("boundaries", "hexes", "requests", "wards")
    wanted = {f"{layer}.{each}" for layer in layers for each in ("csv", "shp.zip")}
    assert set(written) == wanted
    assert night.objects() == {file.object_key for file in written.values()}
    now = await night.client.get("/export/requests.csv")
    answer = await night.get("requests.csv")
    assert answer.content == now.content
    assert answer.headers["content-type"].startswith(FORMATS["csv"].media_type)
    assert int(answer.headers["content-length"]) == len(answer.content)
    await snapshots.plan(night.context)  # once a day
    assert not await tasks.claim(night.context.db, night.context.settings, [snapshots.KIND], 10)


async def test_it_is_not_written_before_its_hour(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = dates.now().replace(hour=1)  # UTC: the city is two hours ahead
    for hour, expected in ((4, 0), (3, 8)):
        later = msgspec.structs.replace(night.context.settings, open_data_hour=hour)
        monkeypatch.setattr(night.context, "settings", later)
        monkeypatch.setattr(dates, "now", lambda: early)
        await snapshots.plan(night.context)
        async with night.context.db.begin(night.city) as connection:
            query = text("select count(*) from task where kind = :kind")
            found = await connection.execute(query, {"kind": snapshots.KIND})
            assert found.scalar_one() == expected


async def test_the_catalogue_names_the_files(night: Night) -> None:
    await night.fall()
    told = (await night.client.get("/open-data")).json()
    assert told["@type"] == "dcat:Catalog"
    for each in told["dcat:dataset"]:
        for file in each["dcat:distribution"]:
            address = file["dcat:downloadURL"]["@id"]
            answer = await night.client.get(urlsplit(address).path.partition(night.city)[2])
            assert len(answer.content) == file["dcat:byteSize"]
            assert answer.headers["etag"][1:-1] in file["spdx:checksum"]["spdx:checksumValue"]
    page = (await night.client.get("/open-data", headers={"Accept": "text/html"})).text
    assert f"/maps/{night.city}/open-data/requests.shp.zip" in page


async def test_a_download_goes_on_where_it_broke_off(night: Night) -> None:
    await night.fall()
    whole = await night.get("requests.shp.zip")
    tag, size = whole.headers["etag"], len(whole.content)
    assert whole.headers["accept-ranges"] == "bytes"
    first = await night.get("requests.shp.zip", 206, Range="bytes=0-999")
    rest = await night.get("requests.shp.zip", 206, Range="bytes=1000-", If_Range=tag)
    assert first.content + rest.content == whole.content
    assert rest.headers["content-range"] == f"bytes 1000-{size - 1}/{size}"
    dated = {"If_Range": whole.headers["last-modified"]}
    assert len((await night.get("requests.shp.zip", 206, Range="bytes=-5", **dated)).content) == 5
    # begun with the file of another night
    other = await night.get("requests.shp.zip", Range="bytes=1000-", If_Range='"other"')
    assert other.content == whole.content
    beyond = await night.get("requests.shp.zip", 416, Range=f"bytes={size}-")
    assert beyond.headers["content-range"] == f"bytes */{size}"
    for known in ({"If_None_Match": tag}, {"If_Modified_Since": whole.headers["last-modified"]}):
        same = await night.get("requests.shp.zip", 304, **known)
        assert same.content == b""
    head = await night.client.head("/open-data/requests.shp.zip")
    assert (head.content, head.headers["content-length"]) == (b"", str(size))


async def test_a_file_is_replaced_whole_or_not_at_all(
    night: Night, file_history: FileHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await night.fall()
    before = (await night.get("requests.csv")).content
    await file_history(
        [
            {
                "service_request_id": "NEW",
                "service_code": "POTHOLE",
                "requested_datetime": "2026-01-02T08:00:00Z",
                "lat": -33.95,
                "long": 18.65,
            }
        ]
    )
    # cut off in the middle
    stuck = asyncio.Event()

    async def stop(*_what: Any) -> AsyncIterator[bytes]:
        yield b"some of it"
        stuck.set()
        await asyncio.sleep(60)

    with monkeypatch.context() as patch:
        patch.setattr(snapshots.downloads, "pieces", stop)
        payload = {"layer": "requests", "extension": "csv"}
        writing = asyncio.create_task(snapshots.write(night.context, night.city, payload))
        await stuck.wait()
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
    assert (await night.get("requests.csv")).content == before
    await night.make_another()
    await night.fall()
    after = (await night.get("requests.csv")).content
    assert after != before
    assert b"NEW" in after


async def test_old_files_go(night: Night) -> None:
    await night.fall()
    folder = Path(urlsplit(night.context.settings.media_url).path)
    old = {file.object_key for file in await night.listed()}
    await night.make_another()
    await night.fall()
    # whoever began to read them still does
    assert old < night.objects()
    long_ago = time.time() - 2 * timedelta(hours=1).total_seconds()
    for object_key in night.objects():
        os.utime(folder / object_key, (long_ago, long_ago))
    await night.make_another()
    await night.fall()
    assert night.objects() == {file.object_key for file in await night.listed()}


async def test_a_layer_that_is_taken_back_is_gone_at_once(
    night: Night, database: Database, settings: Settings, tmp_path: Path
) -> None:
    places = gpd.points_from_xy([18.65], [-33.92])
    frame = gpd.GeoDataFrame({"n": [1]}, geometry=gpd.GeoSeries(places, crs=4326))
    frame.to_parquet(tmp_path / "layer.parquet")
    source = Source(tmp_path / "layer.parquet")
    await datasets.import_file(database, settings, night.city, source, About("clinics"))
    await night.fall()
    assert len((await night.get("clinics.csv")).content) > 10
    await _set_access(database, night.city, "staff")
    await night.get("clinics.csv", 401)
    assert "clinics" not in (await night.client.get("/open-data")).text
    await night.fall()
    assert all(file.layer != "clinics" for file in await night.listed())
    assert not any("clinics" in each for each in night.objects())


async def _set_access(database: Database, city: str, access: str) -> None:
    async with database.begin(city) as connection:
        await connection.execute(text("update dataset set access = :access"), {"access": access})


async def test_a_layer_is_written_by_command(
    night: Night, settings: Settings, tmp_path: Path
) -> None:
    async def run(*words: str) -> Any:
        return await asyncio.to_thread(
            CliRunner().invoke, exports, words, obj=lambda: nullcontext(settings)
        )

    out, where = tmp_path / "some.gpkg", ("--jurisdiction", night.city)
    done = await run("layer", "requests", str(out), *where, "--filter", "status=open")
    assert done.exit_code == 0, done.output
    assert len(gpd.read_file(out)) == 50
    for words in (("nothing", str(out)), ("requests", str(tmp_path / "a.doc"))):
        refused = await run("layer", *words, *where)
        assert refused.exit_code == 1
        assert refused.output.startswith("Error: ")
    refused = await run("layer", "requests", str(out), *where, "--filter", "limit=1")
    assert "An export is whole" in refused.output
    assert not await asyncio.to_thread(lambda: list(tmp_path.glob("*.part")))


def test_formats_are_checked(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="OPEN_DATA_FORMATS='doc'"):
        snapshots.check(msgspec.structs.replace(settings, open_data_formats=("gpkg", "doc")))
