"""Photos: filed and served, and nothing else with them: georeport 1.5."""

import io
from typing import Any

import httpx
import msgspec
import pytest
from PIL import Image
from sqlalchemy import text

from open311 import media
from open311.db import Database
from open311.settings import Settings

pytestmark = pytest.mark.anyio


def photo(width: int = 600, height: int = 400, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(out, kind)
    return out.getvalue()


def report(city: str, **fields: Any) -> dict[str, Any]:
    place = {"lat": "-33.92", "long": "18.65"}
    return {"api_key": f"key-{city}", "service_code": "POTHOLE", **place, **fields}


async def file_photo(client: httpx.AsyncClient, city: str, **fields: Any) -> httpx.Response:
    files = {"media": ("hole.jpg", photo(), "image/jpeg")}
    return await client.post("/requests.json", data=report(city, **fields), files=files)


async def paths_of(database: Database, city: str) -> tuple[str, str]:
    """The paths of the one photo of a jurisdiction and of its thumbnail."""
    async with database.begin(city) as connection:
        found = await connection.execute(text("select object_key, thumbnail_key from media"))
        row = found.one()
    return f"http://open311.test/media/{row[0]}", f"http://open311.test/media/{row[1]}"


async def set_visibility(database: Database, city: str, visibility: str) -> None:
    change = text("""
    update service_request set visibility = :visibility where jurisdiction_id = :jurisdiction_id
    """)
    async with database.begin(city) as connection:
        await connection.execute(change, {"visibility": visibility, "jurisdiction_id": city})


async def test_a_photo_is_served_so_that_nothing_in_it_runs(
    client: httpx.AsyncClient, database: Database, city: str
) -> None:
    assert (await file_photo(client, city)).status_code == 200
    whole, small = await paths_of(database, city)
    for path, side in ((whole, 600), (small, 400)):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert "immutable" in answer.headers["cache-control"]
        assert "content-encoding" not in answer.headers  # compressed already
        assert max(Image.open(io.BytesIO(answer.content)).size) == side


async def test_head_tells_what_get_would(
    client: httpx.AsyncClient, database: Database, city: str
) -> None:
    await file_photo(client, city)
    whole, _ = await paths_of(database, city)
    got, head = await client.get(whole), await client.head(whole)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length", "etag", "cache-control"):
        assert head.headers[name] == got.headers[name]


async def test_who_has_a_photo_need_not_fetch_it_again(
    client: httpx.AsyncClient, database: Database, city: str
) -> None:
    await file_photo(client, city)
    whole, small = await paths_of(database, city)
    tag = (await client.get(whole)).headers["etag"]
    again = await client.get(whole, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    other = await client.get(small, headers={"If-None-Match": tag})
    assert other.status_code == 200


@pytest.mark.parametrize("visibility", ["pending", "hidden", "sensitive", "erased"])
async def test_photos_of_what_is_not_public_are_not_there(
    client: httpx.AsyncClient, database: Database, city: str, visibility: str
) -> None:
    await file_photo(client, city)
    await set_visibility(database, city, visibility)
    for path in await paths_of(database, city):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert "cache-control" not in answer.headers
        tags = {"If-None-Match": "*"}
        assert (await client.get(path, headers=tags)).status_code == 404
    await set_visibility(database, city, "public")
    assert (await client.get((await paths_of(database, city))[0])).status_code == 200


@pytest.mark.parametrize("service_code", ["GRAFFITI", "NOISE", "ABUSE"])
async def test_photos_of_batch_blackbox_and_sensitive_services_are_not_there(
    client: httpx.AsyncClient, database: Database, city: str, service_code: str
) -> None:
    await file_photo(client, city, service_code=service_code)
    for path in await paths_of(database, city):
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "",
        "readiness",
        "../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "{city}/../../../etc/passwd",
        "{city}/%2e%2e/%2e%2e/etc/passwd",
        "{city}",
        "{city}/",
        "{city}/2026/none.jpg",
        "{city}/%00",
        "{city}/%ff%fe",
        "{city}/" + "x" * 5000,
        "'; drop table media; --/x",
        "%25/x",
    ],
)
async def test_no_path_leads_anywhere_else(client: httpx.AsyncClient, city: str, path: str) -> None:
    answer = await client.get("http://open311.test/media/" + path.format(city=city))
    assert answer.status_code == 404
    assert b"root:" not in answer.content


async def test_a_photo_belongs_to_its_jurisdiction(
    client: httpx.AsyncClient, database: Database, city: str, settings: Settings
) -> None:
    """The first part of a key names the jurisdiction that is asked; another one has no such row."""
    await file_photo(client, city)
    whole, _ = await paths_of(database, city)
    elsewhere = whole.replace(city, "other.test")
    assert (await client.get(elsewhere)).status_code == 404
    assert (await client.get(whole.replace(city, city.upper()))).status_code == 404


async def test_more_photos_than_allowed_are_refused(client: httpx.AsyncClient, city: str) -> None:
    files = [("media", (f"{number}.png", photo(20, 20, "PNG"))) for number in range(9)]
    answer = await client.post("/requests.json", data=report(city), files=files)
    assert answer.status_code == 400
    assert "8 photos" in answer.json()[0]["description"]


async def test_a_file_that_is_no_photo_is_named(client: httpx.AsyncClient, city: str) -> None:
    page = b"<html><script>alert(1)</script></html>"
    files = [("media", ("ok.png", photo(20, 20, "PNG"))), ("media", ("page.jpg", page))]
    answer = await client.post("/requests.json", data=report(city), files=files)
    assert answer.status_code == 400
    assert "'page.jpg'" in answer.json()[0]["description"]


async def test_photos_of_updates_are_served_too(
    client: httpx.AsyncClient, database: Database, city: str
) -> None:
    filed = await client.post("/requests.json", data=report(city))
    update = {
        "api_key": f"key-{city}",
        "service_request_id": filed.json()[0]["service_request_id"],
        "update_id": "1",
        "status": "OPEN",
        "description": "Still there",
    }
    files = {"photo1": ("hole.jpg", photo(), "image/jpeg")}
    answer = await client.post("/servicerequestupdates.json", data=update, files=files)
    assert answer.status_code == 200, answer.text
    whole, _ = await paths_of(database, city)
    assert (await client.get(whole)).status_code == 200


def test_the_store_of_a_folder_is_made(settings: Settings, tmp_path: Any) -> None:
    media.open_store(msgspec.structs.replace(settings, media_url=f"file://{tmp_path}/a/b"))
    assert (tmp_path / "a" / "b").is_dir()


async def test_pages_of_others_may_show_a_photo_and_read_our_headers(
    client: httpx.AsyncClient, database: Database, city: str
) -> None:
    await file_photo(client, city)
    whole, _ = await paths_of(database, city)
    answer = await client.get(whole, headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    exposed = answer.headers["access-control-expose-headers"].replace(" ", "").split(",")
    assert {"etag", "link", "x-total-count"} <= {name.casefold() for name in exposed}
