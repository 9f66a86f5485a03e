"""Layers that analysts publish over HTTP: sent, imported, described, styled, and taken away."""

import asyncio
import io
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import obstore
import pytest
import yaml
from litestar import Litestar
from lxml import etree
from PIL import Image
from sqlalchemy import text

from ingest import datasets, uploads
from mapserve.admin import routes
from open311 import connections, staff, tasks, worker
from open311.accounts import Role
from open311.context import Context
from open311.db import Database
from open311.settings import Settings
from tests import working
from tests.gis.publishing import PASSWORD, Desk, frame, write

pytestmark = pytest.mark.anyio


@pytest.fixture
async def context(settings: Settings) -> AsyncIterator[Context]:
    made = connections.open_context(settings)
    yield made
    await connections.close_context(made)


async def auth(database: Database, city: str, role: Role | None) -> tuple[str, str]:
    made = await staff.create(database, f"{role or 'stranger'}@{city}", PASSWORD)
    if role is not None:
        await staff.grant(database, city, made.name, role, "tests")
    return made.name, PASSWORD


@pytest.fixture
async def desk(
    app: Litestar, database: Database, city: str, context: Context
) -> AsyncIterator[Desk]:
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    who = await auth(database, city, Role.ANALYST)
    base = f"http://m.test/maps/{city}"
    async with httpx.AsyncClient(transport=transport, base_url=base, auth=who) as client:
        yield Desk(client, context, city)


@pytest.mark.parametrize("suffix", ["gpkg", "shp.zip", "geojson", "fgb", "parquet"])
async def test_a_file_becomes_a_layer_of_every_service(
    desk: Desk, tmp_path: Path, suffix: str
) -> None:
    path = write(tmp_path / f"clinics.{suffix}", frame())
    sent = await desk.send("clinics", path, title="Clinics", keywords="health, day", licence="CC0")
    assert (sent["state"], sent["mode"], sent["done"]) == ("waiting", "replace", 0)
    assert (await desk.client.get("/collections/clinics")).status_code == 404
    await desk.work()
    done = await desk.upload(sent["upload_id"])
    assert (done["state"], done["done"], done["size"]) == ("done", 3, 3), done
    assert done["outcome"]["features"] == 3
    told = await desk.layer("clinics")
    assert (told["title"], told["access"], told["features"]) == ("Clinics", "public", 3)
    assert (told["keywords"], told["licence"]) == (["health", "day"], "CC0")
    beds = {each["properties"]["beds"] for each in await desk.features("clinics")}
    assert beds == {0, 10, 20}
    for each in ("/tiles/clinics.json", "/styles/clinics.json", "/collections/clinics"):
        assert (await desk.client.get(each, auth=httpx.Auth())).status_code == 200
    collection = (await desk.client.get("/collections/clinics?f=json")).json()
    assert (collection["license"], collection["keywords"][:2]) == ("CC0", ["health", "day"])
    for each in ("WMS", "WFS"):
        known = await desk.client.get(f"/{each.lower()}?service={each}&request=GetCapabilities")
        assert "clinics" in known.text
        assert "health" in known.text
    with pytest.raises(FileNotFoundError):
        await obstore.head_async(
            desk.context.store, f"uploads/{desk.city}/{sent['upload_id']}{path.suffix}"
        )


async def test_a_form_is_sent_as_browsers_and_curl_do(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path / "clinics.gpkg", frame())
    answer = await desk.client.put(
        "/admin/layers/clinics",
        data={"title": "Day clinics", "access": "staff"},
        files={"file": ("../../etc/passwd.vrt", path.read_bytes())},
    )
    assert answer.status_code == 202, answer.text
    await desk.work()
    told = await desk.layer("clinics")
    assert (told["title"], told["access"], told["features"]) == ("Day clinics", "staff", 3)
    assert (await desk.client.get("/collections/clinics", auth=httpx.Auth())).status_code == 401
    two = {"a": ("a.csv", b"lon,lat\n1,2\n"), "b": ("b.csv", b"lon,lat\n1,2\n")}
    refused = await desk.client.put("/admin/layers/clinics", files=two)
    assert refused.status_code == 400
    assert "One file" in refused.json()["detail"]


async def test_replaced_and_appended(desk: Desk, tmp_path: Path) -> None:
    few, more = write(tmp_path / "few.gpkg", frame()), write(tmp_path / "more.fgb", frame(5))
    await desk.publish("clinics", few, title="Clinics", access="staff")
    await desk.publish("clinics", more)
    told = await desk.layer("clinics")
    assert (told["title"], told["access"], told["features"]) == ("Clinics", "staff", 5)
    added = await desk.publish("clinics", few, "POST")
    assert (added["state"], added["outcome"]["features"]) == ("done", 3)
    found = await desk.features("clinics")
    assert len(found) == (await desk.layer("clinics"))["features"] == 8
    assert len({each["id"] for each in found}) == 8
    nowhere = await desk.publish("schools", few, "POST")
    assert nowhere["state"] == "failed"
    assert "no layer 'schools' to append to" in nowhere["problem"]


async def test_what_is_appended_must_fit(desk: Desk, tmp_path: Path) -> None:
    await desk.publish("clinics", write(tmp_path / "few.gpkg", frame()))
    other = frame().rename(columns={"beds": "rooms"})
    refused = await desk.publish("clinics", write(tmp_path / "other.gpkg", other), "POST")
    assert refused["state"] == "failed"
    assert (
        "Field 'rooms' of this file is integer; in the layer it does not exist."
        in (refused["problem"])
    )
    wrong = frame().assign(beds=["one", "two", "three"])
    refused = await desk.publish("clinics", write(tmp_path / "wrong.gpkg", wrong), "POST")
    assert "Field 'beds' of this file is string; in the layer it is integer." in refused["problem"]
    assert (await desk.layer("clinics"))["features"] == 3


async def test_what_fails_leaves_the_older_one(desk: Desk, tmp_path: Path) -> None:
    await desk.publish("clinics", write(tmp_path / "few.gpkg", frame()))
    before = await desk.layer("clinics")
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"SQLite format 3\0 and then nothing of it")
    failed = await desk.publish("clinics", broken, title="Broken")
    assert failed["state"] == "failed"
    assert failed["problem"]
    assert str(tmp_path) not in failed["problem"]
    assert tempfile.gettempdir() not in failed["problem"]
    assert await desk.layer("clinics") == before


async def test_described_hidden_and_deleted(desk: Desk, tmp_path: Path) -> None:
    await desk.publish("clinics", write(tmp_path / "few.gpkg", frame()))
    changes = {"title": "Day clinics", "description": "By day", "access": "staff"}
    told = await desk.client.patch("/admin/layers/clinics", json=changes)
    assert told.status_code == 200, told.text
    assert {name: told.json()[name] for name in changes} == changes
    await desk.client.patch("/admin/layers/clinics", json={"access": "nobody"})
    assert (await desk.client.get("/collections/clinics")).status_code == 404
    listed = (await desk.client.get("/admin/layers")).json()["layers"]
    assert [(each["name"], each["access"]) for each in listed] == [("clinics", "nobody")]
    assert (await desk.client.delete("/admin/layers/clinics")).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        gone = await desk.client.request(method, "/admin/layers/clinics", json={"title": "T"})
        assert gone.status_code == 404
        assert gone.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    "body", ["", "[]", "{", '{"name": "other"}', '{"title": ""}', '{"access": "all"}', "\xff"]
)
async def test_changes_are_read_strictly(desk: Desk, tmp_path: Path, body: str) -> None:
    await desk.publish("clinics", write(tmp_path / "few.gpkg", frame()))
    refused = await desk.client.patch("/admin/layers/clinics", content=body.encode("latin-1"))
    assert refused.status_code == 400


async def test_a_style_of_its_own(desk: Desk, tmp_path: Path) -> None:
    await desk.publish("clinics", write(tmp_path / "few.gpkg", frame()))
    look = {
        "id": "red",
        "type": "circle",
        "source": "elsewhere",
        "source-layer": "x",
        "paint": {"circle-color": ["match", ["get", "name"], "Clinic 1", "#f00", "#0f0"]},
    }
    style = {"version": 8, "sources": {"elsewhere": {"type": "vector", "url": "http://x"}}}
    document = {**style, "layers": [{"id": "b", "type": "background"}, look]}
    told = await desk.client.patch("/admin/layers/clinics", json={"style": document})
    assert told.status_code == 200, told.text
    await desk.client.patch("/admin/layers/clinics", json={"title": "Same"})
    shown = (await desk.client.get("/styles/clinics.json", auth=httpx.Auth())).json()
    drawn = [each for each in shown["layers"] if each["type"] != "background"]
    assert [(each["source"], each["source-layer"]) for each in drawn] == [("clinics", "clinics")]
    assert drawn[0]["paint"] == look["paint"]
    assert "http://x" not in json.dumps(shown)
    await desk.client.patch("/admin/layers/clinics", json={"style": None})
    shown = (await desk.client.get("/styles/clinics.json", auth=httpx.Auth())).json()
    assert len(shown["layers"]) == 4
    for bad, where in (
        ({"layers": []}, "list `layers`"),
        ([{"type": "heatmap"}], "layers[0]: the type"),
        ([{"type": "fill", "paint": {"fill-color": "reddish"}}], "'reddish' is no colour"),
        ([{"type": "fill", "paint": {"fill-color": ["eval", "x"]}}], "layers[0].paint.fill-color"),
        ([{"type": "line", "filter": ["within", {}]}], "layers[0].filter"),
        ([{"type": "line", "minzoom": "low"}], "layers[0].minzoom"),
        ([{"type": "background"}], "beside a background"),
        ([{"type": "circle", "paint": {"circle-radius": "wide"}}], "circle-radius is a number"),
        ([{"type": "fill", "paint": {"fill-color": ["match"]}}], "cannot be evaluated"),
        ([{"type": "fill", "filter": ["in", "x"]}], "layers[0].filter cannot be evaluated"),
        (
            [{"type": "line", "paint": {"line-width": ["step", ["zoom"], 1, 10, "x"]}}],
            "line-width is a number",
        ),
    ):
        refused = await desk.client.patch("/admin/layers/clinics", json={"style": bad})
        assert refused.status_code == 400, refused.text
        assert where in refused.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/layers"),
        ("GET", "/admin/layers/clinics"),
        ("PUT", "/admin/layers/clinics"),
        ("POST", "/admin/layers/clinics"),
        ("PATCH", "/admin/layers/clinics"),
        ("DELETE", "/admin/layers/clinics"),
        ("GET", "/admin/uploads"),
        ("GET", "/admin/uploads/X"),
    ],
)
async def test_only_analysts_publish(
    desk: Desk, database: Database, method: str, path: str
) -> None:
    bare = await desk.client.request(method, path, auth=httpx.Auth(), content=b"{}")
    assert bare.status_code == 401
    assert bare.headers["www-authenticate"].startswith("Basic")
    for role in (None, Role.FIELD, Role.MANAGER):
        who = await auth(database, desk.city, role)
        refused = await desk.client.request(method, path, auth=who, content=b"{}")
        assert refused.status_code == 403
    page = {"Sec-Fetch-Site": "cross-site"}
    if method != "GET":
        elsewhere = await desk.client.request(method, path, headers=page, content=b"{}")
        assert elsewhere.status_code == 403


async def test_a_layer_of_one_place_has_a_box(desk: Desk, tmp_path: Path) -> None:
    await desk.publish("MainOffice", write(tmp_path / "one.gpkg", frame(1)))
    told = await desk.client.get("/wms?SERVICE=WMS&REQUEST=GetCapabilities")
    named = {"w": "http://www.opengis.net/wms"}
    (layer,) = etree.fromstring(told.content).xpath(
        "//w:Layer[w:Name = 'MainOffice']", namespaces=named
    )
    for box in layer.findall("w:BoundingBox", named):
        least, most = ([float(box.get(f"{end}{axis}")) for axis in "xy"] for end in ("min", "max"))
        assert least[0] < most[0]
        assert least[1] < most[1]
        corners = ",".join(map(str, (*least, *most)))
        query = {
            "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "MainOffice",
            "STYLES": "", "CRS": box.get("CRS"), "BBOX": corners, "WIDTH": "64", "HEIGHT": "64",
            "FORMAT": "image/png", "TRANSPARENT": "TRUE",
        }  # fmt: skip
        drawn = await desk.client.get("/wms", params=query)
        picture = Image.open(io.BytesIO(drawn.content)).convert("RGBA")
        assert picture.getpixel((32, 32))[3] == 255, box.get("CRS")  # type: ignore[index]


async def test_names_and_words_are_checked(desk: Desk, tmp_path: Path) -> None:
    content = write(tmp_path / "few.gpkg", frame()).read_bytes()
    for name, status in (("a_labels", 400), ("a b", 400), ("1a", 400), ("x" * 61, 400)):
        refused = await desk.client.put(f"/admin/layers/{name}", content=content)
        assert refused.status_code == status
    for name in ("requests", "staff-requests", "hexes", "dark", "Wards"):
        refused = await desk.client.put(f"/admin/layers/{name}", content=content)
        assert refused.status_code == 409
    for said in ({"access": "all"}, {"colour": "red"}, {"title": "x" * 2001}):
        refused = await desk.client.put("/admin/layers/clinics", params=said, content=content)
        assert refused.status_code == 400, said
    assert (await desk.client.get("/admin/uploads")).json() == {"uploads": []}


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    """Files are small here."""
    return msgspec.structs.replace(settings, max_layer_bytes=500_000)


async def test_a_file_that_is_too_large_is_not_kept(desk: Desk) -> None:
    many = b"lon,lat\n" + b"18.6,-33.9\n" * 50_000
    form: dict[str, Any] = {"files": {"file": ("a.csv", many)}}

    async def in_pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(many), 50_000):
            yield many[at : at + 50_000]

    for sent in ({"content": many}, {"content": in_pieces()}, form):
        refused = await desk.client.put("/admin/layers/clinics", **sent)
        assert refused.status_code == 413
    assert (await desk.client.get("/admin/uploads")).json() == {"uploads": []}


async def test_an_import_survives_its_worker(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end in the middle changes nothing; whoever takes the task up does all of it, once."""
    await desk.publish("clinics", write(tmp_path / "few.gpkg", frame()))
    sent = await desk.send("clinics", write(tmp_path / "more.gpkg", frame(5)), "POST")
    context = desk.context
    stuck = asyncio.Event()

    async def hang(*_: Any) -> None:
        stuck.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(datasets, "_fill", hang)
    (task,) = await tasks.claim(context.db, context.settings, [uploads.KIND], 1)
    dying = asyncio.create_task(
        working.work(context.db, context.settings, worker.handlers(context), task)
    )
    await stuck.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert (await desk.layer("clinics"))["features"] == 3
    assert (await desk.upload(sent["upload_id"]))["state"] in ("waiting", "running")
    monkeypatch.undo()
    await desk.work()
    assert (await desk.upload(sent["upload_id"]))["state"] == "done"
    assert (await desk.layer("clinics"))["features"] == 8
    # once more, as a worker whose lease ran out may
    await uploads.import_upload(
        context.db, context.settings, context.store, desk.city, {"upload_id": sent["upload_id"]}
    )
    assert (await desk.layer("clinics"))["features"] == 8


async def test_two_workers_append_once(desk: Desk, tmp_path: Path) -> None:
    await desk.publish("clinics", write(tmp_path / "few.gpkg", frame()))
    sent = await desk.send("clinics", write(tmp_path / "more.gpkg", frame(5)), "POST")
    context, payload = desk.context, {"upload_id": sent["upload_id"]}
    await asyncio.gather(
        *(
            uploads.import_upload(
                context.db, context.settings, context.store, desk.city, dict(payload)
            )
            for _ in range(2)
        )
    )
    assert (await desk.layer("clinics"))["features"] == 8


async def test_a_task_that_was_given_up_is_told(desk: Desk, tmp_path: Path) -> None:
    sent = await desk.send("clinics", write(tmp_path / "few.gpkg", frame()))
    give_up = text("update task set state = 'dead' where dedupe_key = :id")
    async with desk.context.db.begin(desk.city) as connection:
        await connection.execute(give_up, {"id": sent["upload_id"]})
    told = await desk.upload(sent["upload_id"])
    assert (told["state"], told["problem"]) == ("failed", "The server failed; it was logged.")


async def test_everything_is_logged_under_the_analysts_id(desk: Desk, tmp_path: Path) -> None:
    await desk.publish("clinics", write(tmp_path / "few.gpkg", frame()))
    await desk.client.patch("/admin/layers/clinics", json={"access": "staff"})
    await desk.client.delete("/admin/layers/clinics")
    logged = text("select kind, actor from event where subject = 'clinics' order by id")
    async with desk.context.db.begin(desk.city) as connection:
        rows = [tuple(row) for row in await connection.execute(logged)]
    assert [kind for kind, _ in rows] == ["dataset.imported", "dataset.changed", "dataset.removed"]
    assert all(actor.startswith("account:") and "@" not in actor for _, actor in rows)


async def test_the_definition_names_every_route(desk: Desk) -> None:
    answer = await desk.client.get("/admin/api", auth=httpx.Auth())
    told = answer.json()
    assert told["openapi"].startswith("3.0")
    assert told["servers"][0]["url"].endswith(f"/maps/{desk.city}/admin")
    named = {
        (f"/maps/{{jurisdiction_id}}/admin{path}", method.upper())
        for path, about in told["paths"].items()
        for method in about
        if method in ("get", "put", "post", "patch", "delete")
    }
    served = {
        (path.replace(":str", ""), str(method))
        for router in routes.routes
        for route in router.routes
        for path in [route.path_format]
        for method in route.methods
        if method not in ("HEAD", "OPTIONS")
    }
    assert named == {each for each in served if not each[0].endswith("/api")}
    assert yaml.safe_dump(msgspec.to_builtins(told))
