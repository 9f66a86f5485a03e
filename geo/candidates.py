"""Which place an address means: how likely each of those is whose names stand in it."""

from collections import defaultdict
from collections.abc import Sequence
from math import cos, exp, hypot, radians

from msgspec import Struct

from geo.addresses import Phrase, Word

# From most to least specific: of two places of which one lies in the other, the first is meant.
_SPECIFICITY = {
    "address": 0,
    **dict.fromkeys(("campus", "neighbourhood", "suburb"), 1),
    **dict.fromkeys(("locality", "ward"), 2),
    **dict.fromkeys(("localadmin", "service-area"), 3),
    "municipality": 4,
    **dict.fromkeys(("county", "district"), 5),
    "region": 6,
}
# So far from its middle a place of a kind may reach.
_REACH_KM = {
    "region": 400.0,
    **dict.fromkeys(("county", "district"), 100.0),
    **dict.fromkeys(("municipality", "localadmin"), 60.0),
}
_NEAR_KM = 30.0
_ONE_PLACE_KM = 15.0
_SURE = 0.7
_IN_MUNICIPALITY = 50.0
_AGREES = 30.0
_WIDER = 0.8
_CONTRADICTED = 0.5
_STRONGER = 0.75


class Listed(Struct, frozen=True):
    """A place as it is listed: degrees (WGS84), and a weight from 0 to 1, more for a larger one."""

    name: str
    search: str
    kind: str
    municipality_code: str | None
    lat: float
    long: float
    address_id: str | None = None
    weight: float = 0.0


class Match(Struct, frozen=True):
    """A listed place whose name is that of a phrase, or `alike` to it from 0 to 1."""

    phrase: Phrase
    place: Listed
    alike: float = 1.0

    @property
    def quality(self) -> float:
        """How well the words say this name, from 0 to 1."""
        return self.phrase.certainty * (1.0 if self.alike == 1 else 0.85 * self.alike)

    @property
    def span(self) -> tuple[int, int]:
        return self.phrase.start, self.phrase.end


class Candidate(Struct, frozen=True):
    """A place that an address may mean."""

    name: str
    kind: str
    municipality_code: str | None
    lat: float
    long: float
    score: float
    """From 0 to 1: how well it is named, times its share among places of the same name."""
    how: str
    """`name`, `alias`, `locative`, `typo` or `street` (its name is that of a street)."""
    rest: str
    """Words of the address that neither it nor a place around it accounts for."""
    address_id: str | None = None


class Caller(Struct, frozen=True):
    """Who asks: places of this municipality, or near this lat and long, are likelier meant."""

    municipality_code: str | None = None
    near: tuple[float, float] | None = None


def rank(words: Sequence[Word], matches: Sequence[Match], caller: Caller) -> list[Candidate]:
    """Every place that may be meant, the likeliest first; each once."""
    kept = _longest(matches)
    agreeing = {match: _around(match, kept) for match in kept}
    shares = _shares(kept, agreeing, caller)
    best: dict[tuple[str, str | None, str | None], Candidate] = {}
    for match in kept:
        score = match.quality * shares[match] * _standing(match, kept, agreeing[match])
        candidate = _candidate(words, match, agreeing[match], score)
        key = (match.place.name.casefold(), candidate.municipality_code, candidate.address_id)
        if key not in best or best[key].score < candidate.score:
            best[key] = candidate
    return sorted(best.values(), key=_order)


def _order(candidate: Candidate) -> tuple[float, int, str, float, float]:
    specificity = _SPECIFICITY.get(candidate.kind, 2)
    return -candidate.score, specificity, candidate.name, candidate.lat, candidate.long


def kilometres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """About how far two points (lat and long, degrees) are apart; right for some hundred km."""
    across = (a[1] - b[1]) * cos(radians((a[0] + b[0]) / 2))
    return hypot(a[0] - b[0], across) * 111.2


def _longest(matches: Sequence[Match]) -> list[Match]:
    """Without those inside a longer name that is as well matched: `Cape` in `Cape Town`."""
    spans: dict[tuple[int, int], float] = defaultdict(float)
    for match in matches:
        spans[match.span] = max(spans[match.span], match.quality)
    return [
        match
        for match in dict.fromkeys(matches)
        if not any(
            start <= match.span[0] and match.span[1] <= end and (start, end) != match.span
            for (start, end), quality in spans.items()
            if quality >= max(match.quality, _SURE)
        )
    ]


def _around(match: Match, others: Sequence[Match]) -> list[Match]:
    """What else the address names that lies around this place, or in it."""
    return [
        other
        for other in others
        if _apart(match, other) and other.quality >= _SURE and _close(match.place, other.place)
    ]


def _close(a: Listed, b: Listed) -> bool:
    if a.municipality_code and a.municipality_code == b.municipality_code:
        return True
    return _distance(a, b) <= _reach(a, b, _NEAR_KM)


def _reach(a: Listed, b: Listed, usual: float) -> float:
    return max(_REACH_KM.get(place.kind, usual) for place in (a, b))


def _distance(a: Listed, b: Listed) -> float:
    return kilometres((a.lat, a.long), (b.lat, b.long))


def _apart(a: Match, b: Match) -> bool:
    return a.span[1] <= b.span[0] or b.span[1] <= a.span[0]


def _shares(
    matches: Sequence[Match], agreeing: dict[Match, list[Match]], caller: Caller
) -> dict[Match, float]:
    """Of each match its share among those of the same words; one place counts once."""
    priors = {match: _prior(match, bool(agreeing[match]), caller) for match in matches}
    different: dict[tuple[int, int], list[Match]] = defaultdict(list)
    for match in sorted(priors, key=lambda each: -priors[each]):
        if not any(_is_one(match.place, other.place) for other in different[match.span]):
            different[match.span].append(match)
    sums = {span: sum(priors[each] for each in found) for span, found in different.items()}
    return {match: min(1.0, prior / sums[match.span]) for match, prior in priors.items()}


def _is_one(a: Listed, b: Listed) -> bool:
    """Whether two entries are of one place: a town is in several lists, an address in one."""
    if a.address_id or b.address_id:
        return a.address_id == b.address_id
    if a.municipality_code != b.municipality_code:
        return False
    return _distance(a, b) <= _reach(a, b, _ONE_PLACE_KM)


def _prior(match: Match, agrees: bool, caller: Caller) -> float:
    place = match.place
    prior = (0.05 + place.weight**2) * match.quality**4
    if place.municipality_code and place.municipality_code == caller.municipality_code:
        prior *= _IN_MUNICIPALITY
    if caller.near is not None:
        prior *= 1 + 8 * exp(-kilometres((place.lat, place.long), caller.near) / 20)
    return prior * (_AGREES if agrees else 1.0)


def _standing(match: Match, matches: Sequence[Match], around: Sequence[Match]) -> float:
    """Less for what lies around a place that is named as well, and for what is contradicted."""
    if any(_specificity(other) < _specificity(match) for other in around):
        return _WIDER
    if around:
        return 1.0
    elsewhere = [o.place.weight for o in matches if _apart(match, o) and o.quality >= _SURE]
    if not elsewhere:
        return 1.0
    return _STRONGER if match.place.weight > max(elsewhere) else _CONTRADICTED


def _specificity(match: Match) -> tuple[int, float, int]:
    return _SPECIFICITY.get(match.place.kind, 2), match.place.weight, match.phrase.start


def _candidate(
    words: Sequence[Word], match: Match, around: Sequence[Match], score: float
) -> Candidate:
    place = match.place
    told = {i for each in (match, *around) for i in range(*each.span)}
    return Candidate(
        name=place.name,
        kind=place.kind,
        municipality_code=place.municipality_code,
        lat=place.lat,
        long=place.long,
        score=round(score, 3),
        how="typo" if match.alike < 1 else match.phrase.how,
        rest=" ".join(word.text for i, word in enumerate(words) if i not in told),
        address_id=place.address_id,
    )
