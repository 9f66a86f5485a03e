"""A municipality's map in a real browser: zooms, filters, details, what is new, and everybody."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Reader, axe
from tests.operations.servers import Server

CITY = "/capetown.gov.za"
MIDDLE = "-33.905/18.645"


def look(reader: Reader, zoom: float, query: str = "") -> None:
    reader.open(f"{CITY}{query}#map={zoom}/{MIDDLE}")
    reader.until_drawn()


@pytest.mark.parametrize(
    ("zoom", "source"), [(6, "hexes"), (9, "hexes"), (12, "hexes"), (15, "requests")]
)
def test_every_zoom_shows_requests(
    reader: Reader, size: dict[str, int], zoom: float, source: str
) -> None:
    look(reader, zoom)
    assert reader.count(source) > 0
    assert reader.count("boundaries") > 0
    widest = reader.page.evaluate("document.documentElement.scrollWidth")
    assert widest <= size["width"]


def test_filters_change_the_map_the_list_and_the_address(reader: Reader) -> None:
    look(reader, 15)
    everything = reader.count("requests")
    reader.page.select_option("#status", "open")
    reader.until("location.search.includes('status=open')")
    reader.until(f"theMap.areTilesLoaded() && {SHOWN} > 0 && {SHOWN} < {everything}")
    reader.until(
        "![...document.querySelectorAll('#listed .state')].some(s => s.matches('.closed'))"
    )
    shared = reader.page.url
    shown = reader.count("requests")
    reader.page.goto("about:blank")
    reader.page.goto(shared)
    reader.until_drawn()
    assert reader.count("requests") == shown
    assert reader.page.input_value("#status") == "open"
    assert round(reader.page.evaluate("theMap.getZoom()"), 1) == 15


SHOWN = (
    "new Set(theMap.queryRenderedFeatures().filter(f => f.source === 'requests')"
    ".map(f => f.id)).size"
)


def test_months_can_be_chosen_by_keyboard(reader: Reader) -> None:
    look(reader, 11)
    reader.until("document.getElementById('month')")
    reader.page.focus("#month")
    reader.page.keyboard.press("ArrowRight")
    reader.until("location.search.includes('start_date=2020-01-01')")
    reader.until("location.search.includes('end_date=2020-01-31')")
    assert "2020-01" in reader.page.inner_text("#months output")


def test_a_hexagon_and_a_request_tell_about_themselves(reader: Reader) -> None:
    look(reader, 11)
    click(reader, "f => f.properties.cell")
    reader.until("document.querySelector('#details ol li')")
    assert "requests here" in reader.page.inner_text("#details h2")
    look(reader, 16)
    reader.page.reload()
    reader.until_drawn()
    click(reader, "f => f.properties.service_request_id")
    reader.until("document.querySelector('#details a')")
    reader.page.click("#details a")
    reader.page.wait_for_url("**/requests/*")
    assert reader.page.inner_text("h1")


def click(reader: Reader, wanted: str) -> None:
    """Click in the middle of the first feature of a kind."""
    script = f"""() => {{
        const box = theMap.getCanvas().getBoundingClientRect();
        for (let x = 60; x < box.width - 60; x += 7) for (let y = 60; y < box.height - 60; y += 7)
            if (theMap.queryRenderedFeatures([x, y]).some({wanted})) return [box.x + x, box.y + y];
        return null;
    }}"""
    found = reader.page.evaluate(script)
    assert found, "nothing of that kind is on the screen"
    reader.page.mouse.click(*found)


def test_a_place_is_found_by_its_name(reader: Reader) -> None:
    look(reader, 9)
    reader.page.fill("#place", "Khayelitsha")
    reader.page.keyboard.press("Enter")
    reader.until("document.querySelector('#places button')")
    reader.page.keyboard.press("Enter")
    reader.until("Math.abs(theMap.getCenter().lat + 34.04) < 0.05 && !theMap.isMoving()")


def test_a_new_report_appears_by_itself(reader: Reader, server: Server) -> None:
    look(reader, 16)
    reader.until("theMap.loaded()")
    reader.page.wait_for_timeout(1000)  # until the stream is open
    before = reader.count("requests")
    form = {"api_key": "demo", "service_code": "POTHOLE", "lat": "-33.9051", "long": "18.6451"}
    url = f"{server.base}/open311{CITY}/v2/requests.json"
    assert httpx.post(url, data=form).status_code == 200
    reader.until(f"{SHOWN} === {before + 1}")
    assert reader.page.inner_text("#news").startswith("New: ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [CITY, f"{CITY}/report", "/", f"/open311{CITY}/key"])
def test_nothing_keeps_people_out(
    chromium: Browser, server: Server, scheme: Any, path: str
) -> None:
    context = chromium.new_context(color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{server.base}{path}")
    page.wait_for_timeout(1500)
    page.add_script_tag(content=axe())
    found = page.evaluate("axe.run()")
    context.close()
    told = [
        (each["id"], each["help"], [node["html"][:200] for node in each["nodes"]])
        for each in found["violations"]
    ]
    assert told == []


def test_the_first_page_leads_to_each_municipality(reader: Reader, size: dict[str, int]) -> None:
    reader.open("/")
    reader.until_drawn()
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    reader.page.get_by_role("link", name="Cape Town").first.click()
    reader.page.wait_for_url(f"**{CITY}*")


def test_without_webgl_it_says_so_and_lists(chromium: Browser, server: Server) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(f"{server.base}{CITY}")
    page.wait_for_selector("#no-map:not([hidden])")
    assert "WebGL" in page.inner_text("#no-map")
    assert page.locator("#listed a").count() == 25
    context.close()


def test_the_page_speaks_other_languages(reader: Reader) -> None:
    reader.open(f"{CITY}?lang=zu#map=11/{MIDDLE}")
    reader.until_drawn()
    assert reader.page.get_attribute("html", "lang") == "zu"
    assert "Izicelo kuhexagoni ngayinye" in reader.page.inner_text("#legend")
    assert reader.page.get_attribute(".maplibregl-ctrl-zoom-in", "aria-label") == "Sondeza"
