"""Every question finds its rows by an index, in a small jurisdiction and in a large one.

The statements are those that the server runs, caught on their way, and explained as the role that
runs them: row-level security can keep an index from being used.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pandas as pd
import pytest
from litestar import Litestar
from sqlalchemy import Engine, event, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ingest import growth, history
from open311 import catalogue, db, keys, reporters
from open311.db import Database
from open311.settings import Settings
from tests.conftest import CITY, new_database

pytestmark = pytest.mark.anyio

ROWS = {"small.test": 20_000, "large.test": 60_000}
# These grow with the years; the rest are a handful of rows a jurisdiction.
GROWING = (
    "service_request",
    "request_update",
    "token",
    "media",
    "api_key",
    "idempotency",
    "reporter",
)
_MORE_ROWS = Path(__file__).with_name("plan_rows.sql").read_text()
_SEED_ROWS = 2000

Statements = list[tuple[str, Any]]
Node = dict[str, Any]


@pytest.fixture(scope="module")
def settings(services: Settings) -> Iterator[Settings]:
    """A database of this module's own, with two jurisdictions of different sizes."""
    with new_database(services) as made:
        folder = Path(made.var_dir)
        asyncio.run(_fill(made, folder))
        yield msgspec.structs.replace(made, bulk_chunk_rows=1000)


async def _fill(settings: Settings, folder: Path) -> None:
    async with db.connected(settings) as database:
        for jurisdiction_id, number in ROWS.items():
            await _found(database, jurisdiction_id, number, folder)
    engine = create_async_engine(
        db.owner_url(settings), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    async with engine.connect() as connection:
        await connection.exec_driver_sql("vacuum analyze")


async def _found(database: Database, jurisdiction_id: str, number: int, folder: Path) -> None:
    read = msgspec.structs.replace(catalogue.read(CITY), jurisdiction_id=jurisdiction_id)
    await catalogue.load(database, read)
    await keys.ensure(
        database, jurisdiction_id, f"key-{jurisdiction_id}", "plans", keys.SCOPES, "high"
    )
    path = folder / f"{jurisdiction_id}.csv"
    _seed().to_csv(path, index=False)
    await history.import_file(database, jurisdiction_id, history.Source(path), folder / "refused")
    await growth.grow(database, jurisdiction_id, number, years=3)
    async with database.begin(jurisdiction_id) as connection:
        await connection.execute(text("set local statement_timeout = '1min'"))
        for statement in _MORE_ROWS.split(";\n")[:-1]:
            await connection.execute(text(statement), {"jurisdiction_id": jurisdiction_id})


def _seed() -> pd.DataFrame:
    """A year of requests all over the town, most of them closed."""
    random = np.random.default_rng(311)
    at = datetime.now(UTC) - pd.to_timedelta(random.uniform(0, 365, _SEED_ROWS), unit="D")
    closed = at + timedelta(hours=20)
    return pd.DataFrame(
        {
            "service_request_id": [f"SEED-{number}" for number in range(_SEED_ROWS)],
            "service_code": random.choice(
                ["POTHOLE", "TREE", "GRAFFITI"], _SEED_ROWS, p=[0.9, 0.09, 0.01]
            ),
            "requested_datetime": at,
            "closed_datetime": pd.Series(closed).where(random.uniform(size=_SEED_ROWS) < 0.8),
            "lat": random.uniform(-33.99, -33.89, _SEED_ROWS),
            "long": random.uniform(18.61, 18.71, _SEED_ROWS),
        }
    )


@pytest.fixture(params=ROWS)
def town(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def caller(app: Litestar, town: str) -> AsyncIterator[httpx.AsyncClient]:
    """Paths are relative to the jurisdiction's base URL; what is cached of it is cached."""
    base = f"http://open311.test/open311/{town}/v2"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base) as made:
        # its first look makes everybody forget what is cached
        while not app.state.hub.fresh():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await made.get("/services/POTHOLE.json")
        yield made


@contextmanager
def caught() -> Iterator[Statements]:
    """The statements that any connection runs meanwhile, with their parameters."""
    found: Statements = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "relayed_since" not in statement:  # the hub asks several times a second
            found.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def explain(database: Database, town: str, statements: Statements) -> list[Node]:
    """All nodes of the plans of the statements, as the application role gets them."""
    found: list[Node] = []
    async with database.begin(town) as connection:
        for statement, parameters in statements:
            told = await connection.exec_driver_sql(
                f"explain (format json) {statement}", parameters
            )
            [plan] = told.scalar_one()
            found.extend(_nodes(plan["Plan"]))
    return found


def _nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def check(nodes: list[Node], index: str, column: str) -> None:
    """Growing tables are read by index alone, always of one jurisdiction, and by this one here.

    Both are patterns, for where two indexes are as good.
    """
    for node in nodes:
        if node["Node Type"] == "Seq Scan":
            assert node["Relation Name"] not in GROWING, node
        if node.get("Index Name", "").startswith(GROWING) and "Index Cond" in node:
            assert "jurisdiction_id" in node["Index Cond"], node
    used = {(node["Index Name"], node.get("Index Cond")) for node in nodes if "Index Name" in node}
    assert any(
        re.fullmatch(index, name) and re.search(column, str(condition)) for name, condition in used
    ), used


WEEK_AGO = (datetime.now(UTC) - timedelta(days=7)).isoformat()
DAY_AGO = (datetime.now(UTC) - timedelta(days=1)).isoformat()
PLACE = {"lat": "-33.93", "long": "18.65"}


@pytest.mark.parametrize(
    ("path", "query", "index", "column"),
    [
        ("/requests.json", {}, "service_request_requested_idx", "requested_datetime"),
        ("/requests.json", {"status": "open"}, "service_request_requested_idx", "requested"),
        (
            "/requests.json",
            {"page": "3", "page_size": "50"},
            "service_request_requested_idx",
            "requested",
        ),
        (
            "/requests.json",
            {"service_code": "GRAFFITI"},
            "service_request_service_idx",
            "service_code",
        ),
        ("/requests.json", {"updated_after": DAY_AGO}, "service_request_updated_idx", "updated"),
        (
            "/requests.json",
            {"bbox": "18.65,-33.93,18.653,-33.927"},
            "service_request_quadkey_idx",
            "quadkey",
        ),
        ("/requests.json", PLACE | {"radius": "150"}, "service_request_quadkey_idx", "quadkey"),
        (
            "/requests.json",
            {"service_request_id": "SEED-1,SEED-2"},
            "service_request_pkey",
            "service_request_id",
        ),
        ("/requests/SEED-1.json", {}, "service_request_pkey", "service_request_id"),
        (
            "/requests/SEED-1.json",
            {"extensions": "true"},
            "request_update_jurisdiction_id_service_request_id_idx",
            "service_request_id",
        ),
        (
            "/nearby.json",
            PLACE | {"service_code": "POTHOLE"},
            "service_request_(quadkey|service)_idx",
            "quadkey|service_code",
        ),
        ("/tokens/T-SEED-1.json", {}, "token_pkey", "token"),
        (
            "/servicerequestupdates.json",
            {"start_date": DAY_AGO},
            "request_update_jurisdiction_id_updated_datetime_idx",
            "updated_datetime",
        ),
    ],
)
async def test_reading(
    database: Database,
    town: str,
    caller: httpx.AsyncClient,
    path: str,
    query: dict[str, str],
    index: str,
    column: str,
) -> None:
    with caught() as statements:
        answer = await caller.get(path, params=query)
    assert answer.status_code == 200, answer.text
    check(await explain(database, town, statements), index, column)


@pytest.mark.parametrize("name", ["SEED-1.jpg", "SEED-1-small.jpg"])
async def test_serving_a_photo(
    database: Database, town: str, caller: httpx.AsyncClient, name: str
) -> None:
    with caught() as statements:
        # the row is there, and nothing in the store
        await caller.get(f"http://open311.test/media/{town}/{name}")
    nodes = await explain(database, town, statements)
    check(nodes, "media_jurisdiction_id_object_key_idx", "object_key")


async def test_each_chunk_of_a_dump_goes_on_where_the_last_one_ended(
    database: Database, town: str, caller: httpx.AsyncClient
) -> None:
    with caught() as statements:
        await caller.get("/bulk.csv", params={"end_date": WEEK_AGO})
    chunks = [each for each in statements if "requested_datetime <=" in each[0]]
    assert len(chunks) > 10
    for chunk in (chunks[1], chunks[-1]):
        check(
            await explain(database, town, [chunk]),
            "service_request_requested_idx",
            "requested_datetime <=",
        )


@pytest.mark.parametrize(
    ("index", "column"),
    [
        ("api_key_jurisdiction_id_digest_key", "digest"),
        ("idempotency_pkey", "idempotency_key"),
        # the same report again, of the last minutes
        ("service_request_(service|requested)_idx", "requested_datetime"),
    ],
)
async def test_filing(
    database: Database, town: str, caller: httpx.AsyncClient, index: str, column: str
) -> None:
    report = PLACE | {"service_code": "POTHOLE", "api_key": f"key-{town}", "email": "a@example.com"}
    with caught() as statements:
        answer = await caller.post(
            "/requests.json", data=report, headers={"Idempotency-Key": index}
        )
    assert answer.status_code == 200, answer.text
    check(await explain(database, town, statements), index, column)


@pytest.mark.parametrize(
    ("index", "column"),
    [
        ("request_update_jurisdiction_id_key_id_source_update_id_key", "source_update_id"),
        ("service_request_pkey", "service_request_id"),
    ],
)
async def test_posting_an_update(
    database: Database, town: str, caller: httpx.AsyncClient, index: str, column: str
) -> None:
    update = {"service_request_id": "SEED-5", "status": "UNCHANGED", "update_id": index}
    with caught() as statements:
        answer = await caller.post(
            "/servicerequestupdates.json", data=update | {"api_key": f"key-{town}"}
        )
    assert answer.status_code == 200, answer.text
    check(await explain(database, town, statements), index, column)


async def test_finding_a_person_to_forget(
    database: Database, town: str, settings: Settings
) -> None:
    for contact, index in (
        (reporters.Contact(email="a@example.com"), "reporter_jurisdiction_id_email_hash_idx"),
        (reporters.Contact(phone="+27825550100"), "reporter_jurisdiction_id_phone_hash_idx"),
    ):
        with caught() as statements:
            async with database.begin(town) as connection:
                await reporters.find_by(connection, settings, town, contact)
        check(await explain(database, town, statements), index, "hash")


async def test_claiming_tasks(settings: Settings) -> None:
    """The body of the function, for its plan does not show: of all jurisdictions, as its owner."""
    engine = create_async_engine(db.owner_url(settings), poolclass=NullPool)
    async with engine.connect() as connection:
        source = "select prosrc from pg_proc where proname = 'claim_tasks'"
        body = (await connection.exec_driver_sql(source)).scalar_one()
        for name, value in (
            ("kinds", "'{token.issue}'::text[]"),
            ("most", "10"),
            ("lease_seconds", "60"),
        ):
            body = re.sub(rf"\b{name}\b", value, body)
        told = await connection.exec_driver_sql(f"explain (format json) {body}")
        nodes = list(_nodes(told.scalar_one()[0]["Plan"]))
    assert "task_due_idx" in {node.get("Index Name") for node in nodes}
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}


@pytest.mark.parametrize("path", ["/requests.json", "/requests.xml"])
@pytest.mark.parametrize("query", [{}, {"extensions": "true"}])
async def test_a_page_takes_as_many_statements_however_long_it_is(
    caller: httpx.AsyncClient, path: str, query: dict[str, str]
) -> None:
    counts = set()
    for size in ("1", "10", "200"):
        with caught() as statements:
            answer = await caller.get(path, params=query | {"page_size": size})
        assert int(answer.headers["x-total-count"]) > 200
        counts.add(len(statements))
    assert counts == {4 if query else 2}
