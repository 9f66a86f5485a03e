"""What citizens say aloud: kept for the staff alone, and forgotten with the person."""

from typing import Any

import pytest
from sqlalchemy import text

from open311 import audit, erasure, staff
from open311.accounts import Role
from tests.whatsapp.citizens import World
from tests.whatsapp.provider import photo
from tests.whatsapp.scripts import VOICE

pytestmark = pytest.mark.anyio
PIN = {"Latitude": "-33.95", "Longitude": "18.66"}
PASSWORD = "correct horse battery"
_CATCH_ALL = text("""
insert into service (jurisdiction_id, service_code, service_name, keywords, type)
values (:city, 'OTHER', 'Something else', '{}', 'realtime')
""")


async def say(world: World, content: bytes = VOICE.read_bytes()) -> None:
    url = world.provider.keep_photo(content)
    await world.send("", NumMedia="1", MediaUrl0=url, MediaContentType0="audio/ogg")


async def kept(world: World) -> list[Any]:
    async with world.context.db.begin(world.city) as connection:
        found = await connection.execute(text("select * from media where access = 'staff'"))
        return list(found.mappings())


async def report(world: World) -> str:
    """A report that somebody spoke and wrote; the path of the recording."""
    await say(world)
    for words, more in (("pothole", {}), ("", PIN), ("yes", {})):
        await world.send(words, **more)
        await world.work()
    (recording,) = await kept(world)
    return f"/media/{recording['object_key']}"


async def login(world: World, role: Role, city: str = "") -> tuple[str, str]:
    city = city or world.city
    made = await staff.create(world.context.db, f"{role}@{city}", PASSWORD)
    await staff.grant(world.context.db, city, made.name, role, "tests")
    return made.name, PASSWORD


async def test_the_staff_hears_it_and_nobody_else(world: World) -> None:
    path = await report(world)
    (request,) = await world.requests()
    assert request["media_urls"] == []
    assert (await world.hooks.get(path)).status_code == 401
    heard = await world.hooks.get(path, auth=await login(world, Role.FIELD))
    assert (heard.status_code, heard.headers["content-type"]) == (200, "audio/ogg")
    assert heard.headers["cache-control"] == "private, no-store"
    assert heard.content.startswith(b"OggS")
    assert b"Secret street" not in heard.content
    assert [use.layer for use in await audit.list_uses(world.context.db, world.city, 1)] == [
        "media"
    ]
    layer = f"/maps/{world.city}/collections/staff-requests/items"
    told = await world.hooks.get(layer, auth=await login(world, Role.ANALYST))
    (feature,) = told.json()["features"]
    assert feature["properties"]["recordings"].endswith(path)
    few = await world.hooks.get(
        f"{layer}?properties=status", auth=(f"analyst@{world.city}", PASSWORD)
    )
    assert set(few.json()["features"][0]["properties"]) == {"status"}


async def test_it_is_forgotten_with_the_person(world: World) -> None:
    path = await report(world)
    name = await login(world, Role.ADMIN)
    assert (await world.hooks.get(path, auth=name)).status_code == 200
    async with world.context.db.begin(world.city) as connection:
        people = list(
            (await connection.execute(text("select reporter_id from reporter"))).scalars()
        )
    for each in people:
        await erasure.erase(world.context.db, world.city, each, "staff")
    await world.work()
    assert await kept(world) == []
    assert (await world.hooks.get(path, auth=name)).status_code == 404
    with pytest.raises(FileNotFoundError):
        await world.context.store.get_async(path.removeprefix("/media/"))
    assert len(await world.requests()) == 1


async def test_who_only_speaks_is_filed_for_the_staff_to_hear(world: World) -> None:
    async with world.context.db.begin(world.city) as connection:
        await connection.execute(_CATCH_ALL, {"city": world.city})
    await say(world)
    await world.send("", **PIN)
    await world.work()
    assert "write in a few words" in world.said()[-1]
    await world.keep_silence()
    (request,) = await world.requests()
    assert request["service_code"] == "OTHER"
    assert len(await kept(world)) == 1


async def test_what_is_neither_sound_nor_picture_stays_away(world: World) -> None:
    await say(world, b"OggS and nothing that sounds")
    for words, more in (("pothole", {}), ("", PIN), ("yes", {})):
        await world.send(words, **more)
        await world.work()
    (request,) = await world.requests()
    assert (request["media_urls"], await kept(world)) == ([], [])


async def test_photos_of_requests_that_are_hidden_are_the_staffs(world: World) -> None:
    url = world.provider.keep_photo(photo())
    await world.send("pothole", NumMedia="1", MediaUrl0=url, MediaContentType0="image/jpeg")
    for words, more in (("", PIN), ("yes", {})):
        await world.send(words, **more)
        await world.work()
    (request,) = await world.requests()
    (path,) = request["media_urls"]
    assert (await world.hooks.get(path)).status_code == 200
    async with world.context.db.begin(world.city) as connection:
        await connection.execute(text("update service_request set visibility = 'hidden'"))
    assert (await world.hooks.get(path)).status_code == 404
    shown = await world.hooks.get(path, auth=await login(world, Role.FIELD))
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "private, no-store")
