"""One running server, with a town and its history, for programs that were written for others."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pandas as pd
import pytest
from msgspec import Struct

from ingest import history
from open311 import catalogue, db, keys
from open311.settings import Settings
from open311.wire import ServiceType
from tests.conftest import CITY, new_database
from tests.operations import servers

JURISDICTION = "clients.test"
KEY = "key-of-the-clients"
# The code that Chicago's client has for a pothole in an alley.
ALLEY = "5c1849ce9e6e99eda0adada2"
BUSY_DAY = datetime(2024, 3, 9, tzinfo=UTC)
BUSY_DAY_ROWS = 450


class Town(Struct, frozen=True):
    """What a client is configured with."""

    address: str
    jurisdiction_id: str
    api_key: str

    @property
    def shared(self) -> str:
        """The base URL where `jurisdiction_id` says whose it is."""
        return f"{self.address}/open311/v2"

    @property
    def own(self) -> str:
        """The base URL of clients that cannot send it."""
        return f"{self.address}/open311/{self.jurisdiction_id}/v2"


@pytest.fixture(scope="session")
def settings(services: Settings) -> Iterator[Settings]:
    """Of a database of their own: the town's worker relays whatever changes in one."""
    with new_database(services) as made:
        yield made


@pytest.fixture(scope="session")
def town(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The real command, web and worker, on the run's database."""
    folder = tmp_path_factory.mktemp("clients")
    asyncio.run(_found(settings, folder))
    with servers.serving(folder, **servers.services(settings, folder)) as server:
        yield Town(server.base, JURISDICTION, KEY)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clients heed the environment; nothing may lead them away from this machine."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def filed(town: Town) -> list[dict[str, Any]]:
    """The public requests of the last days, as our own JSON tells them."""
    answer = httpx.get(f"{town.own}/requests.json")
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found


async def _found(settings: Settings, folder: Path) -> None:
    """The town: the tests' services and one of Chicago's, a key, and past requests."""
    read = catalogue.read(CITY)
    alley = msgspec.structs.replace(
        read.services[0],
        service_code=ALLEY,
        service_name="Alley pothole",
        type=ServiceType.REALTIME,
    )
    town = msgspec.structs.replace(
        read, jurisdiction_id=JURISDICTION, services=[*read.services, alley]
    )
    path = folder / "history.csv"
    pd.DataFrame([*_recent(), *_busy_day()]).to_csv(path, index=False)
    async with db.connected(settings) as database:
        await catalogue.load(database, town)
        await keys.ensure(database, JURISDICTION, KEY, "clients", keys.SCOPES, "high")
        await history.import_file(
            database, JURISDICTION, history.Source(path), folder / "refused.csv"
        )


def _recent() -> Iterator[dict[str, Any]]:
    """Ten requests, one a day until yesterday, every other one closed."""
    for number in range(10):
        at = datetime.now(UTC) - timedelta(days=number + 1)
        yield {
            "service_request_id": f"RECENT-{number}",
            "service_code": "POTHOLE" if number % 3 else "TREE",
            "requested_datetime": at.isoformat(),
            "closed_datetime": (at + timedelta(hours=2)).isoformat() if number % 2 else "",
            "address": f"{number} Main Road, Mfuleni, 7100",
            "lat": -33.92 - number / 1000,
            "long": 18.65,
            "description": f"Gat in die pad: nommer {number} & <meer>",
        }


def _busy_day() -> Iterator[dict[str, Any]]:
    """More requests on one day than a page of any client holds."""
    for number in range(BUSY_DAY_ROWS):
        yield {
            "service_request_id": f"BUSY-{number}",
            "service_code": ALLEY,
            "requested_datetime": (BUSY_DAY + timedelta(hours=8, seconds=number)).isoformat(),
            "address": "Alley 12, Mfuleni",
            "lat": -33.95,
            "long": 18.66,
        }
