"""The examples of the README work when pasted, against what its first command serves."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from tests.operations.servers import serving

README = Path(__file__).parents[2] / "README.md"
DEFAULT = "http://127.0.0.1:8311"
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="uses the operations' server"),
    # the two commands install nothing that only an example needs
    pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl to paste to"),
]


def test_examples_work_when_pasted(tmp_path: Path) -> None:
    examples = re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    assert len(examples) >= 4
    assert all(example.startswith(f'curl "{DEFAULT}/open311/') for example in examples)
    with serving(tmp_path, "--demo") as server:
        answers = [_paste(example.replace(DEFAULT, server.base)) for example in examples]
    services, found, filed, boston = answers
    assert any(service["service_code"] == "POTHOLE" for service in json.loads(services))
    assert [each.findtext("status") for each in etree.fromstring(found.encode())] == ["open"] * 3
    assert json.loads(filed)[0]["service_request_id"]
    assert len(json.loads(boston)) == 3
    assert "extended_attributes" in json.loads(boston)[0]


def _paste(example: str) -> str:
    done = subprocess.run(["sh", "-ec", example], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout
