"""`open311 serve`: services, web processes and workers, started and stopped in order."""

import errno
import multiprocessing
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol

import httpx
import structlog
from msgspec import Struct

from open311 import embedded, logs
from open311.settings import Settings, SettingsError

BACKLOG = 2048
_TICK_SECONDS = 0.2
_STEADY_SECONDS = 60
_MOST_PAUSE_SECONDS = 30.0
# Beyond draining, for closing connections; then it is by force.
_GRACE_SECONDS = 3
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_processes = multiprocessing.get_context("spawn")
_log = structlog.get_logger(__name__)

Target = Callable[..., None]


class Child(Protocol):
    """A process that is kept alive: one of ours, or a daemon."""

    name: str

    def start(self) -> None: ...

    def exit_code(self) -> int | None:
        """None while it runs."""

    def stop(self) -> None: ...


class Process:
    """One of our own processes: it runs a function, and ends with us however we end."""

    def __init__(self, name: str, seconds: float, target: Target, *arguments: Any) -> None:
        self.name = name
        self._seconds = seconds
        self._work = (target, arguments)
        self._process: BaseProcess | None = None

    def start(self) -> None:
        """Start it; it tells by its own log when it is ready."""
        self._process = _processes.Process(target=_run, args=self._work, name=self.name)
        self._process.start()

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.exitcode if self._process else None

    def ask_to_stop(self) -> None:
        """Ask it to finish what it is at, and to end."""
        if self._process and self._process.is_alive():
            self._process.terminate()

    def stop(self) -> None:
        """Ask, wait as long as draining may take, then use force."""
        self.ask_to_stop()
        if self._process:
            self._process.join(self._seconds)
            if self._process.is_alive():
                _log.warning("killed: it did not stop in time", process=self.name)
                self._process.kill()
                self._process.join()


class Keeper:
    """Keeps one child alive: after a crash it is started again, after a pause that grows."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._failures = 0
        self._started = time.monotonic()
        self._due = 0.0

    def tend(self) -> None:
        """Look once, and start the child again when it is time."""
        code = self._child.exit_code()
        now = time.monotonic()
        if code is None:
            return
        if not self._due:
            self._failures = 1 if now - self._started > _STEADY_SECONDS else self._failures + 1
            pause = min(0.25 * 2**self._failures, _MOST_PAUSE_SECONDS)
            self._due = now + pause
            _log.error("ended by itself", process=self._child.name, code=code, again_in=pause)
        elif now >= self._due:
            self._due, self._started = 0.0, now
            self._child.start()


class Roles(Struct, frozen=True):
    """What the processes do, each called with the completed settings."""

    prepare: Sequence[Callable[[Settings], None]]
    """Done in order before anything serves."""
    web: Target
    """Also gets the listening socket."""
    worker: Target
    announce: Callable[[Settings], None]
    """Done once the first web process answers."""


def serve(settings: Settings, roles: Roles) -> None:
    """Run services, preparations and processes until SIGTERM or Ctrl-C, then stop them in order.

    Raises SettingsError for what an operator must put right.
    """
    with _interruptible(), _listen(settings) as listener, embedded.serving(settings) as services:
        completed, daemons = services
        for step in roles.prepare:
            step(completed)
        _share_metrics(completed)
        _supervise(completed, listener, daemons, roles)


def _supervise(
    settings: Settings, listener: socket.socket, daemons: Sequence[Child], roles: Roles
) -> None:
    seconds = settings.drain_seconds + _GRACE_SECONDS
    webs = [
        Process(f"web {number}", seconds, roles.web, settings, listener)
        for number in range(1, settings.web_processes + 1)
    ]
    workers = [
        Process(f"worker {number}", seconds, roles.worker, settings)
        for number in range(1, settings.worker_processes + 1)
    ]
    try:
        for process in (*webs, *workers):
            process.start()
        _keep([*daemons, *webs, *workers], settings, roles.announce)
    finally:
        _log.info("stopping")
        listener.close()
        _stop_all(webs)
        _stop_all(workers)


def _stop_all(processes: Sequence[Process]) -> None:
    for process in processes:
        process.ask_to_stop()
    for process in processes:
        process.stop()


def _keep(
    children: Sequence[Child], settings: Settings, announce: Callable[[Settings], None]
) -> NoReturn:
    """Tend the children until a signal comes."""
    keepers = [Keeper(child) for child in children]
    announced = False
    while True:
        for keeper in keepers:
            keeper.tend()
        if not announced and _answers(settings):
            announce(settings)
            announced = True
        time.sleep(_TICK_SECONDS)


def _answers(settings: Settings) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 compared, not bound
    try:
        return httpx.get(f"http://{host}:{settings.port}/health/live", timeout=1).is_success
    except httpx.TransportError:
        return False


@contextmanager
def _listen(settings: Settings) -> Iterator[socket.socket]:
    """The socket that all web processes accept on. Raises SettingsError when the port is taken.

    It is open before they are, so whoever calls early or between a crash and a restart waits.
    """
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.create_server(
            (settings.host, settings.port), family=family, backlog=BACKLOG
        )
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is taken by another program: set another PORT" if taken else error.strerror
        raise SettingsError(f"{settings.host}:{settings.port}: {reason}.") from None
    with listener:
        yield listener


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and Ctrl-C interrupt the work once; stopping then takes its time undisturbed."""
    with suppress(KeyboardInterrupt):
        for number in _SIGNALS:
            signal.signal(number, _interrupt)
        yield


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _share_metrics(settings: Settings) -> None:
    """Let the processes count together: the metrics library reads the folder from here."""
    folder = Path(settings.var_dir).resolve() / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _run(target: Target, arguments: Sequence[Any]) -> None:
    """A process of ours from its first moment on."""
    # until the work takes its own handlers: the supervisor tells it when to stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logs.configure(arguments[0])
    target(*arguments)


def _end_with_parent() -> None:
    """When the supervisor is gone, however it went, nothing may hold its port or its database."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
