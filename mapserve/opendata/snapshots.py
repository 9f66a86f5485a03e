"""Write each city's public layers to files, once a night: whoever takes all of it does so there.

A file is a task of its own. It goes to the media store under a new key, and when it is whole a row
begins to name it: a worker that dies leaves the file of the night before.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import obstore

from mapserve.export import downloads
from mapserve.export.formats import FORMATS
from mapserve.features.crs import CRS84
from mapserve.features.reading import Query
from mapserve.layers import find_features, list_features
from mapserve.opendata import files
from open311 import dates, jurisdictions, tasks
from open311.context import Context
from open311.errors import BadInput, Busy, NotFound, Unauthorized
from open311.jurisdictions import Jurisdiction
from open311.settings import Settings, SettingsError
from open311.tasks import Later

KIND = "open-data.write"
_EVERY_SECONDS = 600
_BUSY_SECONDS = 5.0
_PARTS_AT_ONCE = 2
# Longer than anybody who began to read the file before takes to open it.
_KEPT = timedelta(hours=1)
_log = logging.getLogger(__name__)


def check(settings: Settings) -> None:
    """Raises SettingsError when a format is none of ours."""
    for extension in settings.open_data_formats:
        if extension not in FORMATS:
            known = ", ".join(FORMATS)
            raise SettingsError(f"OPEN_DATA_FORMATS={extension!r}: formats are {known}.")


async def run(context: Context) -> None:
    """Look now and then what is to be written, until cancelled."""
    while True:
        try:
            await plan(context)
        except Exception as error:  # the database is away: it comes back
            _log.warning("open data cannot be planned: %s", type(error).__name__)
        await asyncio.sleep(_EVERY_SECONDS)


async def plan(context: Context) -> None:
    """Leave a task for each file of today, in cities where it is late enough in the night."""
    settings = context.settings
    for city in await jurisdictions.list_all(context.db):
        now = dates.now().astimezone(ZoneInfo(city.time_zone))
        if city.test_of is None and now.hour >= settings.open_data_hour:
            await _plan_one(context, city, now.date().isoformat())
    context.bell.ring()


async def _plan_one(context: Context, city: Jurisdiction, day: str) -> None:
    layers = [layer.name for layer in await list_features(context, city)]
    jurisdiction_id = city.jurisdiction_id
    async with context.db.begin(jurisdiction_id) as connection:
        for layer in layers:
            for extension in context.settings.open_data_formats:
                payload = {"layer": layer, "extension": extension}
                name = f"{day} {layer}.{extension}"
                await tasks.add(connection, jurisdiction_id, KIND, name, payload)
        gone = await files.forget_others(connection, jurisdiction_id, layers)
    for object_key in gone:
        await _delete(context, object_key)


async def write(context: Context, jurisdiction_id: str, payload: dict[str, Any]) -> None:
    """Task `open-data.write`: put a layer's file in place of the one before."""
    city = await jurisdictions.find(context.db, jurisdiction_id)
    name = payload["layer"], payload["extension"]
    try:
        layer = await find_features(context, city, name[0])
    except (NotFound, Unauthorized):  # taken away since, or no longer for everybody
        return
    folder = f"{jurisdiction_id}/open-data/{'.'.join(name)}"
    object_key = f"{folder}/{uuid4().hex}"
    pieces = downloads.pieces(context, city, layer, Query(), CRS84, FORMATS[name[1]])
    try:
        size, sha256 = await _put(context, object_key, pieces)
    except BadInput as refusal:  # some shapes do not go into some formats
        _log.info("no open data %s of %s: %s", ".".join(name), jurisdiction_id, refusal)
        return
    except Busy:
        raise Later(_BUSY_SECONDS) from None
    async with context.db.begin(jurisdiction_id) as connection:
        await files.replace(connection, jurisdiction_id, name, object_key, size, sha256)
    await _sweep(context, folder, object_key)


async def _put(context: Context, object_key: str, pieces: AsyncGenerator[bytes]) -> tuple[int, str]:
    """Write an object, which is there when all of it is; its size, and its SHA-256."""
    size, digest = 0, hashlib.sha256()
    writer = obstore.open_writer_async(context.store, object_key, max_concurrency=_PARTS_AT_ONCE)
    async with aclosing(pieces):
        async for piece in pieces:
            size += len(piece)
            digest.update(piece)
            await writer.write(piece)
    await writer.close()
    return size, digest.hexdigest()


async def _sweep(context: Context, folder: str, object_key: str) -> None:
    """Delete what came before, of workers that died too."""
    async for found in obstore.list(context.store, folder):
        for each in found:
            is_old = each["last_modified"] < dates.now() - _KEPT
            if each["path"] != object_key and is_old:
                await _delete(context, each["path"])


async def _delete(context: Context, object_key: str) -> None:
    try:
        await obstore.delete_async(context.store, object_key)
    except FileNotFoundError:
        return
    except Exception as error:  # nobody can reach it, and the next night tries again
        _log.warning("an old file was left behind: %s", type(error).__name__)
