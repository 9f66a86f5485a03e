"""Training by the command: small models of few sentences, made here."""

import csv
from pathlib import Path

import httpx
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from ingest import models
from ingest.category import corrections
from ingest.category.training import Labelled
from ingest.language.training import choose
from ingest.training_commands import train
from open311.db import Database

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent
_MOVE = text("""
update service_request set service_code = :code
where jurisdiction_id = :city and service_request_id = :id
""")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(train, [str(each) for each in arguments])


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A thousand reports, made of two kinds of sentences."""
    kinds = {"water": "the tap leaks at number", "roads": "a pothole in the road at number"}
    rows = [
        {"text": f"{words} {i} {'x' * (i % 7)}", "category": kind}
        for i in range(500)
        for kind, words in kinds.items()
    ]
    return write(tmp_path / "reports.csv", rows)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """The messages of the tests as a corpus: enough to go through all of the training."""
    with (HERE / "messages.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows += [{"lang": "nld", "text": "er is geen water in onze straat"}] * 3
    return write(tmp_path / "corpus.csv", [{"lang": r["lang"], "text": r["text"]} for r in rows])


def test_a_category_model_is_written_measured_and_the_same_each_time(
    reports: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "a" / "model.ftz", tmp_path / "b" / "model.ftz"
    for target in (first, second):
        target.parent.mkdir()
        result = run("category", reports, "--output", target)
        assert result.exit_code == 0, result.output
    assert "200 held back: accuracy 1.000, macro F1 1.000" in result.output
    assert first.read_bytes() == second.read_bytes()
    labels, _ = models.open_file(first).predict("a pothole in the road _pothole _road")
    assert labels == ("__label__roads",)
    assert first.with_name("calibration.json").exists()
    assert first.with_name("model.ftz.sha256").exists()


def test_a_language_model_is_written_and_measured(corpus: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.ftz"
    result = run("language", corpus, "--test", corpus, "--output", target)
    assert result.exit_code == 0, result.output
    assert "other" in result.output
    assert "corpus.csv: " in result.output
    assert target.stat().st_size < 5_000_000


def test_what_cannot_be_trained_on_is_told(corpus: Path, reports: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.ftz"
    only_dutch = write(tmp_path / "nl.csv", [{"lang": "nld", "text": "geen water"}])
    for arguments, reason in (
        (("language", only_dutch), "The corpus has nothing in af, en"),
        (("language", reports), "has no column lang"),
        (("category", reports, "--label", "water=swimming"), "water is no category"),
        (("category", corpus), "has no column category"),
    ):
        result = run(*arguments, "--output", target)
        assert result.exit_code == 1
        assert reason in result.output
        assert not target.exists()


def test_languages_are_called_by_either_code_and_strangers_are_other() -> None:
    chosen = choose([("zul", "amanzi"), ("zu", "ugesi"), ("nld", "geen stroom"), ("en", "12 !")])
    assert set(chosen) == {"zu", "other"}
    assert sorted(chosen["zu"]) == ["amanzi", "ugesi"]


async def test_what_the_staff_put_right_is_learnt_from(
    client: httpx.AsyncClient, database: Database, city: str
) -> None:
    ids = []
    for words in ("There is a hole here", "Music all night", "Leaves"):
        report = {"service_code": "GRAFFITI", "description": words, "api_key": f"key-{city}"}
        place = {"lat": "-33.93", "long": "18.65"}
        assert (await client.post("/requests.json", data=report | place)).status_code == 200
    async with database.begin(city) as connection:
        found = await connection.execute(
            text(
                "select service_request_id from service_request where jurisdiction_id = :city "
                "order by description desc"
            ),
            {"city": city},
        )
        ids = list(found.scalars())
        for request_id, code in zip(ids[:2], ("POTHOLE", "NOISE"), strict=True):
            await connection.execute(_MOVE, {"city": city, "id": request_id, "code": code})
    learnt = await corrections.read(database, city)
    assert sorted(learnt, key=lambda each: each.text) == [
        Labelled("Music all night", "NOISE"),
        Labelled("There is a hole here", "ROAD_POTHOLE"),
    ]
