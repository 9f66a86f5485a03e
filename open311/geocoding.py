"""Places by their names and names of places, from our own tables alone."""

from difflib import SequenceMatcher
from pathlib import Path

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import addresses, candidates
from geo.addresses import Phrase, Word
from geo.candidates import Caller, Candidate, Listed, Match

__all__ = ["Address", "Candidate", "Described", "describe", "find", "look_up"]

_HERE = Path(__file__).parent
_EQUAL = text((_HERE / "geocoding_equal.sql").read_text())
_ALIKE = text((_HERE / "geocoding_alike.sql").read_text())
_DESCRIBE = text((_HERE / "geocoding_describe.sql").read_text())
_SUBURBS = text((_HERE / "suburbs.sql").read_text())
_THRESHOLD = text("select set_config('pg_trgm.similarity_threshold', :threshold, true)")
_KNOWN = text("""
select place.name, st_y(geom) as lat, st_x(geom) as long
from place join jurisdiction using (municipality_code)
where jurisdiction_id = :jurisdiction_id and address_id = :address_id
limit 1
""")
_MUNICIPALITY = text("""
select municipality_code from jurisdiction where jurisdiction_id = :jurisdiction_id
""")

_LEAST_TRIGRAMS = "0.3"
_LEAST_ALIKE = 0.75
_MOST_WORDS_ALIKE = 3
_SHORTEST_ALIKE = 5
_MOST_ALIKE = 24
_NAMED = 0.7
_LATEST = 1000
_PRECISE = ("address", "neighbourhood", "suburb", "campus")


class Described(Struct, frozen=True):
    """What a point is called: the nearest listed place and what lies around; None: unknown."""

    name: str | None
    kind: str | None
    metres: float | None
    ward: str | None
    municipality_code: str | None
    municipality: str | None


class Address(Struct, frozen=True):
    """A point (degrees, WGS84) that an address has, and how that is known."""

    lat: float
    long: float
    name: str
    by: str
    """`address_id` or `address_string`."""
    score: float


async def find(
    connection: AsyncConnection,
    address: str,
    municipality_code: str | None = None,
    near: tuple[float, float] | None = None,
    limit: int = 10,
) -> list[Candidate]:
    """Places that an address in words may mean, the likeliest first.

    Those of the municipality come first among equals, and so do those around `near` (lat, long in
    degrees). A city's own list of addresses counts for its own municipality alone.
    """
    words = addresses.read(address)
    phrases = addresses.phrases(words)
    if not phrases:
        return []
    caller = Caller(municipality_code, near)
    matches = await _equal(connection, phrases, municipality_code)
    matches += await _alike(connection, words, phrases, matches)
    return candidates.rank(words, matches, caller)[:limit]


async def describe(connection: AsyncConnection, lat: float, long: float) -> Described:
    """What a point (degrees) is called: the nearest place, its ward and municipality."""
    found = await connection.execute(_DESCRIBE, {"lat": lat, "long": long})
    return msgspec.convert(dict(found.mappings().one()), Described)


async def municipality_of(connection: AsyncConnection, jurisdiction_id: str) -> str | None:
    """The code of a jurisdiction's municipality, if it has one."""
    found = await connection.execute(_MUNICIPALITY, {"jurisdiction_id": jurisdiction_id})
    return found.scalar_one_or_none()


async def suburbs(connection: AsyncConnection, jurisdiction_id: str) -> list[str]:
    """The names of places around which a city's latest requests lie, the most first.

    Empty for a jurisdiction without a municipality, or without requests.
    """
    code = await municipality_of(connection, jurisdiction_id)
    names = {"jurisdiction_id": jurisdiction_id, "municipality_code": code}
    found = await connection.execute(_SUBURBS, names | {"latest": _LATEST})
    return list(found.scalars())


async def look_up(
    connection: AsyncConnection,
    jurisdiction_id: str,
    address_id: str | None,
    address: str | None,
    least: float,
) -> Address | None:
    """The point of an address by its id, or else in words where there is no doubt."""
    found = None
    if address_id:
        found = await known_address(connection, jurisdiction_id, address_id)
    if found is None and address:
        found = await find_address(connection, jurisdiction_id, address, least)
    return found


async def known_address(
    connection: AsyncConnection, jurisdiction_id: str, address_id: str
) -> Address | None:
    """The point of an address of the jurisdiction's own list."""
    names = {"jurisdiction_id": jurisdiction_id, "address_id": address_id}
    row = (await connection.execute(_KNOWN, names)).one_or_none()
    return Address(row.lat, row.long, row.name, "address_id", 1.0) if row else None


async def find_address(
    connection: AsyncConnection, jurisdiction_id: str, address: str, least: float
) -> Address | None:
    """The point of an address in words, if there is no doubt where it is.

    That is when nothing of it is left over and its best candidate is an address of the city's own
    list, or a place no larger than a suburb, in the jurisdiction's municipality, of at least
    `least` score: so no other comes near.
    """
    municipality_code = await municipality_of(connection, jurisdiction_id)
    if municipality_code is None:
        return None
    found = await find(connection, address, municipality_code, limit=1)
    if not found:
        return None
    best = found[0]
    precise = best.kind in _PRECISE and best.how == "name" and not best.rest
    if not precise or best.score < least or best.municipality_code != municipality_code:
        return None
    return Address(best.lat, best.long, best.name, "address_string", best.score)


async def _equal(
    connection: AsyncConnection, phrases: list[Phrase], municipality_code: str | None
) -> list[Match]:
    names = {
        "phrases": list({phrase.text for phrase in phrases}),
        "municipality_code": municipality_code,
    }
    listed = [
        msgspec.convert(dict(row), Listed)
        for row in (await connection.execute(_EQUAL, names)).mappings()
    ]
    by_name: dict[str, list[Listed]] = {}
    for place in listed:
        by_name.setdefault(place.search, []).append(place)
    return [Match(phrase, place) for phrase in phrases for place in by_name.get(phrase.text, [])]


async def _alike(
    connection: AsyncConnection, words: list[Word], phrases: list[Phrase], equal: list[Match]
) -> list[Match]:
    """Places for the words that no listed name has: somebody spells it otherwise."""
    taken = {i for match in equal if match.quality >= _NAMED for i in range(*match.span)}
    wanted = {
        phrase.text: phrase
        for phrase in reversed(phrases)
        if _may_be_misspelt(words, phrase) and taken.isdisjoint(range(phrase.start, phrase.end))
    }
    if not wanted:
        return []
    await connection.execute(_THRESHOLD, {"threshold": _LEAST_TRIGRAMS})
    found = await connection.execute(_ALIKE, {"phrases": list(wanted)[:_MOST_ALIKE]})
    matches = [
        Match(wanted[row["phrase"]], place, _likeness(row["phrase"], place.search))
        for row in found.mappings()
        for place in [msgspec.convert(dict(row), Listed)]
    ]
    return [match for match in matches if match.alike >= _LEAST_ALIKE]


def _likeness(written: str, listed: str) -> float:
    """How much of two names is the same, from 0 to 1, letters in their order.

    Trigrams find what may be meant, but one swapped pair of letters spoils four of them.
    """
    return SequenceMatcher(None, written, listed, autojunk=False).ratio()


def _may_be_misspelt(words: list[Word], phrase: Phrase) -> bool:
    inside = words[phrase.start : phrase.end]
    return (
        len(inside) <= _MOST_WORDS_ALIKE
        and len(phrase.text) >= _SHORTEST_ALIKE
        and all(word.role == "place" for word in inside)
    )
