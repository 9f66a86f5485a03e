"""Names of places in messages of eleven languages, and words that are none."""

import csv
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from open311 import geocoding
from open311.db import Database
from open311.settings import Settings

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent
SURE = 0.7

NAMED = [
    ("Amanzi awekho eMlazi", "Umlazi", "ETH"),
    ("Akukho mbane eKhayelitsha", "Khayelitsha", "CPT"),
    ("amapayipi aqhumile KwaMashu", "Kwamashu", "ETH"),
    ("Ga go na metsi mo Soshanguve", "Soshanguve", "TSH"),
    ("Ha ho na motlakase Botshabelo", "Botshabelo", "MAN"),
    ("Gezi ri fambile eGiyani", "Giyani", "LIM331"),
    ("A huna maḓi Thohoyandou", "Thohoyandou", "LIM343"),
    ("Die straatligte in Mitchells Plain is af", "Mitchells Plain", "CPT"),
    ("Sawubona, there is no amanzi e Tembisa since yesterday", "Tembisa", "EKU"),
    ("umgodi omkhulu oLundi", "Ulundi", "KZN266"),
    ("Amanzi angcolile eMdantsane", "Mdantsane", "BUF"),
    ("Ugesi awukho eThekwini", "Durban", "ETH"),
    ("Irobhothi alisebenzi ePhoenix", "Phoenix", "ETH"),
    ("kukho umngxuma eNyanga", "Nyanga", "CPT"),
    ("Mati ya hava eMalamulele", "Malamulele", "LIM345"),
    ("Metsi a dutla Mamelodi East", "Mamelodi", "TSH"),
    ("no power in eGoli", "Johannesburg", "JHB"),
    ("eKapa akukho manzi", "Cape Town", "CPT"),
]


@pytest.fixture(scope="module")
def settings(country: Settings) -> Settings:
    """As an installation has them: municipalities are called like their towns."""
    return country


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction in which the gazetteer is there, and the boundaries with their names."""
    async with database.shared() as opened:
        yield opened


@pytest.mark.parametrize(("words", "name", "municipality_code"), NAMED)
async def test_a_place_is_found_among_the_words(
    connection: AsyncConnection, words: str, name: str, municipality_code: str
) -> None:
    found = await geocoding.find(connection, words, municipality_code, limit=1)
    assert [(each.name, each.municipality_code) for each in found] == [(name, municipality_code)]


async def test_messages_without_a_place_name_none_for_sure(connection: AsyncConnection) -> None:
    """There is an Amanzi in Nelson Mandela Bay, and a Meetse in Mpumalanga."""
    with (HERE / "messages.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    wrong = []
    for code in ("NMA", "MP325", "CPT"):
        for words in texts:
            found = await geocoding.find(connection, words, code, limit=1)
            if found and found[0].score >= SURE and found[0].municipality_code == code:
                wrong.append((words, found[0].name))
    assert [each for each in wrong if "Khayelitsha" not in each[0]] == []
