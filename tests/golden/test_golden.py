"""Our answers are the specification's own examples, byte for byte (see README.md)."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from open311 import wire
from open311.codecs import FORMATS

HERE = Path(__file__).parent
DOCUMENTS: dict[str, tuple[str, Any]] = {
    "discovery": ("discovery", wire.Discovery),
    "services": ("services", list[wire.Service]),
    "service_definition": ("service_definition", wire.ServiceDefinition),
    "receipt": ("service_requests", list[wire.Receipt]),
    "token": ("service_requests", list[wire.Token]),
    "requests": ("service_requests", list[wire.Request]),
    "request": ("service_requests", list[wire.Request]),
    "errors": ("errors", list[wire.Error]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_json(name: str) -> None:
    root, kind = DOCUMENTS[name]
    golden = (HERE / f"{name}.json").read_bytes()
    document = msgspec.json.decode(golden, type=kind)
    assert FORMATS["json"].encode(root, document) == msgspec.json.format(golden, indent=-1)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_xml(name: str) -> None:
    root, kind = DOCUMENTS[name]
    document = msgspec.json.decode((HERE / f"{name}.json").read_bytes(), type=kind)
    golden = (HERE / f"{name}.xml").read_text().strip()
    expected = re.sub(r">\s+<", "><", golden).replace("?><", "?>\n<", 1)
    assert FORMATS["xml"].encode(root, document).decode() == expected
