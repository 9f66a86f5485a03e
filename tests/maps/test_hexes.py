"""Hexagons equal a count of the rows one by one, whatever is selected."""

from typing import Any

import httpx
import pytest

from tests.maps.truth import SELECTIONS, Row, counted

pytestmark = pytest.mark.anyio


def told(answer: httpx.Response) -> dict[str, tuple[Any, ...]]:
    names = ("count", "open", "closed", "median_days", "p90_days")
    return {c["cell"]: tuple(c[name] for name in names) for c in answer.json()["cells"]}


@pytest.mark.parametrize("query", SELECTIONS)
@pytest.mark.parametrize("resolution", [5, 8, 9, 10])
async def test_hexagons_equal_a_count_of_the_rows(
    cape_town: httpx.AsyncClient, rows: list[Row], query: str, resolution: int
) -> None:
    answer = await cape_town.get(f"/h3/{resolution}.json?{query}")
    assert answer.status_code == 200, answer.text
    expected = counted([row for row in rows if SELECTIONS[query](row)], resolution)
    assert told(answer) == expected
