"""FixMyStreet's side of the conversation, as its Open311 client (in Perl) holds it.

It concatenates an endpoint that ends in a slash with file names, speaks XML alone, and reads it
with XML::Simple: elements become keys, empty ones nothing, and a few names are always lists.
"""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import httpx
import pytest
from lxml import etree
from PIL import Image

from tests.clients.conftest import Town

_LISTS = frozenset(["service", "attribute", "value", "request", "error", "request_update", "group"])
_STAMP = "%Y-%m-%dT%H:%M:%SZ"
Read = dict[str, Any] | str | None


def read(element: etree._Element) -> Read:
    """What XML::Simple makes of an element, with FixMyStreet's ForceArray and SuppressEmpty."""
    assert not element.attrib, "an attribute would turn the text into a hash"
    if len(element) == 0:
        return element.text
    found: dict[str, Any] = {}
    for child in element:
        name = str(child.tag)
        if name in _LISTS:
            found.setdefault(name, []).append(read(child))
        else:
            assert name not in found, "a repeated element would turn into a list"
            found[name] = read(child)
    return found


class FixMyStreet:
    """A body's settings in FixMyStreet, and the calls that it makes with them."""

    def __init__(self, town: Town) -> None:
        self.endpoint = f"{town.shared}/"
        self.given = {"jurisdiction_id": town.jurisdiction_id, "api_key": town.api_key}

    def get(self, path: str, **query: str) -> Any:
        whole = {**query, **self.given}
        answer = httpx.get(self.endpoint + path, params=whole).raise_for_status()
        return read(etree.fromstring(answer.content)) or {}

    def post(self, path: str, **fields: Any) -> Any:
        answer = httpx.post(self.endpoint + path, data={**self.given, **fields})
        found = read(etree.fromstring(answer.content))
        if answer.is_error:
            raise PermissionError(found)
        return found

    def report(self, **fields: Any) -> str:
        """Send a report, and return its id as FixMyStreet stores it."""
        report = {
            "service_code": "POTHOLE",
            "lat": "-33.9312",
            "long": "18.6612",
            "address_id": "#NOTPINPOINTED#",
            "description": "Deep hole\r\n\r\nIt has been there for weeks: a < b & c",
            "email": "thandi@example.com",
            "first_name": "Thandi",
            "last_name": "-",
            "attribute[title]": "Deep hole",
            "attribute[fixmystreet_id]": "1001",
            "attribute[easting]": "",
            **fields,
        }
        [request] = self.post("requests.xml", **report)["request"]
        return str(request["service_request_id"])


@pytest.fixture
def fixmystreet(town: Town) -> FixMyStreet:
    return FixMyStreet(town)


def window(before: timedelta) -> dict[str, str]:
    """What its cron asks for: from some hours ago until now."""
    now = datetime.now(UTC)
    return {"start_date": (now - before).strftime(_STAMP), "end_date": now.strftime(_STAMP)}


def test_it_takes_over_the_services(fixmystreet: FixMyStreet) -> None:
    services = {each["service_code"]: each for each in fixmystreet.get("services.xml")["service"]}
    assert services["TREE"]["metadata"] == "true"
    assert services["POTHOLE"]["metadata"] == "false"
    assert services["TREE"]["group"] == ["Parks"]
    asked = fixmystreet.get("services/TREE.xml")["attributes"]["attribute"]
    kind = next(each for each in asked if each["code"] == "KIND")
    assert (kind["required"], kind["variable"], kind["datatype"]) == (
        "true",
        "true",
        "singlevaluelist",
    )
    assert [value["key"] for value in kind["values"]["value"]] == ["LEAN", "DEAD"]


def test_a_report_is_mirrored_within_its_window(fixmystreet: FixMyStreet) -> None:
    """It drops what has no id, place or valid time, or was updated outside of the window."""
    request_id = fixmystreet.report()
    asked = window(timedelta(hours=1))
    found = {
        r["service_request_id"]: r for r in fixmystreet.get("requests.xml", **asked)["request"]
    }
    mirrored = found[request_id]
    assert (float(mirrored["lat"]), float(mirrored["long"])) == (-33.9312, 18.6612)
    assert asked["start_date"] <= mirrored["updated_datetime"] <= asked["end_date"]
    assert mirrored["description"].splitlines()[-1].endswith("a < b & c")
    assert mirrored["media_url"] is None


def test_photos_under_its_own_part_names(fixmystreet: FixMyStreet, town: Town) -> None:
    photo = _photo()
    files = dict.fromkeys(("photo1", "photo2"), ("a.jpeg", photo, "image/jpeg"))
    fields = {"service_code": "POTHOLE", "lat": "-33.93", "long": "18.66"}
    answer = httpx.post(
        f"{town.shared}/requests.xml", data=fixmystreet.given | fields, files=files
    ).raise_for_status()
    request_id = etree.fromstring(answer.content).findtext("request/service_request_id")
    [request] = fixmystreet.get(f"requests/{request_id}.xml")["request"]
    shown = httpx.get(request["media_url"]).raise_for_status()
    assert shown.headers["content-type"] == "image/jpeg"


def test_updates_go_both_ways(fixmystreet: FixMyStreet) -> None:
    request_id = fixmystreet.report()
    update = {
        "service_request_id": request_id,
        "update_id": f"own-{request_id}",
        "updated_datetime": datetime.now(UTC).isoformat(),
        "status": "FIXED",
        "description": "Filled\r\nwith asphalt",
        "email": "thandi@example.com",
        "first_name": "Thandi",
        "last_name": "-",
        "public_anonymity_required": "FALSE",
    }
    [posted] = fixmystreet.post("servicerequestupdates.xml", **update)["request_update"]
    asked = window(timedelta(hours=2))
    polled = fixmystreet.get("servicerequestupdates.xml", **asked)["request_update"]
    [mine] = [each for each in polled if each["service_request_id"] == request_id]
    assert mine["update_id"] == posted["update_id"]
    assert mine["status"] == "fixed"
    assert asked["start_date"] <= mine["updated_datetime"] <= asked["end_date"]
    [request] = fixmystreet.get("requests.xml", service_request_id=f"{request_id},0")["request"]
    assert request["status"] == "closed"
    assert request["status_notes"].splitlines() == ["Filled", "with asphalt"]
    assert request["updated_datetime"] == mine["updated_datetime"]


def test_a_token_is_polled(fixmystreet: FixMyStreet) -> None:
    [receipt] = fixmystreet.post(
        "requests.xml", service_code="GRAFFITI", lat="-33.93", long="18.66"
    )["request"]
    assert not receipt.get("service_request_id")
    [polled] = fixmystreet.get(f"tokens/{receipt['token']}.xml")["request"]
    assert polled["token"] == receipt["token"]


def test_a_refusal_has_a_reason_for_its_log(fixmystreet: FixMyStreet) -> None:
    with pytest.raises(PermissionError) as refused:
        fixmystreet.report(service_code="TREE", lat="95")
    errors = refused.value.args[0]["error"]
    assert {error["code"] for error in errors} == {"400"}
    assert any("KIND" in error["description"] for error in errors)
    assert any("lat" in error["description"] for error in errors)


def _photo() -> bytes:
    written = BytesIO()
    Image.new("RGB", (64, 48), "grey").save(written, "JPEG")
    return written.getvalue()
