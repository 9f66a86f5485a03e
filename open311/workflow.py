"""The life of a request: detailed statuses, the moves that are allowed, what the public sees."""

from enum import StrEnum

from open311.errors import Conflict


class Status(StrEnum):
    """Where a request stands, as the municipality sees it."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    FIXED = "fixed"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    NO_ACTION = "no_action"
    REOPENED = "reopened"


CLOSED = frozenset({Status.FIXED, Status.REJECTED, Status.DUPLICATE, Status.NO_ACTION})
_UNDER_WAY = {Status.ACKNOWLEDGED, Status.ASSIGNED, Status.IN_PROGRESS}

ALLOWED: dict[Status, frozenset[Status]] = {
    Status.RECEIVED: frozenset(_UNDER_WAY | CLOSED),
    Status.ACKNOWLEDGED: frozenset({Status.ASSIGNED, Status.IN_PROGRESS} | CLOSED),
    # back to acknowledged: the team hands it back
    Status.ASSIGNED: frozenset({Status.ACKNOWLEDGED, Status.IN_PROGRESS} | CLOSED),
    Status.IN_PROGRESS: frozenset({Status.ACKNOWLEDGED, Status.ASSIGNED} | CLOSED),
    Status.REOPENED: frozenset(_UNDER_WAY | CLOSED),
    **{closed: frozenset({Status.REOPENED}) for closed in CLOSED},
}

# Where each status of FixMyStreet's request updates moves a request; None: it is a comment.
FROM_UPDATE: dict[str, Status | None] = {
    "open": Status.REOPENED,
    "reopen": Status.REOPENED,
    "closed": Status.NO_ACTION,
    "fixed": Status.FIXED,
    "in_progress": Status.IN_PROGRESS,
    "planned": Status.ASSIGNED,
    "action_scheduled": Status.ASSIGNED,
    "investigating": Status.ACKNOWLEDGED,
    "duplicate": Status.DUPLICATE,
    "not_councils_responsibility": Status.REJECTED,
    "no_further_action": Status.NO_ACTION,
    "cancelled": Status.NO_ACTION,
    "internal_referral": None,
    "for_triage": None,
    "unchanged": None,
}


def check_move(before: Status, after: Status) -> None:
    """Raise Conflict unless a request may go from one status to the other."""
    if after not in ALLOWED[before]:
        raise Conflict(f"A request that is {before} cannot become {after}.")
