"""The real command in processes of its own, each with its own folder and port."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from msgspec import Struct

from open311.settings import Settings

SERVICES = ("DATABASE_URL", "REDIS_URL", "MEDIA_URL", "SECRET_KEYS")
READY_SECONDS = 90


class Server(Struct, frozen=True):
    """A running `open311 serve`."""

    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    log: Path

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.environment['PORT']}"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal the supervisor alone, and return how it ended."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def wait_until_ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if httpx.get(f"{self.base}/health/ready", timeout=5).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text())


def environment(var_dir: Path, port: int) -> dict[str, str]:
    """The test's own, for a server that has to bring all services itself.

    Its workers do not stand back: other tests keep the processors busy.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in SERVICES}
    return {"WORKER_NICE": "0", **inherited, "VAR_DIR": str(var_dir), "PORT": str(port)}


def services(settings: Settings, folder: Path) -> dict[str, str]:
    """For a server on services that run already, with a folder for its photos."""
    return {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "MEDIA_URL": f"file://{folder}/media",
        "SECRET_KEYS": ",".join(settings.secret_keys),
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call `open311` and wait for its end."""
    command = [sys.executable, "-m", "open311.cli", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@contextmanager
def serving(folder: Path, *options: str, **more: str) -> Iterator[Server]:
    """A ready server, stopped at the end if the test did not."""
    given = {**environment(folder / "var", free_port()), **more}
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "open311.cli", "serve", *options],
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    server = Server(process, given, log)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if process.poll() is None:
            server.stop()


def descendants(pid: int) -> set[int]:
    """All processes under one, as Linux lists them."""
    numbers = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
    parents = {number: stat[1] for number in numbers if (stat := _stat(number))}
    found, next_ones = set(), {str(pid)}
    while children := {child for child, parent in parents.items() if parent in next_ones}:
        found |= children
        next_ones = {str(child) for child in children}
    return found


def command_line(pid: int) -> bytes:
    """The words of a process's command, each ended by a zero byte; nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_until_gone(pids: set[int]) -> set[int]:
    """Those that still live after ten seconds."""
    end = time.monotonic() + 10
    while (alive := {pid for pid in pids if _lives(pid)}) and time.monotonic() < end:
        time.sleep(0.05)
    return alive


def _lives(pid: int) -> bool:
    return _stat(pid)[:1] not in ([], ["Z"])


def _stat(pid: int) -> list[str]:
    """What Linux says of a process, from its state and its parent on; nothing once it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
