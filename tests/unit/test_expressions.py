"""Expressions of the MapLibre style language."""

from typing import Any

import pytest

from mapserve.pictures.expressions import Scope, check, colour, evaluate, label, properties_of
from open311.errors import BadInput

SCOPE = Scope(11.5, {"status": "open", "count": 7, "name": "Ward 3"}, "Polygon")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (3, 3),
        (["get", "status"], "open"),
        (["get", "nothing"], None),
        (["has", "count"], True),
        (["match", ["get", "status"], "open", 1, "closed", 2, 3], 1),
        (["match", ["get", "status"], ["new", "open"], 1, 3], 1),
        (["match", ["get", "nothing"], "open", 1, 3], 3),
        (["case", [">", ["get", "count"], 10], "a", ["has", "name"], "b", "c"], "b"),
        (["step", ["get", "count"], "few", 5, "some", 10, "many"], "some"),
        (["step", ["get", "nothing"], "few", 5, "some"], "few"),
        (["interpolate", ["linear"], ["zoom"], 10, 2, 12, 4], 3.5),
        (["interpolate", ["linear"], ["zoom"], 12, 2, 13, 4], 2),
        (["interpolate", ["exponential", 2], ["zoom"], 10.5, 0, 12.5, 3], 1.0),
        (["interpolate", ["linear"], ["zoom"], 11, "#000000", 12, "#ffffff"], (0.5, 0.5, 0.5, 1.0)),
        (["coalesce", ["get", "nothing"], ["get", "name"]], "Ward 3"),
        (["in", ["get", "status"], ["literal", ["open", "closed"]]], True),
        (["all", ["==", ["geometry-type"], "Polygon"], ["<", ["get", "count"], 8]], True),
        (["!", ["any", False, ["!=", 1, 1]]], True),
        (["<", ["get", "status"], 5], False),
        (["concat", ["get", "name"], " of ", ["to-string", ["get", "count"]]], "Ward 3 of 7"),
        (["to-number", ["literal", "x"], "4"], 4.0),
        (["/", ["*", ["get", "count"], 2], 7], 2.0),
        (["-", 5], -5),
        (["upcase", ["get", "status"]], "OPEN"),
        (["downcase", ["get", "nothing"]], None),
        (["length", ["get", "status"]], 4),
        (["length", ["get", "count"]], None),
        (["slice", ["get", "name"], -1], "3"),
        (["slice", ["get", "name"], 0, 4], "Ward"),
        (["slice", ["get", "nothing"], 0, 4], None),
    ],
)
def test_values(expression: Any, value: Any) -> None:
    check(expression, "here")
    assert evaluate(expression, SCOPE) == (pytest.approx(value) if value != "b" else "b")


def test_labels() -> None:
    assert label("{name}: {count}{nothing}", SCOPE) == "Ward 3: 7"
    assert label(["get", "count"], SCOPE) == "7"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("#ff0000", (1, 0, 0, 1)),
        ("#0f08", (0, 1, 0, 0.533)),
        ("rgba(0, 0, 255, 0.5)", (0, 0, 1, 0.5)),
        ("hsl(120, 100%, 50%)", (0, 1, 0, 1)),
        ("white", (1, 1, 1, 1)),
    ],
)
def test_colours(text: str, value: tuple[float, ...]) -> None:
    assert colour(text) == pytest.approx(value, abs=0.01)


def test_what_is_read() -> None:
    expression = ["case", ["has", "a"], ["get", "b"], ["match", ["get", "c"], "get", 1, 2]]
    assert set(properties_of(expression)) == {"a", "b", "c"}
    assert set(properties_of({"text-field": "{d} {e}", "icon-size": ["get", "f"]})) == {
        "d",
        "e",
        "f",
    }


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        (["feature-state", "x"], "paint: 'feature-state'"),
        (["case", True, ["within", {}], 1], r"paint\[2\]: 'within'"),
        ({"stops": [[0, 1]]}, "old kind"),
        (["interpolate", ["cubic-bezier", 1, 1, 1, 1], ["zoom"], 1, 2], "linear or exponential"),
    ],
)
def test_what_is_not_understood_is_refused(expression: Any, place: str) -> None:
    with pytest.raises(BadInput, match=place):
        check(expression, "paint")


def test_a_colour_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="no colour"):
        colour("reddish")
