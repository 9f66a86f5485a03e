"""How fast messages are taken and become requests: python -m bench.ingest

Starts a private PostgreSQL and Redis, `open311 serve` with one worker or more, and a provider of
messages in this process. Prints the time to acknowledge at a steady rate, the time from the webhook
to the filed request, a burst, and how fast what waits is worked off. All on the machine at hand:
the load comes from it too.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import asyncpg
import click
import httpx
import msgspec
import uvloop

from bench.measure import free_port
from open311 import catalogue, conversations, db, embedded, inbox, logs
from open311.db import Database
from open311.migrate import migrate
from open311.settings import Settings
from tests.whatsapp.messages import ACCOUNT, PUBLIC_URL, TOKEN, sign
from tests.whatsapp.provider import serving

HERE = Path(__file__).parent
CITY_FILE = HERE.parent / "tests" / "city.yaml"
CITY, OURS = "city.test", "+27105550100"
PATH = "/whatsapp/inbound"


@click.command()
@click.option("--seconds", default=10, show_default=True, help="Length of each steady load.")
@click.option("--waiting", default=10_000, show_default=True, help="Messages to work off.")
@click.option("--workers", default=2, show_default=True)
def main(seconds: int, waiting: int, workers: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, serving(ACCOUNT, TOKEN) as provider:
        given = Settings(
            var_dir=folder,
            log_level="error",
            public_url=PUBLIC_URL,
            twilio_account_sid=ACCOUNT,
            twilio_auth_token=TOKEN,
            twilio_api_url=provider.url,
            whatsapp_numbers=(f"whatsapp:{OURS}={CITY}",),
            messages_per_second=1000,
            open_data_formats=(),
        )
        logs.configure(given)
        with embedded.running(given) as settings:
            uvloop.run(prepare(settings))
            with server(settings, workers) as url:
                uvloop.run(measure(settings, url, seconds))
            uvloop.run(work_off(settings, waiting, workers))


async def prepare(settings: Settings) -> None:
    await migrate(settings)
    async with db.connected(settings) as database:
        await catalogue.load(database, catalogue.read(CITY_FILE))


@contextmanager
def server(settings: Settings, workers: int, web: bool = True) -> Iterator[str]:
    """`open311 serve`, or workers alone, on services that run already."""
    port = free_port()
    names = msgspec.structs.asdict(settings) | {"port": port, "worker_processes": workers}
    environment = {
        **os.environ,
        **{
            name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
            for name, value in names.items()
        },
    }
    command = [sys.executable, "-m", "open311.cli", *(["serve"] if web else ["worker"])]
    number = 1 if web else workers
    started = [subprocess.Popen(command, env=environment) for _ in range(number)]
    try:
        url = f"http://127.0.0.1:{port}"
        if web:
            _wait(url)
        yield url
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(f"{url}/health/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit("The server did not start.")


def words_of(citizen: int) -> dict[str, str]:
    return _form(citizen, "a", {"Body": "pothole in my road"})


def pin_of(citizen: int) -> dict[str, str]:
    """A pin that no other citizen's is near: on a grid of two hundred metres."""
    lat, long = -33.995 + 0.0021 * (citizen % 50), 18.605 + 0.0021 * (citizen // 50 % 50)
    return _form(citizen, "b", {"Body": "", "Latitude": f"{lat}", "Longitude": f"{long}"})


def yes_of(citizen: int) -> dict[str, str]:
    return _form(citizen, "c", {"Body": "yes"})


def conversations_of(citizens: Iterable[int]) -> list[dict[str, str]]:
    """What each citizen sends until the report is filed."""
    return [make(each) for each in citizens for make in (words_of, pin_of, yes_of)]


def _form(citizen: int, part: str, more: dict[str, str]) -> dict[str, str]:
    named = {"MessageSid": f"SM{citizen:031d}{part}", "AccountSid": ACCOUNT, "NumMedia": "0"}
    addresses = {"From": f"whatsapp:+2782{citizen:07d}", "To": f"whatsapp:{OURS}"}
    return named | addresses | more


async def measure(settings: Settings, url: str, seconds: int) -> None:
    connections = aiohttp.TCPConnector(limit=200, keepalive_timeout=3)
    async with aiohttp.ClientSession(url, connector=connections) as client:
        await flow(
            client, conversations_of(range(seconds * 27)), 80
        )  # warm, connection by connection
        await drained(settings)
        citizens = range(1000, 1000 + seconds * 27)
        show("acknowledged at 80/s", await flow(client, conversations_of(citizens), 80))
        await drained(settings)
        await show_filed(settings, citizens)
        citizens = range(10_000, 10_000 + 300 * seconds // 2)
        show("acknowledged at 300/s", await flow(client, [words_of(n) for n in citizens], 300))
        burst = [words_of(n) for n in range(20_000, 20_500)]
        started = time.perf_counter()
        await flow(client, burst, 500)
        print(f"burst of 500: stored in {time.perf_counter() - started:.2f} s", flush=True)
        await drained(settings)


async def flow(
    client: aiohttp.ClientSession, forms: list[dict[str, str]], rate: int
) -> list[float]:
    """Send at a steady rate, whatever the answers take; how long each took, in ms."""
    bodies = [(urlencode(form), sign(PATH, form)) for form in forms]

    async def send(body: str, headers: dict[str, str]) -> float:
        started = time.perf_counter()
        async with client.post(PATH, data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        return 1000 * (time.perf_counter() - started)

    sending, begin = [], time.perf_counter()
    for number, (body, headers) in enumerate(bodies):
        await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
        sending.append(asyncio.create_task(send(body, headers)))
    return list(await asyncio.gather(*sending))


def show(what: str, times: list[float]) -> None:
    cuts = statistics.quantiles(times, n=100)
    figures = f"median {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, p99 {cuts[98]:.1f} ms"
    print(f"{what}: {figures} ({len(times)} messages)", flush=True)


async def show_filed(settings: Settings, citizens: range) -> None:
    """From the receipt of the yes to the event of the filed request, by the database's clock."""
    connection = await asyncpg.connect(settings.database_url)
    yeses = [yes_of(citizen)["MessageSid"] for citizen in citizens]
    filed = await connection.fetch(
        """
        select extract(epoch from min(o.created_at) - max(i.received_at)) as seconds
        from inbox i
        join outbound o using (jurisdiction_id, conversation_id)
        where i.message_id = any($1) and o.service_request_id is not null
        group by i.conversation_id
        """,
        yeses,
    )
    await connection.close()
    show("from webhook to filed request at 80/s", [1000 * float(row["seconds"]) for row in filed])


async def drained(settings: Settings) -> None:
    async with db.connected(settings) as database:
        await _until_fewer(database, 1)
        # what is to be sent and read beside it is not the next figure's
        await _until_fewer(database, 1, _DUE)


_WAITING = "select count(*) from inbox where handled_at is null"
_DUE = "select count(*) from task where state in ('waiting', 'running') and run_after <= now()"


async def _until_fewer(database: Database, number: int, statement: str = _WAITING) -> None:
    left = number
    while left >= number:
        async with database.begin(CITY) as connection:
            left = int((await connection.exec_driver_sql(statement)).scalar_one())
        await asyncio.sleep(0.05)


async def work_off(settings: Settings, waiting: int, workers: int) -> None:
    """Messages that came while no worker ran."""
    async with db.connected(settings) as database:
        for number in range(waiting):
            form = words_of(100_000 + number // 2)
            form["MessageSid"] = f"SM{number:032d}"
            who = conversations.identify(settings, CITY, "whatsapp", OURS, form["From"][9:])
            kept = (form["MessageSid"], urlencode(form).encode())
            await inbox.keep(database, settings, CITY, who, "whatsapp", kept)
        with server(settings, workers, web=False):
            await _until_fewer(database, waiting)
            started = time.perf_counter()
            await _until_fewer(database, 1)
            taken = time.perf_counter() - started
    print(f"{waiting} waiting: {waiting / taken:.0f} messages/s, {workers} workers", flush=True)


if __name__ == "__main__":
    main()
