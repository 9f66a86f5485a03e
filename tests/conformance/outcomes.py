"""How the tests of a suite ended, and how that is told."""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

PASS, FAIL, SKIP = "PASS", "FAIL", "SKIP"


class Outcome(Struct, frozen=True):
    """How a test ended, and what it says of that."""

    status: str
    test: str
    message: str


class Excuse(Struct, frozen=True):
    """An error of a test's own: what its message then has, and what is wrong with it."""

    sign: str
    why: str


def tell(suite: str, outcomes: Iterable[Outcome], excuses: Mapping[str, Excuse]) -> bool:
    """Print how many passed, failed and were skipped, and why; whether it is as it should be.

    `excuses` are by the names of tests.
    """
    found = list(outcomes)
    counts = Counter(each.status for each in found)
    print(f"{suite}: {counts[PASS]} passed, {counts[FAIL]} failed, {counts[SKIP]} skipped")
    is_good = counts[PASS] > 0
    for each, times in Counter(each for each in found if each.status == FAIL).items():
        print(f"  FAIL {times} x {each.test}: {each.message}")
        excuse = excuses.get(each.test)
        if excuse and excuse.sign in each.message:
            print(f"    the suite's own error: {excuse.why}")
        else:
            is_good = False
    first = {each.test: each.message for each in reversed(found) if each.status == SKIP}
    skipped = Counter(each.test for each in found if each.status == SKIP)
    for test, times in skipped.items():
        print(f"  SKIP {times} x {test}: {first[test]}")
    return is_good
