"""What photos need of a store, asked of each kind: a local folder and a real S3 server."""

import asyncio
import io
import re
import resource
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import msgspec
import obstore
import pytest
from litestar import Litestar
from obstore.store import ObjectStore
from PIL import Image
from sqlalchemy import text

from open311 import media
from open311.app import create_app
from open311.db import Database
from open311.errors import Busy
from open311.pictures import Picture
from open311.settings import Settings

pytestmark = pytest.mark.anyio

IDENTITIES = {
    "identities": [
        {
            "name": "tests",
            "credentials": [{"accessKey": "an-access-key", "secretKey": "a-secret-key"}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
    ]
}
# what starts beside the store by default and is not wanted here; the last two are fixed ports
SMALL = [
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=64",
    "-volume.max=20",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
]
PORTS = ("master", "volume", "filer", "s3")


def picture(size: int = 3000) -> Picture:
    """Bytes stand for a photo: a store does not look into them."""
    return Picture(b"p" * size, b"t" * 10, "image/jpeg", 640, 480)


async def keys_of(store: ObjectStore) -> set[str]:
    found = await asyncio.to_thread(lambda: list(obstore.list(store)))
    return {each["path"] for batch in found for each in batch} - {"readiness"}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of an S3 server of our own on loopback, and the variables that name it."""
    folder = tmp_path_factory.mktemp("seaweedfs")
    (folder / "s3.json").write_bytes(msgspec.json.encode(IDENTITIES))
    ports = free_ports(2 * len(PORTS))
    chosen = [f"-{name}.port={port}" for name, port in zip(PORTS, ports, strict=False)]
    chosen += [f"-{name}.port.grpc={port}" for name, port in zip(PORTS, ports[4:], strict=True)]
    command = ["weed", "server", "-s3", "-ip=127.0.0.1", f"-dir={folder}", *SMALL, *chosen]
    command += [f"-s3.config={folder / 's3.json'}"]
    endpoint = f"http://127.0.0.1:{ports[3]}"
    with (folder / "log").open("wb") as log, pytest.MonkeyPatch.context() as environment:
        for name, value in credentials(endpoint).items():
            environment.setenv(name, value)
        with subprocess.Popen(command, stdout=log, stderr=log) as server:
            try:
                wait_for_it(server, folder / "log")
                yield endpoint
            finally:
                server.kill()  # at leisure it takes ten seconds; its data is thrown away
    for port in ports:
        for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
            left.unlink()


def credentials(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "an-access-key",
        "AWS_SECRET_ACCESS_KEY": "a-secret-key",
        "AWS_REGION": "us-east-1",
    }


def free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_for_it(server: subprocess.Popen[bytes], log: Path) -> None:
    """Until a photo can be written: the port opens before the store behind it is ready."""
    store = media.open_store(Settings(media_url="s3://photos"))
    for _ in range(200):
        if not asyncio.run(media.check(store)):
            return
        assert server.poll() is None, log.read_text()
        time.sleep(0.2)
    raise AssertionError(log.read_text())


class StoreContract:
    """What every kind of store must do; subclasses say where one is, and where none is."""

    @pytest.fixture
    def media_url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def absent_url(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def store(self, media_url: str) -> ObjectStore:
        return media.open_store(Settings(media_url=media_url))

    def take_away(self, media_url: str) -> None:
        """Make the store at `absent_url` fail that was opened; by default it was never there."""

    @pytest.fixture
    async def client(
        self, settings: Settings, media_url: str, city: str
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client of a server that keeps its photos there."""
        app = create_app(msgspec.structs.replace(settings, media_url=media_url))
        async with app.lifespan(), client_of(app, city) as made:
            yield made

    @pytest.fixture
    async def client_without(
        self, settings: Settings, absent_url: str, city: str
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client of a server whose store is away."""
        app = create_app(msgspec.structs.replace(settings, media_url=absent_url))
        self.take_away(absent_url)
        async with app.lifespan(), client_of(app, city) as made:
            yield made

    async def test_keeps_photos_under_names_that_nobody_guesses(self, store: ObjectStore) -> None:
        first, second = await media.keep(store, "city.test", [picture(), picture()])
        for kept in (first, second):
            assert re.fullmatch(r"city\.test/20\d\d/[0-9a-f]{32}\.jpg", kept.object_key)
            assert bytes((await obstore.get_async(store, kept.object_key)).bytes()) == b"p" * 3000
            assert bytes((await obstore.get_async(store, kept.thumbnail_key)).bytes()) == b"t" * 10
        assert first.object_key != second.object_key
        assert (first.size, first.width, first.height) == (3000, 640, 480)

    async def test_takes_back_what_was_kept(self, store: ObjectStore) -> None:
        before = await keys_of(store)
        kept = await media.keep(store, "city.test", [picture(), picture()])
        assert len(await keys_of(store) - before) == 4
        await media.discard(store, kept)
        await media.discard(store, kept)
        assert await keys_of(store) == before

    async def test_files_and_serves_a_photo(
        self, client: httpx.AsyncClient, store: ObjectStore, city: str
    ) -> None:
        answer = await file_with_photo(client, city)
        assert answer.status_code == 200, answer.text
        request_id = answer.json()[0]["service_request_id"]
        found = (await client.get(f"/requests/{request_id}.json")).json()[0]
        path = "/media/" + found["media_url"].partition("/media/")[2]
        photo = await client.get(f"http://open311.test{path}")
        assert photo.headers["content-type"] == "image/jpeg"
        kept = await obstore.get_async(store, path.removeprefix("/media/"))
        assert photo.content == bytes(kept.bytes())
        await obstore.delete_async(store, path.removeprefix("/media/"))
        assert (await client.get(f"http://open311.test{path}")).status_code == 404

    async def test_a_refused_report_leaves_no_photo(
        self, client: httpx.AsyncClient, store: ObjectStore, city: str
    ) -> None:
        before = await keys_of(store)
        answer = await file_with_photo(client, city, service_code="NONE")
        assert answer.status_code == 404
        assert await keys_of(store) == before

    async def test_says_that_it_is_there(self, store: ObjectStore) -> None:
        assert await media.check(store) == ""

    async def test_says_that_it_is_away(self, absent_url: str) -> None:
        absent = media.open_store(Settings(media_url=absent_url))
        self.take_away(absent_url)
        assert await media.check(absent)
        with pytest.raises(Busy):
            await media.keep(absent, "city.test", [picture()])

    async def test_a_report_is_refused_whole_while_it_is_away(
        self, client_without: httpx.AsyncClient, database: Database, city: str
    ) -> None:
        answer = await file_with_photo(client_without, city)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "without" in answer.json()[0]["description"]
        async with database.begin(city) as connection:
            for table in ("service_request", "media", "reporter"):
                rows = await connection.execute(text(f"select count(*) from {table}"))
                assert rows.scalar() == 0

    async def test_reports_without_photos_come_in_while_it_is_away(
        self, client_without: httpx.AsyncClient, city: str
    ) -> None:
        answer = await client_without.post("/requests.json", data=report(city))
        assert answer.status_code == 200


def client_of(app: Litestar, city: str) -> httpx.AsyncClient:
    base = f"http://open311.test/open311/{city}/v2"
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


def report(city: str, service_code: str = "POTHOLE") -> dict[str, str]:
    place = {"lat": "-33.92", "long": "18.65", "email": "thandi@example.org"}
    return {"api_key": f"key-{city}", "service_code": service_code, **place}


async def file_with_photo(
    client: httpx.AsyncClient, city: str, service_code: str = "POTHOLE"
) -> httpx.Response:
    photo = io.BytesIO()
    Image.effect_noise((300, 200), 90).convert("RGB").save(photo, "JPEG")
    files = {"media": ("hole.jpg", photo.getvalue(), "image/jpeg")}
    return await client.post("/requests.json", data=report(city, service_code), files=files)


class TestFolder(StoreContract):
    """A local folder."""

    @pytest.fixture
    def media_url(self, tmp_path: Path) -> str:
        return f"file://{tmp_path}/photos"

    @pytest.fixture
    def absent_url(self, tmp_path: Path) -> str:
        return f"file://{tmp_path}/gone"

    def take_away(self, media_url: str) -> None:
        folder = Path(media_url.removeprefix("file://"))
        folder.rmdir()
        folder.write_text("a file, so that no folder can be made in its place again")

    async def test_a_full_disk_leaves_nothing_half_written(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        """The first photo fits, the second does not: then the first is gone as well."""
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        try:
            with pytest.raises(Busy):
                await media.keep(store, "city.test", [picture(50_000), picture(200_000)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert not [each for each in (tmp_path / "photos").rglob("*") if each.is_file()]


class TestS3(StoreContract):
    """An S3-compatible store."""

    @pytest.fixture
    def media_url(self, s3: str) -> str:
        return "s3://photos/town"

    @pytest.fixture
    def absent_url(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
        return "s3://photos"

    async def test_a_wrong_secret_is_refused(
        self, s3: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        store = media.open_store(Settings(media_url="s3://photos/town"))
        assert await media.check(store)
        with pytest.raises(Busy):
            await media.keep(store, "city.test", [picture()])
