"""What is noted of each call, also of those that lead nowhere."""

from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

pytestmark = pytest.mark.anyio


def counted(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value("open311_request_seconds_count", labels) or 0.0


def lines(logs: list[Any]) -> list[tuple[str, str, str, int]]:
    calls = [line for line in logs if line["event"] == "request"]
    return [(line["log_level"], line["method"], line["route"], line["status"]) for line in calls]


@pytest.mark.parametrize(
    ("method", "path", "noted", "level"),
    [
        ("GET", "/services.json", ("GET", "/open311/{base}/v2/services.json", 200), "info"),
        ("GET", "/no/such/page", ("GET", "(none)", 404), "info"),
        ("DELETE", "/services.json", ("DELETE", "(none)", 405), "info"),
        # nobody makes a series of each word that comes to mind
        ("ANYTHING", "/services.json", ("(other)", "(none)", 405), "info"),
        ("GET", "http://open311.test/health/live", ("GET", "/health/live", 200), "debug"),
    ],
)
async def test_each_call_has_an_id_a_line_and_a_time(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    noted: tuple[str, str, int],
    level: str,
) -> None:
    before = counted(*noted)
    with capture_logs() as logs:
        answer = await client.request(method, path)
    assert len(answer.headers["x-request-id"]) == 16
    assert lines(logs) == [(level, *noted)]
    assert counted(*noted) == before + 1


async def test_a_proxy_may_name_a_call(client: httpx.AsyncClient) -> None:
    for given, kept in (("proxy-4711.a", True), ("no", False), ("a b" * 5, False)):
        answer = await client.get("/nowhere", headers={"X-Request-Id": given})
        assert (answer.headers.get_list("x-request-id") == [given]) is kept
