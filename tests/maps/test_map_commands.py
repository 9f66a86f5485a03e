"""`open311 layer` and `open311 export`: what an operator types, and what is told."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path

import click
import geopandas as gpd
import pytest
import shapely
from click.testing import CliRunner, Result
from pmtiles.reader import MmapSource, all_tiles

from open311.commands.export import exports
from open311.commands.layers import layer
from open311.settings import Settings

pytestmark = pytest.mark.anyio

Command = Callable[..., Awaitable[Result]]


@pytest.fixture
def command(settings: Settings, city: str) -> Command:
    """Call a command for the test's city, in a thread: commands have event loops of their own."""

    async def call(group: click.Group, *arguments: str) -> Result:
        words = [*arguments, "--jurisdiction", city]
        runner = CliRunner()
        return await asyncio.to_thread(
            runner.invoke, group, words, obj=lambda: nullcontext(settings)
        )

    return call


@pytest.fixture
def clinics(tmp_path: Path) -> str:
    path = tmp_path / "clinics.gpkg"
    shapes = [shapely.Point(18.65, -33.92), None]
    gpd.GeoDataFrame({"beds": [1, 2]}, geometry=shapes, crs=4326).to_file(path)
    return str(path)


async def test_a_dataset_comes_is_shown_and_goes(command: Command, clinics: str) -> None:
    words = ("publish", clinics, "--name", "clinics", "--title", "Day clinics")
    told = await command(layer, *words)
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("1 features, 0 of them repaired; 1 left out")
    for access in ("public", "staff", "nobody"):
        assert (await command(layer, "access", "clinics", access)).exit_code == 0
        listed = (await command(layer, "list")).stdout
        assert listed == f"clinics\t{access}\t1\tPoint\tDay clinics\n"
    told = await command(layer, *words, "--append", "--keyword", "health")
    assert told.exit_code == 0, told.output
    assert (await command(layer, "list")).stdout == "clinics\tnobody\t2\tPoint\tDay clinics\n"
    assert (await command(layer, "remove", "clinics")).exit_code == 0
    assert (await command(layer, "list")).stdout == ""
    for step in (("access", "clinics", "public"), ("remove", "clinics")):
        gone = await command(layer, *step)
        assert gone.exit_code == 1
        assert "has published no layer 'clinics'" in gone.output


@pytest.mark.parametrize("name", ["requests", "hexes", "wards", "dark", "staff-requests"])
async def test_a_dataset_takes_no_name_of_a_layer(
    command: Command, clinics: str, name: str
) -> None:
    told = await command(layer, "publish", clinics, "--name", name, "--title", "T")
    assert told.exit_code == 1
    assert f"Every map has {name} already" in told.output


async def test_tiles_are_exported_once_they_are_published(
    command: Command, clinics: str, tmp_path: Path
) -> None:
    out = tmp_path / "city.pmtiles"
    words = ("tiles", "--layer", "clinics", "--out", str(out), "--max-zoom", "9")
    await command(layer, "publish", clinics, "--name", "clinics", "--access", "nobody")
    refused = await command(exports, *words)
    assert refused.exit_code == 1
    assert "There is no layer 'clinics'" in refused.output
    await command(layer, "access", "clinics", "public")
    told = await command(exports, *words)
    assert told.stdout == f"{out}: 10 tiles, {out.stat().st_size} bytes\n"
    with out.open("rb") as file:
        assert [place[0] for place, _ in all_tiles(MmapSource(file))] == list(range(10))


@pytest.mark.parametrize(
    ("query", "told"),
    [("stauts=open", "no filter 'stauts'"), ("status=lost", "status must be one of")],
)
async def test_a_filter_that_is_none_exports_nothing(
    command: Command, tmp_path: Path, query: str, told: str
) -> None:
    out = tmp_path / "city.pmtiles"
    words = ("tiles", "--layer", "requests", "--out", str(out), "--filter", query)
    refused = await command(exports, *words)
    assert refused.exit_code == 1
    assert told in refused.output
    assert not await asyncio.to_thread(out.exists)
