"""Folders of exports: nobody's is left, and nobody's is taken."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mapserve.export.paths import replacing, scratch

HOLD = """
import sys, time
from mapserve.export.paths import scratch
with scratch() as folder:
    (folder / "half.gpkg").write_bytes(b"half")
    print(folder, flush=True)
    time.sleep(60)
"""


def age(folder: Path) -> None:
    os.utime(folder, (0, 0))


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_has_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    folders = [Path((each.stdout.readline() if each.stdout else "").strip()) for each in holders]
    dead, living = holders
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    for folder in folders:
        age(folder)
    with scratch() as own:
        assert not folders[0].exists()
        assert (folders[1] / "half.gpkg").exists()
        assert own.exists()
    assert not own.exists()
    living.kill()
    living.wait()
    for each in holders:
        assert each.stdout
        each.stdout.close()


def test_a_young_folder_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    young = tmp_path / "open311-export-new"
    young.mkdir()
    with scratch():
        assert young.exists()


def test_a_file_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "wards.gpkg"
    path.write_bytes(b"before")
    with pytest.raises(TypeError), replacing(path) as file:
        file.write("half")  # type: ignore[arg-type]
    assert path.read_bytes() == b"before"
    with replacing(path) as file:
        file.write(b"after")
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]
