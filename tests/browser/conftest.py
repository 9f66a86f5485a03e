"""The real server with the demo's data, and a real Chromium that looks at it."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.operations.servers import Server, serving

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Without a graphics card WebGL is drawn by the processor.
ARGUMENTS = (
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("browser"), "--demo") as started:
        _wait_until_counted(started)
        yield started


def _wait_until_counted(server: Server) -> None:
    """The worker counts what was imported: hexagons show it then."""
    for _ in range(300):
        told = httpx.get(f"{server.base}/maps/capetown.gov.za/summary.json").json()
        if told["count"] > 7000:
            return
        time.sleep(0.1)
    raise AssertionError(server.log.read_text())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Not for longer: meanwhile a loop is running, in which other tests could not have theirs."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("Chromium is not installed: the pages' scripts are not tested")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


class Reader:
    """A person with a browser: a page, and everything that it should not have done."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.page: Page = context.new_page()
        self.base = base
        self.elsewhere: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda asked: self._note(asked.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.errors.append(said.text) if said.type == "error" else None,
        )

    def _note(self, url: str) -> None:
        if not url.startswith((self.base, "data:", "blob:")):
            self.elsewhere.append(url)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.base}{path}")

    def until(self, condition: str, seconds: float = 30) -> None:
        """Wait until a script says yes; the page's policy forbids to do that within."""
        for _ in range(int(seconds * 10)):
            if self.page.evaluate(f"Boolean({condition})"):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{condition} never was; errors: {self.errors}")

    def until_drawn(self) -> None:
        self.until("globalThis.theMap && theMap.loaded() && theMap.areTilesLoaded()")

    def count(self, source: str) -> int:
        """How many features of a source are on the screen."""
        script = (
            "source => new Set(theMap.queryRenderedFeatures()"
            ".filter(each => each.source === source).map(each => each.id)).size"
        )
        return int(self.page.evaluate(script, source))


@pytest.fixture(params=["desktop", "phone"])
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    sizes = {"desktop": (1280, 800), "phone": (390, 844)}
    width, height = sizes[request.param]
    return {"width": width, "height": height}


@pytest.fixture
def reader(chromium: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Reader]:
    """Somebody at a desk, or as `size` says; nothing may be loaded from elsewhere, or fail."""
    viewport = {"width": 1280, "height": 800}
    if "size" in request.fixturenames:
        viewport = request.getfixturevalue("size")
    context = chromium.new_context(viewport=viewport, locale="en-ZA")  # type: ignore[arg-type]
    made = Reader(context, server.base)
    yield made
    context.close()
    assert made.elsewhere == []
    assert made.errors == []


def axe() -> str:
    """The script that looks for what keeps people from using a page."""
    return (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
