"""What benchmarks share: servers to load, the loads themselves, and ratios of medians."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL

from open311 import db
from open311.settings import Settings

HERE = Path(__file__).parent
SERVERS = {
    "uvicorn": "uvicorn --factory {app} --port {port} --loop uvloop --http httptools "
    "--log-level error --no-access-log",
    "granian": "granian --interface asgi --factory {app} --port {port} --loop uvloop "
    "--log-level error --no-ws",
}


class Load(NamedTuple):
    """What a load showed: answers a second, median latency, CPU of the server for each answer."""

    rate: float
    median_ms: float
    cpu_us: float = 0.0


class Server(NamedTuple):
    """A running server, and the process whose time counts."""

    url: str
    pid: int


Named = tuple[str, Callable[[], Load]]


def compare(rounds: int, ours: Named, theirs: Named) -> None:
    """Run both in turns, and print the medians and their ratios."""
    pairs = [(ours[1](), theirs[1]()) for _ in range(rounds)]
    one, other = (sorted(each)[rounds // 2] for each in zip(*pairs, strict=True))
    ratios = f"rate x{one.rate / other.rate:.2f}, time x{one.median_ms / other.median_ms:.2f}"
    if other.cpu_us:
        ratios += f", CPU x{one.cpu_us / other.cpu_us:.2f}"
    print(f"{ours[0]}: {shown(one)}\n  against {theirs[0]}: {shown(other)}\n  {ratios}", flush=True)


def shown(load: Load) -> str:
    cpu = f", {load.cpu_us:.0f} us of CPU each" if load.cpu_us else ""
    return f"{load.rate:.0f}/s, median {load.median_ms:.2f} ms{cpu}"


@contextmanager
def running(settings: Settings, kind: str, app: str) -> Iterator[Server]:
    """A server process on a free port, ready to answer."""
    port = free_port()
    command = SERVERS[kind].format(app=app, port=port).split()
    process = subprocess.Popen(
        [sys.executable, "-m", *command], env=environment(settings), start_new_session=True
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health/live")
        yield Server(url, process.pid)
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the server reads them."""
    return os.environ | {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "MEDIA_URL": settings.media_url,
        "SECRET_KEYS": ",".join(settings.secret_keys),
        "POOL_SIZE": str(settings.pool_size),
        "TILE_CACHE_BYTES": str(settings.tile_cache_bytes),
        "MAX_TILE_FEATURES": str(settings.max_tile_features),
        "LOG_LEVEL": "error",
    }


def wait_for(url: str) -> None:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 (our own address)
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def wrk(
    server: Server,
    path: str,
    seconds: int,
    clients: int,
    script: str = "",
    headers: Mapping[str, str] | None = None,
) -> Load:
    """Load a path; the CPU is that of the server's processes alone."""
    scripted = ["-s", str(HERE / script)] if script else []
    for name, value in (headers or {}).items():
        scripted += ["-H", f"{name}: {value}"]
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}", "--latency", *scripted]
    before = cpu_seconds(server.pid)
    text = subprocess.run([*command, server.url + path], capture_output=True, text=True).stdout
    used = cpu_seconds(server.pid) - before
    answers = int(re.search(r"(\d+) requests in", text)[1])
    if "Non-2xx" in text or not answers:
        raise SystemExit(f"{path}: {text}")
    median, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", text).groups()
    median_ms = float(median) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    return Load(rate, median_ms, used / answers * 1e6)


def cpu_seconds(pid: int) -> float:
    """Time that a process and its children have used, of Linux's clock ticks."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_seconds(int(child)) for child in children)


def pgbench(settings: Settings, script: str, seconds: int, clients: int) -> Load:
    """The same statements by PostgreSQL's own client, as the application role."""
    file = HERE / "sql" / f"{script}.sql"
    return pgbench_file(db.role_url(settings, "app"), file, seconds, clients)


def pgbench_file(url: URL, file: Path, seconds: int, clients: int) -> Load:
    """A script's statements by PostgreSQL's own client."""
    command = [pgbench_path(), "-n", "-M", "prepared", "-j1", f"-c{clients}", f"-T{seconds}"]
    target = url.set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run([*command, "-f", str(file), target], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    average = float(re.search(r"latency average = ([\d.]+) ms", done.stdout)[1])
    rate = float(re.search(r"tps = ([\d.]+)", done.stdout)[1])
    return Load(rate, average)


def pgbench_path() -> str:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    return str(found[-1]) if found else "pgbench"
