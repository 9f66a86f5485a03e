"""Catalogues are read whole, or refused with the line that is wrong."""

import gzip
import re
from pathlib import Path

import pytest

from demo.load import CITIES, HERE
from open311 import catalogue
from open311.errors import BadInput
from open311.wire import Datatype, ServiceType

TOP = """\
jurisdiction_id: town.test
name: Town
time_zone: Africa/Johannesburg
languages: [en, no]
"""
SERVICE = """\
services:
  - service_code: 007
    service_name: Pothole
    type: batch
    sla_hours: 72
    keywords: [tar, hole]
    attributes:
      - code: SIZE
        description: How large?
        datatype: singlevaluelist
        required: true
        values:
          - {key: S, name: Small}
          - {key: L, name: Large}
      - code: NOTE
        description: Mind the traffic.
        datatype: string
        variable: false
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "town.yaml"


def test_read_a_catalogue(file: Path) -> None:
    file.write_text(TOP + SERVICE)
    read = catalogue.read(file)
    assert read.languages == ["en", "no"]
    service = read.services[0]
    assert (service.service_code, service.type, service.sla_hours) == (
        "007",
        ServiceType.BATCH,
        72,
    )
    size, note = service.attributes
    assert size.datatype is Datatype.SINGLEVALUELIST
    assert [value.key for value in size.values] == ["S", "L"]
    assert size.required
    assert not note.variable
    assert note.on_the_wire(2).order == 2


FAULTS = {
    "unknown key": ("    type: batch", "    kind: batch", 8, "kind"),
    "unknown key at the top": ("name: Town", "name: Town\nsize: 3", 3, "size"),
    "missing key": ("    service_name: Pothole\n", "", 6, "service_name"),
    "bad type": ("type: batch", "type: weekly", 8, "weekly"),
    "bad datatype": ("datatype: string", "datatype: colour", 21, "colour"),
    "bad number": ("sla_hours: 72", "sla_hours: soon", 9, "int"),
    "list without values": ("datatype: string", "datatype: multivaluelist", 19, "needs values"),
    "values of no list": ("datatype: singlevaluelist", "datatype: text", 12, "no values"),
    "required text": ("variable: false", "variable: false\n        required: true", 19, "never"),
    "same attribute twice": ("code: NOTE", "code: SIZE", 19, "SIZE stands here twice"),
    "same key twice": ("key: L", "key: S", 18, "S stands here twice"),
    "same line twice": ("    type: batch", "    type: batch\n    type: batch", 9, "type"),
    "keyword with a comma": ("[tar, hole]", '["tar,hole"]', 10, "no commas"),
    "code with a comma": ("service_code: 007", 'service_code: "a,b"', 6, "no commas"),
    "code with a bracket": ("code: NOTE", 'code: "a]"', 19, "no brackets"),
    "bad time zone": ("Africa/Johannesburg", "Africa/Joburg", 3, "Africa/Joburg"),
    "path as time zone": ("Africa/Johannesburg", "../../etc/passwd", 3, "time zone"),
    "bad id": ("town.test", "Town Test", 1, "host name"),
    "reserved id": ("town.test", "v2", 1, "v2"),
    "id of a test endpoint": ("town.test", "test.town", 1, "test.town"),
    "bad language": ("[en, no]", "[en, english]", 4, "a language"),
    "no YAML": ("[en, no]", "[en, no", 5, "expected"),
    "bad setting": ("name: Town", "settings: {outside: accept}\nname: Town", 2, "outside"),
    "bad box": ("name: Town", "boundary:\n  bbox: [19, -34, 18, -33]\nname: Town", 2, "bbox"),
    "no such file": ("name: Town", "boundary: {file: no.geojson}\nname: Town", 2, "no.geojson"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_refuse_with_the_line(file: Path, name: str) -> None:
    old, new, line, reason = FAULTS[name]
    assert (TOP + SERVICE).count(old) == 1
    file.write_text((TOP + SERVICE).replace(old, new))
    with pytest.raises(BadInput, match=re.escape(reason)) as refused:
        catalogue.read(file)
    assert f"{file}:{line}: " in str(refused.value)


def test_refuse_a_service_that_stands_there_twice(file: Path) -> None:
    file.write_text(TOP + SERVICE + SERVICE.removeprefix("services:\n"))
    with pytest.raises(BadInput, match=f"{file}:23: service_code 007 stands here twice"):
        catalogue.read(file)


def test_boundary_of_another_coordinate_system_and_invalid(file: Path) -> None:
    # a bow tie in metres (EPSG:3857), and a town that is not meant
    bow = [[0, 0], [111319.49, 111325.14], [111319.49, 0], [0, 111325.14], [0, 0]]
    far = [[9e6, 0], [9.1e6, 0], [9.1e6, 1e5], [9e6, 0]]
    features = ",".join(
        f'{{"type":"Feature","properties":{{"code":"{code}"}},'
        f'"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}'
        for code, ring in (("A", bow), ("B", far))
    )
    crs = '"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3857"}}'
    with gzip.open(file.with_name("area.geojson.gz"), "wt") as sink:
        sink.write(f'{{"type":"FeatureCollection",{crs},"features":[{features}]}}')
    file.write_text(TOP + "boundary: {file: area.geojson.gz, code: A}\n" + SERVICE)
    boundary = catalogue.read(file).boundary
    assert boundary is not None
    assert boundary.is_valid
    assert boundary.bounds == pytest.approx((0, 0, 1, 1), abs=1e-4)
    assert boundary.area == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("city", CITIES, ids=lambda city: city.jurisdiction_id)
def test_the_demo_has_services_of_all_kinds(city: object) -> None:
    read = catalogue.read(HERE / city.catalogue)
    assert read.jurisdiction_id == city.jurisdiction_id
    assert "OTHER" in [service.service_code for service in read.services]
    assert any(service.attributes for service in read.services)
    if city.jurisdiction_id == "capetown.gov.za":
        assert {service.type for service in read.services} == set(ServiceType)
