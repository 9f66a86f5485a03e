"""Transactions of WFS: what analysts change of their layers, all of it or nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from lxml import etree

from open311 import connections
from open311.accounts import Role
from open311.context import Context
from open311.db import Database
from open311.settings import Settings
from tests.gis.publishing import WHERE, Desk, frame, write
from tests.gis.test_publishing import auth

pytestmark = pytest.mark.anyio

NEW = (
    'service="WFS" version="2.0.0" xmlns="http://www.opengis.net/wfs/2.0" '
    'xmlns:fes="http://www.opengis.net/fes/2.0" xmlns:gml="http://www.opengis.net/gml/3.2" '
    'xmlns:o311="urn:open311:layers"'
)
OLD = (
    'service="WFS" version="{version}" xmlns="http://www.opengis.net/wfs" '
    'xmlns:fes="http://www.opengis.net/ogc" xmlns:gml="http://www.opengis.net/gml" '
    'xmlns:o311="urn:open311:layers"'
)
POINT = '<gml:Point srsName="{srs}"><gml:pos>{pos}</gml:pos></gml:Point>'
THERE = POINT.format(srs="urn:ogc:def:crs:EPSG::4326", pos="-33.9 18.7")
SECOND = '<fes:Filter><fes:ResourceId rid="clinics.2"/></fes:Filter>'


@pytest.fixture
async def context(settings: Settings) -> AsyncIterator[Context]:
    made = connections.open_context(settings)
    yield made
    await connections.close_context(made)


@pytest.fixture
async def desk(
    app: Litestar, database: Database, city: str, context: Context, tmp_path: Path
) -> AsyncIterator[Desk]:
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 50000))
    who = await auth(database, city, Role.ANALYST)
    base = f"http://m.test/maps/{city}"
    async with httpx.AsyncClient(transport=transport, base_url=base, auth=who) as client:
        made = Desk(client, context, city)
        await made.publish("clinics", write(tmp_path / "clinics.gpkg", frame()))
        yield made


async def transact(desk: Desk, inner: str, head: str = NEW, /, **more: Any) -> httpx.Response:
    return await desk.client.post(
        "/wfs",
        content=f"<Transaction {head}>{inner}</Transaction>",
        headers={"Content-Type": "text/xml"},
        **more,
    )


def insertion(name: str, beds: object, shape: str = THERE) -> str:
    return (
        f'<Insert handle="one"><o311:clinics><o311:geometry>{shape}</o311:geometry>'
        f"<o311:name>{name}</o311:name><o311:beds>{beds}</o311:beds></o311:clinics></Insert>"
    )


def change(name: str, value: str, where: str = SECOND) -> str:
    told = f"<ValueReference>o311:{name}</ValueReference>{value}"
    return f'<Update typeName="o311:clinics"><Property>{told}</Property>{where}</Update>'


async def beds(desk: Desk) -> dict[str, Any]:
    found = await desk.features("clinics")
    return {each["properties"]["name"]: each["properties"]["beds"] for each in found}


async def test_all_actions_at_once(desk: Desk) -> None:
    moved = POINT.format(srs="EPSG:4326", pos="18.8 -33.8")
    answer = await transact(
        desk,
        insertion("Jane &amp; Joe's", 7)
        + change("beds", "<Value>99</Value>")
        + change("geometry", f"<Value>{moved}</Value>")
        + '<Delete typeName="o311:clinics"><fes:Filter><fes:PropertyIsEqualTo><fes:ValueReference>'
        "beds</fes:ValueReference><fes:Literal>0</fes:Literal></fes:PropertyIsEqualTo>"
        "</fes:Filter></Delete>",
    )
    assert answer.status_code == 200, answer.text
    root = etree.fromstring(answer.content)
    (summary,) = root.findall("{*}TransactionSummary")
    assert [each.text for each in summary] == ["1", "2", "0", "1"]
    (inserted,) = root.findall("{*}InsertResults/{*}Feature")
    assert (inserted.get("handle"), inserted[0].get("rid")) == ("one", "clinics.4")
    assert await beds(desk) == {"Clinic 1": 99, "Clinic 2": 20, "Jane & Joe's": 7}
    places = {
        each["properties"]["name"]: each["geometry"] for each in await desk.features("clinics")
    }
    assert places["Jane & Joe's"]["coordinates"] == [18.7, -33.9]
    assert places["Clinic 1"]["coordinates"] == [18.8, -33.8]
    told = await desk.layer("clinics")
    assert told["features"] == 3
    assert told["bounds"] == pytest.approx([WHERE[0] + 0.002, WHERE[1], 18.8, -33.8])
    # the index knows the new places
    near = await desk.client.get("/collections/clinics/items?bbox=18.79,-33.81,18.81,-33.79&f=json")
    assert [each["properties"]["name"] for each in near.json()["features"]] == ["Clinic 1"]


async def test_a_feature_is_replaced(desk: Desk) -> None:
    whole = f"<o311:clinics><o311:geometry>{THERE}</o311:geometry><o311:name>New</o311:name>"
    answer = await transact(desk, f"<Replace>{whole}</o311:clinics>{SECOND}</Replace>")
    root = etree.fromstring(answer.content)
    assert root.findtext(".//{*}totalReplaced") == "1", answer.text
    (replaced,) = root.findall("{*}ReplaceResults/{*}Feature/{*}ResourceId")
    assert replaced.get("rid") == "clinics.2"
    assert await beds(desk) == {"Clinic 0": 0, "New": None, "Clinic 2": 20}


async def test_what_any_feature_of_gml_may_have_is_left_out(desk: Desk) -> None:
    any_may = "<gml:description>x</gml:description><gml:identifier>y</gml:identifier>"
    told = insertion("New", 1).replace("<o311:name>", f"{any_may}<gml:name>z</gml:name><o311:name>")
    assert (await transact(desk, told)).status_code == 200
    assert (await transact(desk, change("beds[1]", "<Value>5</Value>"))).status_code == 200
    assert await beds(desk) == {"Clinic 0": 0, "Clinic 1": 5, "Clinic 2": 20, "New": 1}


async def test_a_value_is_taken_away(desk: Desk) -> None:
    assert (await transact(desk, change("beds", ""))).status_code == 200
    assert (await beds(desk))["Clinic 1"] is None


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (insertion("x", "many"), "InvalidValue"),
        (insertion("x", 2**63), "InvalidValue"),
        (insertion("x", 1, POINT.format(srs="EPSG:4326", pos="18 91")), "InvalidValue"),
        (insertion("x", 1, "").replace("<o311:geometry></o311:geometry>", ""), "InvalidValue"),
        (insertion("x", 1).replace("o311:beds", "o311:bed"), "InvalidValue"),
        (
            insertion(
                "x", 1, "<gml:LineString><gml:posList>1 2 3 4</gml:posList></gml:LineString>"
            ),
            "InvalidValue",
        ),
        (insertion("x", 1).replace("o311:clinics", "o311:wards"), "InvalidParameterValue"),
        (insertion("x", 1).replace("o311:clinics", "o311:none"), "InvalidValue"),
        (
            change("beds", "<Value>1</Value>").replace("o311:clinics", "o311:none"),
            "InvalidParameterValue",
        ),
        ('<Delete typeName="clinics"/>', "MissingParameterValue"),
        ("<Drop/>", "OperationNotSupported"),
    ],
)
async def test_one_wrong_action_undoes_all(desk: Desk, wrong: str, code: str) -> None:
    before = await beds(desk)
    answer = await transact(desk, insertion("Good", 1) + change("beds", "<Value>1</Value>") + wrong)
    assert answer.status_code >= 400
    assert etree.fromstring(answer.content)[0].get("exceptionCode") == code, answer.text
    assert await beds(desk) == before


@pytest.mark.parametrize(
    ("version", "inner", "name"),
    [("1.1.0", "fid", "TransactionResponse"), ("1.0.0", "fid", "WFS_TransactionResponse")],
)
async def test_old_clients_write_too(desk: Desk, version: str, inner: str, name: str) -> None:
    shape = (
        '<gml:Point srsName="http://www.opengis.net/gml/srs/epsg.xml#4326">'
        '<gml:coordinates cs="," ts=" ">18.7,-33.9</gml:coordinates></gml:Point>'
    )
    asked = insertion("Old", 5, shape) + change("beds", "<Value>6</Value>").replace(
        "ValueReference", "Name"
    ).replace("ResourceId rid", "FeatureId fid")
    answer = await transact(desk, asked, OLD.format(version=version))
    assert answer.status_code == 200, answer.text
    root = etree.fromstring(answer.content)
    assert etree.QName(root).localname == name
    assert [each.get(inner) for each in root.iter("{*}FeatureId")] == ["clinics.4"]
    assert await beds(desk) == {"Clinic 0": 0, "Clinic 1": 6, "Clinic 2": 20, "Old": 5}


async def test_only_analysts_write(desk: Desk, database: Database) -> None:
    asked = insertion("x", 1)
    anonymous = await transact(desk, asked, auth=httpx.Auth())
    assert (anonymous.status_code, "www-authenticate" in anonymous.headers) == (401, True)
    manager = await auth(database, desk.city, Role.MANAGER)
    assert (await transact(desk, asked, auth=manager)).status_code == 403
    assert len(await beds(desk)) == 3
    for version in ("2.0.0", "1.1.0"):
        query = f"/wfs?service=WFS&request=GetCapabilities&version={version}"
        told = (await desk.client.get(query)).text
        assert 'Operation name="Transaction"' in told
        others = (await desk.client.get(query, auth=httpx.Auth())).text
        assert 'Operation name="Transaction"' not in others


async def test_all_may_be_deleted_and_come_back(desk: Desk) -> None:
    every = "".join(f'<fes:ResourceId rid="clinics.{number}"/>' for number in (1, 2, 3))
    gone = f'<Delete typeName="clinics"><fes:Filter>{every}</fes:Filter></Delete>'
    assert "<wfs:totalDeleted>3<" in (await transact(desk, gone)).text
    assert await beds(desk) == {}
    assert (await desk.client.get("/wfs?service=WFS&request=GetCapabilities")).status_code == 200
    assert (await transact(desk, insertion("Again", 1))).status_code == 200
    assert await beds(desk) == {"Again": 1}
