"""Conditions and functions of SLD, as they hold for features."""

from typing import Any

import pytest

from mapserve.pictures.expressions import Scope, evaluate
from tests.unit.sld_documents import BEDS, CIRCLE, compare, fill, paint, read_rule


def holds(condition: str, **properties: Any) -> bool:
    (layer,) = read_rule(f"<ogc:Filter>{condition}</ogc:Filter>{CIRCLE}")
    there = {name: value for name, value in properties.items() if value is not None}
    return bool(evaluate(layer["filter"], Scope(12, there)))


@pytest.mark.parametrize(
    ("condition", "properties", "held"),
    [
        (compare("EqualTo", "beds", "7"), {"beds": 7}, True),
        (compare("EqualTo", "beds", "7.0"), {"beds": 8}, False),
        (compare("EqualTo", "name", "7"), {"name": "7"}, True),
        (compare("EqualTo", "o311:name", "Khaya", 'matchCase="false"'), {"name": "KHAYA"}, True),
        (compare("NotEqualTo", "beds", "7"), {"beds": 8}, True),
        (compare("NotEqualTo", "beds", "7"), {}, False),
        (compare("LessThan", "beds", "7"), {"beds": 6.5}, True),
        (compare("LessThan", "beds", "7"), {}, False),
        (compare("GreaterThanOrEqualTo", "beds", "7"), {"beds": 7}, True),
        (compare("EqualTo", "is open", "true"), {"is open": True}, True),
        (compare("EqualTo", "is_open", "true"), {"is open": False}, False),
        (compare("GreaterThan", "built", "2020-01-31"), {"built": "2020-02-01"}, True),
        (compare("LessThan", "seen", "2020-01-31"), {"seen": "2020-01-30T22:00:00Z"}, False),
        (compare("LessThan", "seen", "2020-01-31"), {"seen": "2020-01-30T21:59:59Z"}, True),
        (f"<ogc:Not>{compare('EqualTo', 'beds', '7')}</ogc:Not>", {"beds": 7}, False),
        (
            f"<ogc:Or>{compare('EqualTo', 'beds', '7')}{compare('EqualTo', 'name', 'a')}</ogc:Or>",
            {"name": "a"},
            True,
        ),
        (f"<ogc:PropertyIsNull>{BEDS}</ogc:PropertyIsNull>", {}, True),
        (f"<ogc:PropertyIsNull>{BEDS}</ogc:PropertyIsNull>", {"beds": 0}, False),
        (
            f"<ogc:PropertyIsBetween>{BEDS}<ogc:LowerBoundary><ogc:Literal>1</ogc:Literal>"
            "</ogc:LowerBoundary><ogc:UpperBoundary><ogc:Literal>3</ogc:Literal>"
            "</ogc:UpperBoundary></ogc:PropertyIsBetween>",
            {"beds": 3},
            True,
        ),
        (
            f"<ogc:PropertyIsGreaterThan><ogc:Mul>{BEDS}<ogc:Literal>2</ogc:Literal></ogc:Mul>"
            "<ogc:Literal>10</ogc:Literal></ogc:PropertyIsGreaterThan>",
            {"beds": 6},
            True,
        ),
        (
            '<ogc:PropertyIsEqualTo><ogc:Function name="in2"><ogc:PropertyName>name'
            "</ogc:PropertyName><ogc:Literal>a</ogc:Literal><ogc:Literal>b</ogc:Literal>"
            "</ogc:Function><ogc:Literal>true</ogc:Literal></ogc:PropertyIsEqualTo>",
            {"name": "b"},
            True,
        ),
    ],
)
def test_conditions(condition: str, properties: dict[str, Any], held: bool) -> None:
    assert holds(condition, **properties) == held


@pytest.mark.parametrize(
    ("pattern", "text", "held"),
    [
        ("Khaya*", "Khayelitsha", False),
        ("Khay*", "Khayelitsha", True),
        ("*litsha", "Khayelitsha", True),
        ("*yeli*", "Khayelitsha", True),
        ("K*a", "Khayelitsha", True),
        ("aba*aba", "aba", False),
        (r"100\*", "100*", True),
        (r"100\*", "100", False),
        ("*", "x", True),
        ("*", None, False),
        ("", "x", False),
    ],
)
def test_patterns(pattern: str, text: str | None, held: bool) -> None:
    marks = 'wildCard="*" singleChar="?" escapeChar="\\"'
    assert holds(compare("Like", "name", pattern, marks), name=text) == held
    if text:
        loud = marks + ' matchCase="false"'
        assert holds(compare("Like", "name", pattern.upper(), loud), name=text) == held


CATEGORIES = (
    "<se:Value>#aaaaaa</se:Value><se:Threshold>5</se:Threshold><se:Value>#bbbbbb</se:Value>"
)
LOOKUP = f"<se:LookupValue>{BEDS}</se:LookupValue>"


@pytest.mark.parametrize(
    ("value", "beds", "colour"),
    [
        (f"<se:Categorize>{LOOKUP}{CATEGORIES}</se:Categorize>", 4, "#aaaaaa"),
        (f"<se:Categorize>{LOOKUP}{CATEGORIES}</se:Categorize>", 5, "#bbbbbb"),
        (
            f'<se:Categorize thresholdsBelongTo="preceding">{LOOKUP}{CATEGORIES}</se:Categorize>',
            5,
            "#aaaaaa",
        ),
        (
            f'<ogc:Function name="Categorize">{BEDS}<ogc:Literal>#aaaaaa</ogc:Literal>'
            "<ogc:Literal>5</ogc:Literal><ogc:Literal>#bbbbbb</ogc:Literal></ogc:Function>",
            5,
            "#bbbbbb",
        ),
        (
            f'<se:Recode fallbackValue="#cccccc">{LOOKUP}<se:MapItem><se:Data>1</se:Data>'
            "<se:Value>#aaaaaa</se:Value></se:MapItem></se:Recode>",
            1,
            "#aaaaaa",
        ),
        (
            f'<se:Recode fallbackValue="#cccccc">{LOOKUP}<se:MapItem><se:Data>1</se:Data>'
            "<se:Value>#aaaaaa</se:Value></se:MapItem></se:Recode>",
            2,
            "#cccccc",
        ),
        (
            f'<ogc:Function name="Recode">{BEDS}<ogc:Literal>1</ogc:Literal>'
            "<ogc:Literal>#aaaaaa</ogc:Literal></ogc:Function>",
            2,
            "rgba(0,0,0,0)",
        ),
        (
            f"<se:Interpolate>{LOOKUP}<se:InterpolationPoint><se:Data>0</se:Data>"
            "<se:Value>#000000</se:Value></se:InterpolationPoint><se:InterpolationPoint>"
            "<se:Data>10</se:Data><se:Value>#ffffff</se:Value></se:InterpolationPoint>"
            "</se:Interpolate>",
            5,
            (0.5, 0.5, 0.5, 1.0),
        ),
        (
            f'<ogc:Function name="Interpolate">{BEDS}<ogc:Literal>0</ogc:Literal>'
            "<ogc:Literal>#000000</ogc:Literal><ogc:Literal>10</ogc:Literal>"
            "<ogc:Literal>#ffffff</ogc:Literal><ogc:Literal>color</ogc:Literal></ogc:Function>",
            20,
            "#ffffff",
        ),
        (
            f'<ogc:Function name="if_then_else"><ogc:Function name="isNull">{BEDS}</ogc:Function>'
            "<ogc:Literal>red</ogc:Literal><ogc:Literal>blue</ogc:Literal></ogc:Function>",
            5,
            "blue",
        ),
        (
            '<ogc:Function name="env"><ogc:Literal>colour</ogc:Literal><ogc:Literal>red'
            "</ogc:Literal></ogc:Function>",
            5,
            "red",
        ),
    ],
)
def test_functions(value: str, beds: float, colour: Any) -> None:
    assert paint(fill(value), "Polygon", beds=beds)["fill-color"] == colour
