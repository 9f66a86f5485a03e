"""What answers say in headers, pages of other sites can read too (CORS)."""

import re
from pathlib import Path

from open311 import app

ROOT = Path(__file__).parents[2]
_OWN = re.compile(r'"((?:X-|Content-(?:Bbox|Crs|Disposition|Range)|Accept-Con)[A-Za-z-]*)"')
# the browser heeds them by itself
_OF_BROWSERS = {"X-Content-Type-Options", "X-Frame-Options"}


def test_every_header_of_ours_is_exposed() -> None:
    files = [
        path for part in ("open311", "mapserve", "clients") for path in (ROOT / part).rglob("*.py")
    ]
    named = {name for path in files for name in _OWN.findall(path.read_text())}
    assert len(named) > 5
    assert named - _OF_BROWSERS <= set(app._EXPOSED.split())
