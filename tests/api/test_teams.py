"""Which team gets a request: rules out of the catalogue, asked of the database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import catalogue, jurisdictions, services, teams
from open311.catalogue_file import Team
from open311.db import Database
from open311.errors import BadInput
from open311.services import Service
from open311.teams import Where

pytestmark = pytest.mark.anyio

MakeArea = Callable[..., Awaitable[None]]
CITY = Path(__file__).parents[1] / "city.yaml"
NOWHERE = Where()
NORTH, SOUTH = (-33.90, 18.65), (-33.98, 18.65)
_UNMAKE = text("delete from boundary where code = any(:codes)")
_AREA = text("""
with made as (
    insert into boundary (kind, code, name, valid_from, geom)
    values (:kind, :code, :code, '2020-01-01',
        st_multi(st_makeenvelope(:west, :south, :east, :north, 4326)))
    returning boundary_id, geom
)
insert into boundary_part select boundary_id, (st_dump(geom)).geom from made
""")
_KEPT = text("select ward, team from service_request where jurisdiction_id = :city")
_OPEN = text("""
insert into service_request (jurisdiction_id, service_request_id, service_code, team)
values (:jurisdiction_id, :id, 'POTHOLE', :team)
""")


@pytest.fixture
async def make_area(database: Database) -> AsyncIterator[MakeArea]:
    """Make boundaries from one latitude to another, for one test: everybody shares them."""
    codes: list[str] = []

    async def make(code: str, south: float, north: float, kind: str = "service-area") -> None:
        box = {"west": 18.60, "east": 18.72, "south": south, "north": north}
        async with database.shared() as connection:
            await connection.execute(_AREA, box | {"kind": kind, "code": code})
        codes.append(code)

    yield make
    async with database.shared() as connection:
        await connection.execute(_UNMAKE, {"codes": codes})


async def load(database: Database, city: str, *made: Team) -> catalogue.Changes:
    read = catalogue.read(CITY)
    return await catalogue.load(
        database, msgspec.structs.replace(read, jurisdiction_id=city, teams=list(made))
    )


async def chosen(
    database: Database, city: str, where: Where = NOWHERE, service_code: str = "POTHOLE"
) -> str | None:
    async with database.begin(city) as connection:
        service = await find(database, connection, city, service_code)
        return await teams.assign(connection, city, service, where)


async def find(database: Database, connection: AsyncConnection, city: str, code: str) -> Service:
    return await services.find(connection, await jurisdictions.find(database, city), code)


def at(point: tuple[float, float], ward: str | None = None) -> Where:
    return Where(*point, ward)


async def test_without_teams_the_services_own_gets_it(database: Database, city: str) -> None:
    assert await chosen(database, city) is None
    read = catalogue.read(CITY)
    own = [msgspec.structs.replace(each, team="own") for each in read.services]
    changed = msgspec.structs.replace(read, jurisdiction_id=city, services=own)
    await catalogue.load(database, changed)
    jurisdictions._found.clear()
    assert await chosen(database, city) == "own"


async def test_a_named_service_comes_before_its_group_before_any(
    database: Database, city: str
) -> None:
    everything = Team("all", "Everything")
    roads = Team("roads", "Roads", groups=["Roads"])
    potholes = Team("holes", "Potholes", services=["POTHOLE"])
    trees = Team("trees", "Trees", services=["TREE"])
    await load(database, city, everything, trees)
    assert await chosen(database, city) == "all"
    await load(database, city, everything, trees, roads)
    assert await chosen(database, city) == "roads"
    await load(database, city, everything, trees, roads, potholes)
    assert await chosen(database, city) == "holes"


async def test_an_area_comes_before_a_ward_before_the_whole_city(
    database: Database, city: str, make_area: MakeArea
) -> None:
    code = f"area-{city}"
    await make_area(code, -33.94, -33.88)
    await load(
        database,
        city,
        Team("city", "City"),
        Team("ward", "Ward", wards=["19100012"]),
        Team("area", "Area", areas=[code]),
    )
    assert await chosen(database, city, at(NORTH, "19100012")) == "area"
    assert await chosen(database, city, at(SOUTH, "19100012")) == "ward"
    assert await chosen(database, city, at(SOUTH, "19100013")) == "city"
    assert await chosen(database, city) == "city"


async def test_a_ward_is_found_by_the_point_and_kept_with_the_report(
    database: Database, client: httpx.AsyncClient, city: str, make_area: MakeArea
) -> None:
    code = f"ward-{city}"
    await make_area(code, -33.94, -33.88, "ward")
    await load(database, city, Team("city", "City"), Team("ward", "Ward", wards=[code]))
    assert await chosen(database, city, at(NORTH)) == "ward"
    assert await chosen(database, city, at(SOUTH)) == "city"
    for lat, long in (NORTH, SOUTH):
        form = {"service_code": "POTHOLE", "api_key": f"key-{city}", "lat": lat, "long": long}
        assert (await client.post("/requests.json", data=form)).status_code == 200
    async with database.begin(city) as connection:
        rows = (await connection.execute(_KEPT, {"city": city})).all()
    assert {tuple(row) for row in rows} == {(code, "ward"), (None, "city")}


async def test_the_nearest_base_gets_it(database: Database, city: str) -> None:
    await load(
        database,
        city,
        Team("north", "North", base=(NORTH[1], NORTH[0])),
        Team("south", "South", base=(SOUTH[1], SOUTH[0])),
    )
    assert await chosen(database, city, at(NORTH)) == "north"
    assert await chosen(database, city, at(SOUTH)) == "south"


async def test_between_equals_the_load_decides_and_then_the_catalogue(
    database: Database, city: str
) -> None:
    await load(database, city, Team("b", "B"), Team("a", "A"))
    assert await chosen(database, city, at(NORTH)) == "b"
    async with database.begin(city) as connection:
        row = {"jurisdiction_id": city, "id": "LOAD-1", "team": "b"}
        await connection.execute(_OPEN, row)
    assert await chosen(database, city, at(NORTH)) == "a"


async def test_a_team_that_is_not_active_gets_nothing(database: Database, city: str) -> None:
    await load(database, city, Team("gone", "Gone", services=["POTHOLE"], active=False))
    assert await chosen(database, city) is None


async def test_the_explanation_names_the_rule(database: Database, city: str) -> None:
    await load(
        database,
        city,
        Team("roads", "Roads", groups=["Roads"]),
        Team("all", "Everything"),
        Team("trees", "Trees", services=["TREE"]),
        Team("ward", "Ward", wards=["19100012"]),
        Team("rest", "Resting", active=False),
    )
    async with database.begin(city) as connection:
        service = await find(database, connection, city, "POTHOLE")
        found = await teams.stand(connection, city, service, at(NORTH))
    told = dict(line.split(" (", 1) for line in teams.explain(found, service)[:-1])
    assert told["roads"].endswith("gets it")
    assert told["all"].endswith("after roads by service")
    assert told["trees"].endswith("out: not its service")
    assert told["ward"].endswith("out: not its area or ward")
    assert told["rest"].endswith("out: not active")
    assert teams.explain(found, service)[-1] == "-> roads"


async def test_loading_teams_says_what_changed_and_removes_what_is_gone(
    database: Database, city: str
) -> None:
    roads = Team("roads", "Roads", groups=["Roads"], base=(18.65, -33.9))
    assert (await load(database, city, roads)).teams == ["roads"]
    assert not await load(database, city, roads)
    assert (await load(database, city)).teams == ["roads"]
    async with database.begin(city) as connection:
        query = text("""
        select kind from event where jurisdiction_id = :city and subject = 'roads' order by id
        """)
        kinds = (await connection.execute(query, {"city": city})).scalars().all()
    assert kinds == ["team.added", "team.removed"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{team: a, name: A, services: [NONE]}", "NONE is none of the services"),
        ("{team: a, name: A, groups: [None at all]}", "None at all is none of the groups"),
        ("{team: a, name: A, base: [18.6, -134.0]}", "Expected `float` >= -90"),
    ],
)
def test_a_catalogue_with_a_wrong_team_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "city.yaml"
    path.write_text(CITY.read_text().replace("services:\n", f"teams:\n  - {line}\nservices:\n", 1))
    with pytest.raises(BadInput, match=reason):
        catalogue.read(path)
