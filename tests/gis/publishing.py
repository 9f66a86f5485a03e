"""A city's analyst, who sends files; and a worker for them."""

import asyncio
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import shapely
from msgspec import Struct

from ingest import uploads
from open311 import tasks, worker
from open311.context import Context
from tests import working

WHERE = (18.65, -33.92)
PASSWORD = "correct horse battery"


class Desk(Struct):
    """What an analyst of a test's city works with."""

    client: httpx.AsyncClient
    context: Context
    city: str

    async def send(self, name: str, path: Path, method: str = "PUT", /, **said: str) -> Any:
        """Send a file, and return what is told of it before anything is done."""
        content = await asyncio.to_thread(path.read_bytes)
        answer = await self.client.request(
            method, f"/admin/layers/{name}", params=said, content=content
        )
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"].endswith(f"/admin/uploads/{answer.json()['upload_id']}")
        return answer.json()

    async def publish(self, name: str, path: Path, method: str = "PUT", /, **said: str) -> Any:
        """Send a file, have it imported, and return what became of it."""
        sent = await self.send(name, path, method, **said)
        await self.work()
        return await self.upload(sent["upload_id"])

    async def work(self) -> None:
        """Do what is due, as a worker does."""
        db, settings = self.context.db, self.context.settings
        known = worker.handlers(self.context)
        for task in await tasks.claim(db, settings, [uploads.KIND], 100):
            await working.work(db, settings, known, task)

    async def upload(self, upload_id: str) -> Any:
        return (await self.client.get(f"/admin/uploads/{upload_id}")).json()

    async def layer(self, name: str) -> Any:
        return (await self.client.get(f"/admin/layers/{name}")).json()

    async def features(self, name: str) -> list[Any]:
        """Those that OGC API shows, with their properties."""
        answer = await self.client.get(f"/collections/{name}/items", params={"f": "json"})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["features"])


def frame(number: int = 3) -> gpd.GeoDataFrame:
    """Points in a row, with a value of each type."""
    lon, lat = WHERE
    return gpd.GeoDataFrame(
        {"name": [f"Clinic {i}" for i in range(number)], "beds": [10 * i for i in range(number)]},
        geometry=[shapely.Point(lon + i / 1000, lat) for i in range(number)],
        crs=4326,
    )


def write(path: Path, shapes: gpd.GeoDataFrame) -> Path:
    if path.suffix == ".parquet":
        shapes.to_parquet(path)
    elif path.suffixes == [".shp", ".zip"]:
        shapes.to_file(path, driver="ESRI Shapefile")
    else:
        shapes.to_file(path)
    return path
