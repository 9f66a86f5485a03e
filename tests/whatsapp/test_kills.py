"""Killed in the middle of a burst: every message that was acknowledged ends in one request."""

import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from tests.operations.servers import Server, command_line, descendants, run, serving
from tests.whatsapp.messages import ACCOUNT, TOKEN, sign
from tests.whatsapp.provider import Provider
from tests.whatsapp.provider import serving as provider_serving

CITY = Path(__file__).parents[1] / "city.yaml"
OURS = "+27105550100"
CITIZENS = 24
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with provider_serving(ACCOUNT, TOKEN) as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Server]:
    """A server with a city that has a number."""
    messaging = {
        "PUBLIC_URL": "https://reports.example.org",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_API_URL": provider.url,
        "WHATSAPP_NUMBERS": f"whatsapp:{OURS}=city.test",
        "CONFIRM_SECONDS": "3",
        "TASK_LEASE_SECONDS": "5",
    }
    with serving(tmp_path_factory.mktemp("server"), **messaging) as started:
        done = run(started.environment, "jurisdiction", "add", str(CITY))
        assert done.returncode == 0, done.stderr
        yield started


def post(server: Server, fields: dict[str, str]) -> None:
    """Send as the provider does: the same again until it is acknowledged."""
    path = "/whatsapp/inbound"
    body, headers = urlencode(fields), sign(path, fields)
    for _ in range(300):
        try:
            sent = httpx.post(f"{server.base}{path}", content=body, headers=headers, timeout=15)
        except httpx.TransportError:
            sent = None
        if sent is not None and sent.status_code == 200:
            return
        time.sleep(0.2)
    raise AssertionError("never acknowledged")


def report(server: Server, number: int, round_of: str) -> None:
    """One citizen: words, and a pin half a kilometre from everybody else's."""
    base = {
        "AccountSid": ACCOUNT,
        "From": f"whatsapp:+2782{round_of}{number:06d}",
        "To": f"whatsapp:{OURS}",
        "NumMedia": "0",
    }
    lat = -33.99 + 0.02 * (number % 5) + 0.004 * int(round_of)
    long = 18.61 + 0.004 * number
    sid = f"SM{round_of}{number:031d}"
    post(server, base | {"MessageSid": f"{sid}a", "Body": f"pothole number {number}"})
    pin = {"Latitude": f"{lat:.5f}", "Longitude": f"{long:.5f}", "Body": ""}
    post(server, base | {"MessageSid": f"{sid}b"} | pin)


def kill(server: Server, what: bytes) -> None:
    for pid in descendants(server.process.pid):
        if what in command_line(pid):
            os.kill(pid, signal.SIGKILL)


def filed(provider: Provider, round_of: str) -> dict[str, list[str]]:
    """The references that each citizen was told."""
    found: dict[str, list[str]] = {}
    for message in list(provider.sent):
        references = re.findall(r"Your reference is \*([0-9A-Z-]+)\*", message["Body"])
        if references and message["To"].startswith(f"whatsapp:+2782{round_of}"):
            found.setdefault(message["To"], []).extend(references)
    return found


@pytest.mark.parametrize(
    ("round_of", "what"),
    [("1", b"multiprocessing-fork"), ("2", b"redis-server"), ("3", b"postgres\0-D")],
    ids=["server-and-workers", "redis", "postgresql"],
)
def test_a_kill_in_a_burst_loses_nothing_and_does_nothing_twice(
    server: Server, provider: Provider, round_of: str, what: bytes
) -> None:
    killer = threading.Timer(0.5, kill, (server, what))
    killer.start()
    with ThreadPoolExecutor(12) as citizens:
        list(citizens.map(lambda number: report(server, number, round_of), range(CITIZENS)))
    killer.join()
    end = time.monotonic() + 120
    while len(filed(provider, round_of)) < CITIZENS and time.monotonic() < end:
        time.sleep(0.5)
    told = filed(provider, round_of)
    assert len(told) == CITIZENS
    assert all(len(set(references)) == 1 for references in told.values()), told
    requests = httpx.get(
        f"{server.base}/open311/city.test/v2/requests.json?page_size=1000", timeout=30
    ).json()
    described = Counter(row["service_request_id"] for row in requests)
    assert {references[0] for references in told.values()} <= described.keys()
    assert len(requests) == CITIZENS * int(round_of)
    server.wait_until_ready()
