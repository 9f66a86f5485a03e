"""The workflow table holds together."""

import pytest

from open311.errors import Conflict
from open311.tables import CLOSED as CLOSED_IN_SQL
from open311.workflow import ALLOWED, CLOSED, FROM_UPDATE, Status, check_move


def test_every_status_has_moves_and_a_name_for_others() -> None:
    assert set(ALLOWED) == set(Status)
    # nothing moves back to received; a duplicate of a duplicate is none of the standard's
    assert {after for after in FROM_UPDATE.values() if after} == set(Status) - {Status.RECEIVED}


def test_every_status_can_be_reached_and_left() -> None:
    reached = {Status.RECEIVED}
    while more := {after for before in reached for after in ALLOWED[before]} - reached:
        reached |= more
    assert reached == set(Status)
    assert all(ALLOWED[status] & (CLOSED | {Status.REOPENED}) for status in Status)


def test_the_table_agrees_which_are_closed() -> None:
    assert f"status in ({', '.join(repr(str(s)) for s in Status if s in CLOSED)})" == CLOSED_IN_SQL


def test_a_closed_request_only_reopens() -> None:
    check_move(Status.FIXED, Status.REOPENED)
    with pytest.raises(Conflict, match="fixed cannot become assigned"):
        check_move(Status.FIXED, Status.ASSIGNED)
