"""The words of the pages in their readers' languages: `translations/CODE.json`, a file for each.

A file maps keys to sentences; `{name}` stands for a value. Another language is another file.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request
from msgspec import Struct

from open311.jurisdictions import Jurisdiction

_FOLDER = Path(__file__).with_suffix("")
_SOURCE = "en"
NAME = "language.name"
"""The key of a language's own name."""


class Language(Struct, frozen=True):
    """A language (ISO 639-1) and its words by key."""

    code: str
    words: dict[str, str]

    @property
    def name(self) -> str:
        """What its speakers call it."""
        return self.words[NAME]

    def say(self, key: str, **values: object) -> str:
        """The sentence of a key with its values, as plain text."""
        return self.words[key].format(**values)


@cache
def languages() -> dict[str, Language]:
    """Every language that there is a file for, by its code."""
    return {
        path.stem: Language(path.stem, msgspec.json.decode(path.read_bytes(), type=dict[str, str]))
        for path in sorted(_FOLDER.glob("*.json"))
    }


def choose(request: Request[Any, Any, Any], spoken: Sequence[str] = ()) -> Language:
    """The language of a page: `?lang=`, the browser's, or the first that the place speaks.

    Of those that there are words in; without any, English.
    """
    known = languages()
    wanted = [request.query_params.get("lang", ""), *_accepted(request), *spoken]
    codes = (code.partition("-")[0].lower() for code in wanted)
    return known[next((code for code in codes if code in known), _SOURCE)]


def words(
    request: Request[Any, Any, Any], city: Jurisdiction, for_scripts: str = ""
) -> dict[str, Any]:
    """What templates of a city's page speak with.

    `query` keeps a chosen language; `spoken` has the words that scripts speak with, as JSON: those
    whose keys begin with `for_scripts`.
    """
    language = choose(request, city.languages)
    query = f"?lang={language.code}" if "lang" in request.query_params else ""
    spoken = {key: said for key, said in language.words.items() if key.startswith(for_scripts)}
    return {
        "language": language,
        "languages": list(languages().values()),
        "say": language.say,
        "query": query,
        "spoken": msgspec.json.encode(spoken if for_scripts else {}).decode(),
    }


def day(instant: datetime, zone: ZoneInfo) -> str:
    """The date and time of an instant where it happened, readable in every language."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


def _accepted(request: Request[Any, Any, Any]) -> list[str]:
    """The languages of Accept-Language, best first; those with a weight of nothing left out."""
    weighted = []
    for part in request.headers.get("accept-language", "")[:500].split(","):
        code, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((float(weight or 1), code))
        except ValueError:
            continue
    # sorting is stable: of equal weights the first comes first
    return [code for weight, code in sorted(weighted, key=lambda w: -w[0]) if weight > 0]
