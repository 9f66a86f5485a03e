"""Which languages are near to each other: short messages in one are often taken for another."""

from collections.abc import Collection

_FAMILIES = (
    frozenset(("zu", "xh", "ss", "nr")),
    frozenset(("st", "tn", "nso")),
)


def near(language: str) -> frozenset[str]:
    """A language and those near to it."""
    return next((each for each in _FAMILIES if language in each), frozenset((language,)))


def near_any(language: str, others: Collection[str]) -> bool:
    """Whether a language is one of others, or near to one."""
    return not near(language).isdisjoint(others)
