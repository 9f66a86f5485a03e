"""The API's description: complete, valid, and true of every answer Schemathesis can provoke."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jsonschema_rs
import msgspec
import pytest
import schemathesis
from litestar import Litestar
from litestar.routes import HTTPRoute
from lxml import html

from open311 import catalogue, db, keys
from open311.settings import Settings
from tests.conftest import CITY
from tests.operations import servers

pytestmark = pytest.mark.anyio

JURISDICTION = "described.test"
KEY = "key-of-the-description"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
HOOKS = "tests.api.schemathesis_hooks"
EXAMPLES = 15
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Document = dict[str, Any]


@pytest.fixture(scope="module")
def address(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running server with a jurisdiction and a key."""
    folder = tmp_path_factory.mktemp("described")
    asyncio.run(_found(settings))
    with servers.serving(folder, **servers.services(settings, folder)) as server:
        yield server.base


async def _found(settings: Settings) -> None:
    read = msgspec.structs.replace(catalogue.read(CITY), jurisdiction_id=JURISDICTION)
    async with db.connected(settings) as database:
        await catalogue.load(database, read)
        await keys.ensure(database, JURISDICTION, KEY, "schemathesis", keys.SCOPES, "high")


@pytest.fixture(scope="module")
def document(address: str) -> Document:
    found: Document = httpx.get(f"{address}/openapi.json").raise_for_status().json()
    return found


@pytest.fixture
def known(address: str) -> dict[str, str]:
    """The ids of a request and of a token, as a client gets them."""
    url = f"{address}/open311/{JURISDICTION}/v2/requests.json"
    filed = {"api_key": KEY, "lat": "-33.93", "long": "18.65"}
    ids: dict[str, str] = {}
    for service_code in ("POTHOLE", "GRAFFITI"):
        answer = httpx.post(url, data=filed | {"service_code": service_code}).raise_for_status()
        ids |= {name: text for name, text in answer.json()[0].items() if text}
    return ids


def located(document: Document) -> Document:
    """The description under the one base URL that Schemathesis takes: discovery is above v2."""
    below = {"/discovery.{format}": ""}
    paths = {below.get(path, "/v2") + path: calls for path, calls in document["paths"].items()}
    return document | {"paths": paths}


def narrow(document: Document, known: dict[str, str]) -> Document:
    """The same description for this town alone, so that most calls get past the first checks."""
    narrowed: Document = json.loads(json.dumps(document))
    codes = {"enum": ["POTHOLE", "GRAFFITI", "NOISE"]}
    here = {
        "lat": {"type": "number", "minimum": -33.99, "maximum": -33.89},
        "long": {"type": "number", "minimum": 18.61, "maximum": 18.71},
        "jurisdiction_id": {"enum": [JURISDICTION]},
        "service_code": codes,
        "service_request_id": {"enum": [known["service_request_id"]]},
        "token": {"enum": [known["token"]]},
    }
    for operation in (each for path in narrowed["paths"].values() for each in path.values()):
        for parameter in (each for each in operation["parameters"] if each["in"] == "path"):
            parameter["schema"] = here.get(parameter["name"], parameter["schema"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            fields = content["schema"]["properties"]
            fields |= {name: schema for name, schema in here.items() if name in fields}
            # the bearer token is the key; with a second one in the body, leaving it out goes well
            del fields["api_key"]
    return narrowed


def run(address: str, document: Document, folder: Path) -> str:
    """What Schemathesis has to say about the server, with all its phases and checks."""
    described, configured = folder / "openapi.json", folder / "schemathesis.toml"
    described.write_text(json.dumps(located(document)))
    # any other is another town's
    configured.write_text(f'[parameters]\n"query.jurisdiction_id" = "{JURISDICTION}"\n')
    command = [str(SCHEMATHESIS), "--config-file", str(configured), "run", str(described)]
    options = {
        "--url": f"{address}/open311",
        "--header": f"Authorization: Bearer {KEY}",
        "--max-examples": str(EXAMPLES),
        # refused in any field, known or not, for PostgreSQL cannot keep it
        "--generation-allow-x00": "false",
    }
    flags = ["--generation-deterministic", "--continue-on-failure"]
    ran = subprocess.run(
        [*command, *flags, *(part for option in options.items() for part in option)],
        env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(CITY.parents[1])},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_schemathesis_finds_no_violation(address: str, document: Document, tmp_path: Path) -> None:
    told = run(address, document, tmp_path)
    assert "Tested: 11" in told


def test_nor_in_calls_that_have_an_effect(
    address: str, document: Document, known: dict[str, str], tmp_path: Path
) -> None:
    url = f"{address}/open311/{JURISDICTION}/v2"
    before = httpx.get(f"{url}/requests.json").json()
    run(address, narrow(document, known), tmp_path)
    assert len(httpx.get(f"{url}/requests.json").json()) > len(before)
    assert len(httpx.get(f"{url}/servicerequestupdates.json").json()) > 0


def test_the_document_is_valid(document: Document) -> None:
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()
    schemas = [*document["components"]["schemas"].values(), *schemas_in(document["paths"])]
    assert len(schemas) > 50
    for schema in schemas:
        jsonschema_rs.meta.validate({"$schema": DIALECT} | schema)


def schemas_in(part: object) -> Iterator[Document]:
    """Every schema of parameters, bodies and answers."""
    if isinstance(part, dict):
        if isinstance(part.get("schema"), dict):
            yield part["schema"]
        for below in part.values():
            yield from schemas_in(below)
    elif isinstance(part, list):
        for below in part:
            yield from schemas_in(below)


def test_a_wrong_schema_is_found() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.meta.validate({"$schema": DIALECT, "type": "strin"})


async def test_every_route_of_the_api_is_described(app: Litestar, document: Document) -> None:
    described = {
        (method.upper(), re.sub(r"\{(?!format|extension)\w+\}", "{}", path))
        for path, calls in document["paths"].items()
        for method in calls
    }
    served = {
        (method, as_described(route.path))
        for route in app.routes
        if isinstance(route, HTTPRoute) and re.match(r"/open311/(v2/|discovery)", route.path)
        for method in route.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}
    }
    assert served == described


def as_described(route: str) -> str:
    """A route of the shared address as the description writes it."""
    path = route.removeprefix("/open311").removeprefix("/v2")
    path = re.sub(r"^/bulk\.\w+$", "/bulk.{extension}", path)
    path = re.sub(r"\.(json|xml)$", ".{format}", path)
    return path.replace("{name:path}", "{}.{format}")


async def test_the_page_for_people_needs_no_other_host(app: Litestar, document: Document) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://open311.test") as browser:
        page = await browser.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        root = html.fromstring(page.text)
        loaded = root.xpath("//@src | //link/@href")
        assert loaded
        for url in loaded:
            assert not urlsplit(url).netloc, url
            assert (await browser.get(url)).status_code == 200
    for call in (each for calls in document["paths"].values() for each in calls.values()):
        assert root.get_element_by_id(call["operationId"]) is not None
