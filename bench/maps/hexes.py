"""Hexagons of the whole city, without filters and with a service and a period."""

import statistics
from pathlib import Path

from bench.maps.data import CITY, Effort
from bench.measure import running, wrk
from open311.settings import Settings

SERVICE = "NO-POWER"
"""A twelfth of all requests: only blocked sewers are commoner."""

FILTERS = {
    "no filter": "",
    "one service, 90 days": "service_code={service}&start_date=2018-02-10&end_date=2018-05-10",
    "90 days": "start_date=2018-02-10&end_date=2018-05-10",
    "one service": "service_code={service}",
}


def measure(settings: Settings, folder: Path, effort: Effort) -> None:
    """Print the median time of an answer by resolution and filter."""
    with running(settings, "uvicorn", "open311.app:create_app_from_environment") as server:
        for name, query in FILTERS.items():
            times = []
            for resolution in range(6, 10):
                path = f"/maps/{CITY}/h3/{resolution}.json?{query.format(service=SERVICE)}"
                loads = [wrk(server, path, effort.seconds, 1) for _ in range(effort.rounds)]
                times.append(statistics.median(load.median_ms for load in loads))
            shown = ", ".join(f"{r}: {t:.1f} ms" for r, t in zip(range(6, 10), times, strict=True))
            print(f"hexagons of the city, {name}: {shown}", flush=True)
