"""The examples of docs/maps.md, pasted into a page of somebody else's."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.operations.servers import Server

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VENDOR = ROOT / "clients" / "web" / "static" / "vendor"
DEFAULT = "http://127.0.0.1:8311"


class Quiet(SimpleHTTPRequestHandler):
    """Files, and nothing on the terminal."""

    def log_message(self, *_: object) -> None: ...


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """A server of files, as anybody has one, on an origin of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def example(number: int) -> str:
    section = (ROOT / "docs" / "maps.md").read_text().partition("## A map on your own page")[2]
    return re.findall(r"```html\n(.*?)```", section, re.DOTALL)[number]


@pytest.fixture
def page_of_somebody(tmp_path: Path, server: Server) -> Path:
    lines = example(0).replace(DEFAULT, server.base)
    assert len(lines.strip().splitlines()) == 9
    # the copy that is here is built for strict policies, and has its worker in a file
    worker = (
        'maplibregl.setWorkerUrl("maplibre-gl-worker.js"); globalThis.map = new maplibregl.Map('
    )
    lines = lines.replace("new maplibregl.Map(", worker)
    (tmp_path / "index.html").write_text(f"<!doctype html><title>Ours</title>{lines}")
    for name in ("maplibre-gl.js", "maplibre-gl-worker.js", "maplibre-gl.css"):
        (tmp_path / name).write_bytes((VENDOR / name).read_bytes())
    return tmp_path


def test_the_ten_lines_show_the_map(chromium: Browser, page_of_somebody: Path) -> None:
    errors: list[str] = []
    with site(page_of_somebody) as base:
        page = chromium.new_page()
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.goto(base)
        for _ in range(300):
            if page.evaluate("map.loaded() && map.queryRenderedFeatures().length > 10"):
                break
            page.wait_for_timeout(100)
        found = page.evaluate("map.queryRenderedFeatures().map(each => each.source)")
        page.close()
    assert {"hexes", "boundaries"} <= set(found)
    assert [each for each in errors if "favicon" not in each and "404" not in each] == []


def test_leaflet_shows_tiles_and_wms(chromium: Browser, server: Server, tmp_path: Path) -> None:
    # so that the test may look at the pictures
    readable = "L.TileLayer.mergeOptions({ crossOrigin: true }); const map"
    lines = example(1).replace(DEFAULT, server.base).replace("const map", readable)
    (tmp_path / "index.html").write_text(f"<!doctype html><title>Ours</title>{lines}")
    for name in ("leaflet.js", "leaflet.css"):
        (tmp_path / name).write_bytes((HERE / "vendor" / name).read_bytes())
    errors: list[str] = []
    with site(tmp_path) as base:
        page = chromium.new_page()
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.goto(base)
        loaded = "[...document.querySelectorAll('img.leaflet-tile')].every(each => each.complete)"
        for _ in range(300):
            if page.evaluate(loaded) and page.evaluate("document.images.length > 10"):
                break
            page.wait_for_timeout(100)
        page.wait_for_timeout(500)  # tiles fade in
        drawn = page.evaluate(_COLOURS)
        page.screenshot(path=tmp_path / "leaflet.png")
        page.close()
    assert [each for each in errors if "favicon" not in each and "404" not in each] == []
    assert {"boundaries,wards", "wms"} == set(drawn)
    assert all(colours > 5 for colours in drawn.values()), drawn


# Of each service the colours that its pictures have.
_COLOURS = """
() => {
  const found = {};
  for (const image of document.querySelectorAll("img.leaflet-tile")) {
    const service = image.src.includes("/wms") ? "wms" : "boundaries,wards";
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 256;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 256, 256);
    const colours = (found[service] ??= new Set());
    const data = new Uint32Array(context.getImageData(0, 0, 256, 256).data.buffer);
    data.forEach((colour) => colours.add(colour));
  }
  return Object.fromEntries(Object.entries(found).map(([name, each]) => [name, each.size]));
}
"""
