"""A server that does nothing but what cannot be left out: one query, one answer."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec
from litestar import Litestar, get
from litestar.response import Response
from litestar.types import ASGIApp, Receive, Scope, Send

from open311 import db
from open311.environment import from_environment

ONE = """
select service_request_id, status, status_notes, s.service_name, service_code, r.description,
    r.agency_responsible, s.service_notice, requested_datetime, updated_datetime, expected_datetime,
    address, address_id, zipcode, st_y(geom) as lat, st_x(geom) as long, media_urls[1]
from service_request r join service s using (jurisdiction_id, service_code)
where jurisdiction_id = 'capetown.gov.za' and r.visibility = 'public' and service_request_id = $1
"""


def create_fixed() -> Litestar:
    """Litestar alone, with the bytes of the file BENCH_BODY."""
    body = Path(os.environ["BENCH_BODY"]).read_bytes()

    @get("/", media_type="application/vnd.mapbox-vector-tile")
    async def fixed() -> bytes:
        return body

    return Litestar([fixed], openapi_config=None)


def create_asgi() -> ASGIApp:
    """Not even a framework, with the bytes of the file BENCH_BODY."""
    body = Path(os.environ["BENCH_BODY"]).read_bytes()
    headers = [(b"content-length", str(len(body)).encode())]

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body, "more_body": False})

    return app


def create_app() -> Litestar:
    """Litestar and asyncpg alone, on the same database, as the same role."""
    url = db.role_url(from_environment(os.environ), "app").set(drivername="postgresql")
    pool = asyncpg.create_pool(url.render_as_string(hide_password=False), min_size=16, max_size=16)

    @get(["/", "/health/live"])
    async def fixed() -> Response[bytes]:
        return Response(b'{"status":"ok"}', media_type="application/json")

    @get("/one")
    async def one() -> Response[bytes]:
        async with pool.acquire() as connection:
            await connection.execute(
                "begin; select set_config('app.jurisdiction', 'capetown.gov.za', true)"
            )
            rows = await connection.fetch(ONE, "001016502955")
            await connection.execute("commit")
        body = msgspec.json.encode([dict(row) for row in rows])
        return Response(body, media_type="application/json")

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        async with pool:
            yield

    return Litestar([fixed, one], lifespan=[lifespan], openapi_config=None)
