"""How often addresses as people write them are found: `tests/data/addresses.csv`, by halves.

Written by hand for this test: streets, landmarks, three languages, typos, old and new names. The
lists and weights were made with the tuning half before the eyes; the other half was only counted.
"""

import csv
from pathlib import Path

import pytest

from geo.addresses import normalise
from open311 import geocoding
from open311.db import Database
from open311.settings import Settings

pytestmark = pytest.mark.anyio

ADDRESSES = Path(__file__).parents[1] / "data" / "addresses.csv"


@pytest.fixture(scope="module")
def settings(country: Settings) -> Settings:
    """As an installation has them: municipalities are called like their towns."""
    return country


def meant(found: geocoding.Candidate, row: dict[str, str]) -> bool:
    names = {normalise(name) for name in row["place"].split("/")}
    return normalise(found.name) in names and found.municipality_code in row["municipality"].split(
        "/"
    )


@pytest.mark.parametrize("half", ["tuning", "held out"])
async def test_addresses_are_found(database: Database, half: str) -> None:
    with ADDRESSES.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["half"] == half]
    async with database.shared() as connection:
        found = [await geocoding.find(connection, row["address"], limit=3) for row in rows]
    pairs = list(zip(rows, found, strict=True))
    wrong = [row["address"] for row, told in pairs if not any(meant(p, row) for p in told[:1])]
    missed = [row["address"] for row, told in pairs if not any(meant(p, row) for p in told)]
    assert len(wrong) <= 0.1 * len(rows), wrong
    assert len(missed) <= 0.05 * len(rows), missed
