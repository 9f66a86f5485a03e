"""What happens without a model, or with a damaged one."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ingest import models
from ingest.category import classify
from ingest.language import OTHER, Identified, identify

pytestmark = pytest.mark.anyio


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Path]]:
    """Copies of the models' files, that may be damaged."""
    copies = {name: tmp_path / f"{name}.ftz" for name in models.FILES}
    for name, path in models.FILES.items():
        shutil.copy(path, copies[name])
        shutil.copy(path.with_name("model.ftz.sha256"), tmp_path / f"{name}.ftz.sha256")
    monkeypatch.setattr(models, "FILES", copies)
    models.load.cache_clear()
    yield copies
    models.load.cache_clear()


def spoil(path: Path) -> None:
    """Change one byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def test_models_are_what_was_trained_and_small() -> None:
    assert {name: models.trouble(name) for name in models.FILES} == dict.fromkeys(models.FILES, "")
    assert models.FILES["language"].stat().st_size < 5_000_000
    assert models.FILES["category"].stat().st_size < 5_000_000


def test_web_processes_load_no_model() -> None:
    asked = "import sys, open311.app; sys.exit('fasttext' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], timeout=60).returncode == 0


def test_a_missing_model_is_told_and_nobody_falls(elsewhere: dict[str, Path]) -> None:
    for path in elsewhere.values():
        path.unlink()
    assert "cannot be read" in models.trouble("language")
    assert identify("Daar is geen water nie") == Identified(OTHER, 0.0)
    assert identify("Daar is geen water nie", prior="af") == Identified("af", 0.0)
    # the rules alone still know what it is about
    assert classify("Daar is geen water nie", "af")[0].service_code == "WATER_NO_SUPPLY"
    assert classify("good morning to you all", "en") == []


def test_a_damaged_model_is_never_loaded(elsewhere: dict[str, Path]) -> None:
    spoil(elsewhere["language"])
    assert "is not what was trained" in models.trouble("language")
    assert models.load("language") is None
    assert models.load("category") is not None


async def test_health_and_metrics_tell_and_requests_are_filed_all_the_same(
    elsewhere: dict[str, Path], client: httpx.AsyncClient, city: str
) -> None:
    spoil(elsewhere["category"])
    root = str(client.base_url).partition("/open311/")[0]
    ready = await client.get(f"{root}/health/ready")
    assert ready.status_code == 200
    assert "is not what was trained" in ready.json()["checks"]["category model"]
    assert ready.json()["checks"]["language model"] == "ok"
    metrics = (await client.get(f"{root}/metrics")).text
    assert 'open311_ready{part="category model"} 0.0' in metrics
    assert 'open311_ready{part="language model"} 1.0' in metrics
    report = {"service_code": "POTHOLE", "lat": "-33.93", "long": "18.65", "api_key": f"key-{city}"}
    assert (await client.post("/requests.json", data=report)).status_code == 200
