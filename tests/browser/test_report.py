"""Reporting in a real browser: place, service, photo, and what becomes of it."""

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.browser.conftest import Reader
from tests.operations.servers import Server

CITY = "/capetown.gov.za"


def photo() -> dict[str, Any]:
    made = io.BytesIO()
    Image.new("RGB", (400, 300), "teal").save(made, "JPEG")
    return {"name": "hole.jpg", "mimeType": "image/jpeg", "buffer": made.getvalue()}


def test_a_report_from_the_map_to_the_api(
    reader: Reader, server: Server, size: dict[str, int]
) -> None:
    page = reader.page
    reader.open(f"{CITY}/report")
    reader.until_drawn()
    page.get_by_role("button", name="Choose the middle of the map").click()
    reader.until("document.querySelector('[name=lat]').value")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_selector("#services")
    page.fill("#q", "zzz")
    assert page.locator("#services .note").is_visible()
    page.fill("#q", "pothole")
    page.locator("#services a:visible").first.click()
    page.wait_for_selector("#details-form")
    page.fill("#description", "A hole in front of the school")
    page.set_input_files("#photo", files=[photo()])
    reader.until("document.querySelector('#photos img').naturalWidth === 400")
    widest = page.evaluate("document.documentElement.scrollWidth")
    assert widest <= size["width"]
    page.get_by_role("button", name="Send the report").click()
    page.wait_for_selector("#number")
    number = page.inner_text("#number")
    url = f"{server.base}/open311{CITY}/v2/requests/{number}.json"
    (found,) = httpx.get(url).json()
    assert found["description"] == "A hole in front of the school"
    assert found["media_url"]
    page.get_by_role("link", name="Follow it").click()
    page.wait_for_selector(".way")
    reader.until("document.querySelector('.maplibregl-marker')")
    assert number in page.inner_text(".lead")


def test_what_is_wrong_is_shown_in_place_and_nothing_typed_is_lost(reader: Reader) -> None:
    page = reader.page
    reader.open(f"{CITY}/report?lat=-33.9&long=18.6&service_code=POTHOLE")
    page.fill("#description", "Deep")
    page.fill("#email", "nobody")
    page.get_by_role("button", name="Send the report").click()
    page.wait_for_selector("#faults")
    assert page.evaluate("document.activeElement.id") == "faults"
    assert page.input_value("#description") == "Deep"
    reader.errors.clear()  # the browser calls an answer of 400 an error


def test_a_dead_network_keeps_what_was_written_and_files_once(
    reader: Reader, server: Server
) -> None:
    page = reader.page
    reader.open(f"{CITY}/report?lat=-33.901&long=18.601&service_code=POTHOLE")
    page.fill("#description", "Written in a tunnel")
    page.context.set_offline(offline=True)
    page.get_by_role("button", name="Send the report").click()
    reader.until("document.getElementById('news').textContent.startsWith('The network is away')")
    reader.errors.clear()
    page.context.set_offline(offline=False)
    reader.open(f"{CITY}/report?lat=-33.901&long=18.601&service_code=POTHOLE")
    assert page.input_value("#description") == "Written in a tunnel"
    page.get_by_role("button", name="Send the report").click()
    page.wait_for_selector("#number")
    near = f"{server.base}/open311{CITY}/v2/requests.json?lat=-33.901&long=18.601&radius=5"
    told = [each["description"] for each in httpx.get(near).json()]
    assert told.count("Written in a tunnel") == 1
    assert page.evaluate("localStorage.length") == 0


@pytest.mark.parametrize("query", ["", "?lat=-33.9&long=18.6&service_code=POTHOLE"])
def test_the_form_fits_a_small_phone(reader: Reader, query: str) -> None:
    reader.page.set_viewport_size({"width": 320, "height": 640})
    reader.open(f"{CITY}/report{query}")
    reader.page.wait_for_timeout(500)
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= 320
