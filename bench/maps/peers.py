"""Servers that ours is compared with: TiPG, installed into a folder of its own, and bare ones."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from bench.measure import Server, free_port, wait_for
from open311 import db
from open311.settings import Settings

TIPG = ("tipg==1.6.1", "uvicorn==0.54.0", "uvloop", "httptools")


@contextmanager
def tipg(settings: Settings, folder: Path) -> Iterator[Server]:
    """TiPG on our table, as the owner: under row-level security it would not use its index."""
    python = folder / "tipg" / "bin" / "python"
    if not python.exists():
        uv = shutil.which("uv") or str(next(Path(".tools").glob("*/bin/uv")))
        subprocess.run([uv, "venv", "-q", str(folder / "tipg")], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *TIPG], check=True)
    url = db.owner_url(settings).set(drivername="postgresql")
    if folder_of_socket := url.query.get("host"):
        # it wants a host where hosts are
        url = url.set(query={}, host=quote(str(folder_of_socket), safe=""))
    more = {
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "TIPG_DB_SCHEMAS": '["public"]',
        "TIPG_MAX_FEATURES_PER_TILE": "5500",
    }
    with serving("tipg.main:app", str(python), more, "/healthz", factory=False) as server:
        yield server


def tipg_path(spot: tuple[int, int, int]) -> str:
    """The tile with the same attributes as ours."""
    z, x, y = spot
    names = "service_request_id,service_code,status,requested_datetime"
    return (
        f"/collections/public.service_request/tiles/WebMercatorQuad/{z}/{x}/{y}"
        f"?properties={names}&geom-column=geom"
    )


@contextmanager
def serving(
    app: str,
    python: str = sys.executable,
    more: dict[str, str] | None = None,
    ready: str = "/",
    *,
    factory: bool = True,
) -> Iterator[Server]:
    """Any ASGI application in a process of its own, by the server that ours has."""
    port = free_port()
    command = [python, "-m", "uvicorn", app, *(["--factory"] if factory else [])]
    command += ["--port", str(port), "--loop", "uvloop", "--http", "httptools"]
    command += ["--log-level", "error", "--no-access-log"]
    process = subprocess.Popen(command, env=os.environ | (more or {}), start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url + ready)
        yield Server(url, process.pid)
    finally:
        process.terminate()
        process.wait()
