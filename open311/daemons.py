"""Private server programs, each in a folder of its own: start, stop, and heal after a crash."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from msgspec import Struct

from open311.settings import SettingsError

_USERS = ("postgres", "nobody")
_PR_SET_PDEATHSIG = 1
_TRIES = 5
_START_SECONDS = 300  # replaying the log after a crash takes what it takes
_STOP_SECONDS = 30
_log = structlog.get_logger(__name__)


class Daemon(Struct, frozen=True):
    """A program that serves from a folder, and what its folder says about it."""

    name: str
    folder: Path
    command: Callable[[str], Sequence[str]]
    """Its command line, given the folder's name as the program can reach it."""
    pid_file: str
    stop_signal: signal.Signals
    is_ready: Callable[[int], bool]
    """Whether the process of that id serves."""


class RunningDaemon:
    """A daemon's process; starting waits until it serves."""

    def __init__(self, daemon: Daemon) -> None:
        self.name = daemon.name
        self._daemon = daemon
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and end what a killed server left of it. Raises SettingsError."""
        _stop_orphan(self._daemon)
        for _ in range(_TRIES):
            self._process = _spawn(self._daemon)
            if self._became_ready(self._process):
                return
            time.sleep(1)  # the last pieces of a killed one may take a moment to go
        raise SettingsError(f"{self.name} does not start: see {_log_file(self._daemon)}.")

    def _became_ready(self, process: subprocess.Popen[bytes]) -> bool:
        end = time.monotonic() + _START_SECONDS
        try:
            while process.poll() is None and time.monotonic() < end:
                if self._daemon.is_ready(process.pid):
                    return True
                time.sleep(0.02)
        except BaseException:
            self.stop()
            raise
        return False

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """End it in its orderly way; by force when that takes too long."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(self._daemon.stop_signal)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _log.warning("killed: it did not stop in time", daemon=self.name)
            self._process.kill()
            self._process.wait()


def identity(folder: Path) -> tuple[int, int] | None:
    """User and group that the programs of a folder run as; None: our own.

    PostgreSQL refuses to run as root, so root gives way: to the folder's owner or a system user.
    Raises SettingsError when the folder belongs to somebody else.
    """
    owner = folder.stat() if folder.exists() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise SettingsError(f"{folder} belongs to another user: run as that user.")
        return None
    if owner and owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    for name in _USERS:
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return user.pw_uid, user.pw_gid
    raise SettingsError(f"Run as an ordinary user: there is no user {' or '.join(_USERS)} here.")


def make_folder(folder: Path, user: tuple[int, int] | None) -> None:
    """An empty folder that nobody but its user can read."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    if user:
        os.chown(folder, *user)


@contextmanager
def reachable(folder: Path, user: tuple[int, int] | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A name of the folder for a program of that user, and the descriptors to hand it.

    The folders above may be closed to it (root's home is): then it is reached by a descriptor.
    """
    if user is None:
        yield str(folder), ()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def environment() -> dict[str, str]:
    """The environment of a private program: nothing of ours, which may hold secrets."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _spawn(daemon: Daemon) -> subprocess.Popen[bytes]:
    user = identity(daemon.folder)
    with reachable(daemon.folder, user) as (name, descriptors), _log_file(daemon).open("ab") as log:
        return subprocess.Popen(
            daemon.command(name),
            cwd="/",
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=descriptors,
            process_group=0,  # a Ctrl-C on the terminal is for us: we stop it when it is its turn
            preexec_fn=_stop_with_parent(daemon.stop_signal),
            user=user and user[0],
            group=user and user[1],
            extra_groups=user and (),
        )


def _log_file(daemon: Daemon) -> Path:
    return daemon.folder.with_suffix(".log")


def _stop_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Let the kernel stop the program in its orderly way when we are killed (Linux)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _stop_orphan(daemon: Daemon) -> None:
    """End the program that a killed server left in the folder, and wait for it to be gone."""
    pid = _read_pid(daemon.folder / daemon.pid_file)
    if pid is None or not _is_of(pid, daemon.folder):
        return
    _log.warning("stopping what a killed server left", daemon=daemon.name, pid=pid)
    with suppress(ProcessLookupError):
        os.kill(pid, daemon.stop_signal)
    end = time.monotonic() + _STOP_SECONDS
    while _is_of(pid, daemon.folder):
        if time.monotonic() > end:
            raise SettingsError(f"{daemon.name} (process {pid}) of an earlier start does not stop.")
        time.sleep(0.05)


def _read_pid(path: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        return int(path.read_text().splitlines()[0])
    return None


def _is_of(pid: int, folder: Path) -> bool:
    """Whether a process lives and is the folder's: a number may have passed to another since."""
    try:
        if sys.platform == "linux":
            return os.path.samefile(f"/proc/{pid}/cwd", folder)
        os.kill(pid, 0)
    except OSError:
        return False
    return True
