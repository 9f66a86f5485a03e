"""One migrated database for the whole run; each test has a jurisdiction of its own.

Isolation is the product's own tenancy: tests commit for real, and see nothing of each other.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pandas as pd
import pytest
import sqlalchemy
from argon2 import PasswordHasher
from litestar import Litestar
from sqlalchemy.ext.asyncio import create_async_engine

from ingest import history
from open311 import boundaries, catalogue, db, embedded, keys, passwords, place_names
from open311.app import create_app
from open311.db import Database
from open311.environment import from_environment
from open311.migrate import migrate
from open311.settings import Settings

FileHistory = Callable[[list[dict[str, Any]]], Awaitable[None]]
CITY = Path(__file__).parent / "city.yaml"


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> None:
    """Hash those of the tests for next to nothing: they are no secrets."""
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings with a real PostgreSQL and Redis: those of the environment, or private ones."""
    given = from_environment(os.environ)
    folder = str(tmp_path_factory.mktemp("var"))
    given = msgspec.structs.replace(
        given,
        var_dir=folder,
        media_url=f"file://{folder}/media",
        rate_address=1_000_000,  # all tests have one address
        redis_milliseconds=5000,  # a busy machine is no absence
    )
    with embedded.running(given) as settings:
        yield settings


@contextmanager
def new_database(services: Settings) -> Iterator[Settings]:
    """Settings of a new, migrated database that goes away at the end."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = db.owner_url(services)
    asyncio.run(run_sql(admin, f"create database {name}"))
    url = admin.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    made = msgspec.structs.replace(services, database_url=url)
    asyncio.run(migrate(made))
    yield made
    asyncio.run(run_sql(admin, f"drop database {name} with (force)"))
    for role in db.ROLES:
        asyncio.run(run_sql(admin, f"drop role {name}_{role}"))


@pytest.fixture(scope="session")
def settings(services: Settings) -> Iterator[Settings]:
    """Settings of the run's database."""
    with new_database(services) as made:
        yield made


@pytest.fixture(scope="session")
def country(services: Settings) -> Iterator[Settings]:
    """Settings of a database with South Africa's boundaries and the gazetteer.

    Boundaries are no city's own: in the run's database they would change what others find.
    """
    with new_database(services) as made:
        asyncio.run(_fill(made))
        yield made


async def _fill(settings: Settings) -> None:
    async with db.connected(settings) as database:
        async with database.shared() as connection:
            await place_names.load_gazetteer(connection)
        await boundaries.load_packaged(database)


async def run_sql(url: sqlalchemy.URL, statement: str) -> None:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(statement)
    await engine.dispose()


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The application role's connections, as the server has them."""
    made = db.connect(settings)
    yield made
    await made.close()


@pytest.fixture
async def city(database: Database) -> str:
    """A jurisdiction for one test, with the services of `city.yaml`; its key is `key-CITY`."""
    jurisdiction_id = f"{uuid.uuid4().hex[:12]}.test"
    read = catalogue.read(CITY)
    renamed = msgspec.structs.replace(read, jurisdiction_id=jurisdiction_id)
    await catalogue.load(database, renamed)
    key = f"key-{jurisdiction_id}"
    await keys.ensure(database, jurisdiction_id, key, "tests", keys.SCOPES, "high")
    return jurisdiction_id


@pytest.fixture
async def file_history(database: Database, city: str, tmp_path: Path) -> FileHistory:
    """Put past requests into the test's jurisdiction, through the import that a city uses."""

    async def file(rows: list[dict[str, Any]]) -> None:
        path = tmp_path / "history.csv"
        pd.DataFrame(rows).to_csv(path, index=False)
        counts = await history.import_file(
            database, city, history.Source(path), tmp_path / "refused.csv"
        )
        assert counts.inserted == len(rows), (tmp_path / "refused.csv").read_text()

    return file


@pytest.fixture(scope="module")
async def app(settings: Settings) -> AsyncIterator[Litestar]:
    """The server with its connections open: one for a file of tests, for it takes time to make."""
    made = create_app(settings)
    async with made.lifespan():
        yield made


@pytest.fixture
async def client(app: Litestar, city: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the test's own jurisdiction: paths are relative to its GeoReport base URL."""
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    base = f"http://open311.test/open311/{city}/v2"
    async with httpx.AsyncClient(transport=transport, base_url=base) as made:
        yield made
