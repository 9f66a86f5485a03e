"""`open311 route` and `open311 place`: what they say is what filing a report does."""

import asyncio
import json
import random
import uuid
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path

import httpx
import msgspec
import pytest
import shapely
from click.testing import CliRunner, Result
from shapely.geometry import MultiPolygon
from sqlalchemy import text

from open311 import catalogue
from open311.catalogue_file import Team
from open311.commands.places import place as place_commands
from open311.commands.places import route
from open311.db import Database
from open311.settings import Settings
from tests.api.test_teams import CITY, load

pytestmark = pytest.mark.anyio

Command = Callable[..., Awaitable[Result]]
_TEAM = text("""
select team from service_request where jurisdiction_id = :city and service_request_id = :id
""")


@pytest.fixture
def run(settings: Settings) -> Command:
    async def command(*words: str) -> Result:
        group = route if words[0] == "route" else place_commands
        # a command has an event loop of its own, so it gets a thread of its own
        return await asyncio.to_thread(
            CliRunner().invoke, group, words[1:], obj=lambda: nullcontext(settings)
        )

    return command


def some_teams(chance: random.Random) -> list[Team]:
    """Teams with rules of every kind, at random."""
    return [
        Team(
            f"team-{i}",
            f"Team {i}",
            services=chance.choice([[], ["POTHOLE"], ["NOISE", "POTHOLE"]]),
            groups=chance.choice([[], ["Roads"], ["Law"]]),
            base=chance.choice([None, (chance.uniform(18.6, 18.72), chance.uniform(-34, -33.88))]),
            active=chance.random() > 0.2,
        )
        for i in range(5)
    ]


@pytest.mark.parametrize("seed", range(4))
async def test_a_report_goes_where_the_command_says(
    run: Command, client: httpx.AsyncClient, database: Database, city: str, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    await load(database, city, *some_teams(chance))
    for _ in range(3):
        lat, long = f"{chance.uniform(-34, -33.88):.5f}", f"{chance.uniform(18.6, 18.72):.5f}"
        words = ("route", f"--at={lat},{long}", "--service=POTHOLE", f"--jurisdiction={city}")
        told = await run(*words)
        assert told.exit_code == 0, told.output
        assert (await run(*words)).output == told.output  # the same again
        form = {"service_code": "POTHOLE", "api_key": f"key-{city}", "lat": lat, "long": long}
        answer = await client.post("/requests.json", data=form)
        request_id = answer.json()[0]["service_request_id"]
        async with database.begin(city) as connection:
            names = {"city": city, "id": request_id}
            team = (await connection.execute(_TEAM, names)).scalar_one()
        assert told.output.splitlines()[-1].startswith(f"-> {team or 'nobody'}")


async def test_the_command_says_what_is_wrong_with_its_words(run: Command, city: str) -> None:
    answer = await run("route", "--at=north", "--service=POTHOLE", f"--jurisdiction={city}")
    assert (answer.exit_code, "two numbers of degrees" in answer.output) == (2, True)
    answer = await run("route", "--at=1,2", "--service=NONE", f"--jurisdiction={city}")
    assert answer.exit_code == 1
    assert "NONE" in answer.output


async def test_the_point_says_which_jurisdiction(
    run: Command, database: Database, city: str
) -> None:
    # a smaller area than that of any other test's jurisdiction
    read = catalogue.read(CITY)
    area = MultiPolygon([shapely.box(18.600, -33.890, 18.601, -33.889)])
    await catalogue.load(
        database, msgspec.structs.replace(read, jurisdiction_id=city, name=city, boundary=area)
    )
    answer = await run("route", "--at=-33.8895,18.6005", "--service=POTHOLE")
    assert answer.output.startswith(f"inside {city}\n")
    answer = await run("route", "--at=0,-30", "--service=POTHOLE")
    assert (answer.exit_code, "in no jurisdiction" in answer.output) == (1, True)


@pytest.mark.parametrize("kind", ["csv", "geojson"])
async def test_an_address_list_is_imported_from_files(
    run: Command, tmp_path: Path, kind: str
) -> None:
    code, path = uuid.uuid4().hex[:6], tmp_path / f"addresses.{kind}"
    if kind == "csv":
        path.write_text(
            "address_id,address,suburb,lat,long\n007,3 Quince Lane,Oxbow,-33.9,18.6\n8,,,1,1\n"
        )
    else:
        properties = {"address_id": "007", "address": "3 Quince Lane", "suburb": "Oxbow"}
        point = {"type": "Point", "coordinates": [18.6, -33.9]}
        features = [
            {"type": "Feature", "properties": properties, "geometry": point},
            {"type": "Feature", "properties": properties, "geometry": point},
        ]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    answer = await run("place", "import", str(path), f"--municipality={code}")
    assert f"{code}: 1 addresses, 1 rows refused" in answer.output
    found = await run("place", "find", "3 quince ln oxbow", f"--municipality={code}")
    assert found.output.startswith("1.000  3 Quince Lane, Oxbow (address, ")
    assert "at -33.90000,18.60000" in found.output


async def test_the_gazetteer_is_loaded_once_however_often(run: Command) -> None:
    first = await run("place", "load")
    assert first.exit_code == 0, first.output
    assert (await run("place", "load")).output == first.output


def test_the_demos_teams_are_a_catalogue() -> None:
    read = catalogue.read(Path(__file__).parents[2] / "demo" / "capetown.yaml")
    named = {team.team for team in read.teams}
    assert {service.team for service in read.services} <= {None, *named}
