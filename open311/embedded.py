"""Embedded services: a private PostgreSQL and Redis under VAR_DIR, for what the settings leave out.

One process at a time owns them, by a lock on the folder. A command beside a running server uses
the server's; without one it starts them for itself.
"""

import fcntl
import hashlib
import logging
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec
from msgspec import Struct

from open311 import binaries, daemons
from open311.daemons import Daemon, RunningDaemon
from open311.settings import Settings, SettingsError

_log = logging.getLogger(__name__)
_DATABASE = "open311"
_PG_SOCKET = ".s.PGSQL.5432"
_REDIS_SOCKET = "redis.sock"
_SOCKET_PATH_BYTES = 90  # the kernel's limit is 107, macOS's 103, for the folder and the name in it
_SERVING = "server, "

# Durable as PostgreSQL comes (fsync, synchronous_commit); sized for a small machine.
# Rows of people's reports stay out of its log: no statements, no details of an error.
_PG_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
REDIS_SETTINGS = {
    "port": "0",
    "unixsocket": _REDIS_SOCKET,
    "unixsocketperm": "700",
    "pidfile": "redis.pid",
    # PostgreSQL is the truth: what Redis holds may go at any time
    "save": "",
    "appendonly": "no",
    "maxmemory": "256mb",
    "maxmemory-policy": "volatile-lru",
}
# What is said of places is the embedded one's own; the rest holds for any Redis of ours.
REDIS_PLACES = {"port", "unixsocket", "unixsocketperm", "pidfile"}


class Secrets(Struct, frozen=True):
    """What the embedded services are locked with: made once, kept in VAR_DIR."""

    secret_key: str
    database_password: str


@contextmanager
def running(settings: Settings) -> Iterator[Settings]:
    """The settings completed, with the services that they lack running meanwhile.

    Raises SettingsError when one cannot be started.
    """
    if _is_complete(settings):
        yield settings
        return
    with _folder(settings).joinpath("lock").open("a+") as lock:
        if not _wait(lock):
            yield _completed(settings)
            return
        with _started(settings) as (completed, _):
            yield completed


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[Settings, list[RunningDaemon]]]:
    """As `running`, for a server, which hands the daemons to its supervisor and is alone there."""
    if _is_complete(settings):
        yield settings, []
        return
    folder = _folder(settings)
    with folder.joinpath("lock").open("a+") as lock:
        if not _wait(lock):
            raise SettingsError(
                f"{folder} is in use by another server ({_holder(lock).removeprefix(_SERVING)}): "
                "stop it or set another VAR_DIR."
            )
        with _started(settings) as (completed, running_daemons):
            _write(lock, f"{_SERVING}{_process()}")
            yield completed, running_daemons


@contextmanager
def _started(settings: Settings) -> Iterator[tuple[Settings, list[RunningDaemon]]]:
    completed = _completed(settings)
    with ExitStack() as stack:
        started = []
        for daemon in _needed(settings, completed):
            each = RunningDaemon(daemon)
            each.start()
            stack.callback(each.stop)
            started.append(each)
        yield completed, started


def _is_complete(settings: Settings) -> bool:
    return all(
        (settings.database_url, settings.redis_url, settings.media_url, settings.secret_keys)
    )


def _folder(settings: Settings) -> Path:
    folder = Path(settings.var_dir).resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"VAR_DIR={settings.var_dir}: {error.strerror}.") from None
    return folder


def _wait(lock: IO[str]) -> bool:
    """Whether the folder is ours, when no command uses it any more; it is not if a server does."""
    told = False
    while not _take(lock):
        holder = _holder(lock)
        if holder.startswith(_SERVING):
            return False
        if not told:
            _log.warning("waiting for another command (%s) to end", holder or "just begun")
            told = True
        time.sleep(0.1)
    return True


def _take(lock: IO[str]) -> bool:
    """Whether the folder is ours now; the kernel gives it back however we end."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    _write(lock, _process())
    return True


def _process() -> str:
    return f"process {os.getpid()}"


def _write(lock: IO[str], text: str) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(text)
    lock.flush()


def _holder(lock: IO[str]) -> str:
    lock.seek(0)
    return lock.read()


def _completed(settings: Settings) -> Settings:
    folder = _folder(settings)
    keys = settings.secret_keys or (_secrets(folder).secret_key,)
    return msgspec.structs.replace(
        settings,
        database_url=settings.database_url or _database_url(folder),
        redis_url=settings.redis_url or f"unix://{quote(_short(folder / 'redis'))}/{_REDIS_SOCKET}",
        media_url=settings.media_url or f"file://{quote(str(folder / 'media'))}",
        secret_keys=keys,
    )


def _database_url(folder: Path) -> str:
    password = _secrets(folder).database_password
    host = quote(_short(folder / "postgres"))
    return f"postgresql://{_DATABASE}:{password}@/{_DATABASE}?host={host}"


def _secrets(folder: Path) -> Secrets:
    path = folder / "secrets.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    if (folder / "postgres").exists():
        raise SettingsError(f"{path} is gone, and with it the key to the data in {folder}.")
    made = Secrets(secrets.token_urlsafe(48), secrets.token_urlsafe(24))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(made))
        os.fsync(descriptor)
    return made


def _short(folder: Path) -> str:
    """A name of the folder that a socket's path can begin with: in a deep one, a link to it."""
    if len(os.fsencode(folder)) <= _SOCKET_PATH_BYTES:
        return str(folder)
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    link = Path(tempfile.gettempdir()) / f"open311-{os.geteuid()}-{digest}"
    if not link.is_symlink():
        link.symlink_to(folder)
    # others may write in the folder for temporary files, so somebody may have been there first
    if link.lstat().st_uid != os.geteuid() or link.readlink() != folder:
        raise SettingsError(f"{link} is not ours: set VAR_DIR to a shorter path.")
    return str(link)


def _needed(settings: Settings, completed: Settings) -> Iterator[Daemon]:
    folder = _folder(settings)
    try:
        if not settings.database_url:
            yield _postgresql(folder / "postgres", _secrets(folder).database_password)
        if not settings.redis_url:
            yield _redis(folder / "redis")
    except binaries.Missing as error:
        raise SettingsError(f"{error} Install it (`make run` does), or set its URL.") from None


def _postgresql(data: Path, password: str) -> Daemon:
    version = data / "PG_VERSION"
    programs = binaries.postgresql(int(version.read_text()) if version.exists() else None)
    if not version.exists():
        _create_cluster(programs, data, password)
    options = [part for name, value in _PG_SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return Daemon(
        name="PostgreSQL",
        folder=data,
        command=lambda name: [str(programs / "postgres"), "-D", name, *options],
        pid_file="postmaster.pid",
        stop_signal=signal.SIGINT,  # fast: ends sessions, loses nothing
        is_ready=partial(_postgresql_is_ready, data),
    )


def _create_cluster(programs: Path, data: Path, password: str) -> None:
    """Make the cluster and its database beside their place, and move them there when complete."""
    user = daemons.identity(data)
    new = data.with_suffix(".new")
    daemons.make_folder(new, user)
    with tempfile.NamedTemporaryFile("w", prefix="open311-") as file:
        file.write(password)
        file.flush()
        if user:
            os.chown(file.name, *user)
        locale = "C.UTF-8" if os.uname().sysname == "Linux" else "en_US.UTF-8"
        options = [f"--username={_DATABASE}", f"--pwfile={file.name}", "--auth=scram-sha-256"]
        _run(new, user, [str(programs / "initdb"), *options, "-E", "UTF8", f"--locale={locale}"])
    single = [str(programs / "postgres"), "--single"]
    _run(new, user, single, ["postgres"], f"create database {_DATABASE}")
    new.rename(data)


def _run(
    data: Path,
    user: tuple[int, int] | None,
    command: Sequence[str],
    rest: Sequence[str] = (),
    text: str = "",
) -> None:
    with daemons.reachable(data, user) as (name, descriptors):
        done = subprocess.run(
            [*command, "-D", name, *rest],
            cwd="/",
            env=daemons.environment(),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=descriptors,
            user=user and user[0],
            group=user and user[1],
            extra_groups=user and (),
        )
    if done.returncode:
        raise SettingsError(f"PostgreSQL's cluster cannot be made: {done.stderr.strip()}")


def _postgresql_is_ready(data: Path, pid: int) -> bool:
    """The last line of its process file says how far it is; the first, whose file it is."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _redis(folder: Path) -> Daemon:
    program = str(binaries.redis())
    if not folder.exists():
        daemons.make_folder(folder, daemons.identity(folder))
    options = [part for name, value in REDIS_SETTINGS.items() for part in (f"--{name}", value)]
    return Daemon(
        name="Redis",
        folder=folder,
        command=lambda name: [program, "--dir", name, *options],
        pid_file="redis.pid",
        stop_signal=signal.SIGTERM,
        is_ready=partial(_redis_is_ready, folder),
    )


def _redis_is_ready(folder: Path, _pid: int) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.settimeout(1)
            client.connect(f"{_short(folder)}/{_REDIS_SOCKET}")
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
        except OSError:
            return False
