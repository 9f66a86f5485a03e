"""Tiles over HTTP: compressed, revalidated, refused, and never a word too many."""

import asyncio
import gzip
import json
from typing import Any

import brotli
import httpx
import pytest
import zstandard
from prometheus_client import REGISTRY

from geo.tiles import tile_at
from tests.maps.truth import Row

pytestmark = pytest.mark.anyio

DECODERS: dict[str, Any] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@pytest.fixture
def url(rows: list[Row]) -> str:
    return "/tiles/requests/14/{}/{}.mvt".format(*tile_at(rows[0].lon, rows[0].lat, 14))


def from_cache() -> float:
    return REGISTRY.get_sample_value("open311_tiles_total", {"source": "cache"}) or 0


async def raw(
    client: httpx.AsyncClient, url: str, method: str = "GET", **headers: str
) -> tuple[httpx.Response, bytes]:
    """The answer, and its body as it was sent."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.setdefault("accept-encoding", "identity")
    async with client.stream(method, url, headers=named) as answer:
        return answer, b"".join([part async for part in answer.aiter_raw()])


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=0.5, br;q=1.0", "br"),
        ("zstd;q=0, gzip", "gzip"),
        ("identity", None),
        ("compress", None),
        ("*", "zstd"),
    ],
)
async def test_bytes_are_compressed_as_the_client_can_read_them(
    cape_town: httpx.AsyncClient, url: str, accepted: str, encoding: str | None
) -> None:
    _, plain = await raw(cape_town, url)
    for _ in range(2):  # drawn or kept
        answer, body = await raw(cape_town, url, accept_encoding=accepted)
        assert answer.headers.get("content-encoding") == encoding
        assert int(answer.headers["content-length"]) == len(body)
        assert "Accept-Encoding" in answer.headers["vary"]
        if encoding:
            assert len(body) < len(plain)
            assert DECODERS[encoding](body) == plain
        else:
            assert body == plain


async def test_a_kept_tile_is_answered_as_one_just_drawn(
    cape_town: httpx.AsyncClient, url: str
) -> None:
    fresh = f"{url}?status=closed"
    origin = "https://map.example"
    first, body = await raw(cape_town, fresh, origin=origin)
    hits = from_cache()
    async with asyncio.timeout(10):  # nothing is kept before the changes are listened to
        while from_cache() == hits:
            again, same = await raw(cape_town, fresh, origin=origin)
    # and what browsers read in the answer to a preflight alone, but the framework always sends
    own = {"x-request-id", "date", "access-control-allow-headers", "access-control-allow-methods"}
    assert body == same
    assert {k: v for k, v in first.headers.items() if k not in own} == {
        k: v for k, v in again.headers.items() if k not in own
    }
    assert first.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert first.headers["access-control-allow-origin"] == "*"
    assert "max-age" in first.headers["cache-control"]


async def test_who_has_the_tile_gets_no_bytes(cape_town: httpx.AsyncClient, url: str) -> None:
    answer, _ = await raw(cape_town, url)
    etag = answer.headers["etag"]
    for given in (etag, f'"other", {etag}', "*", etag.removeprefix("W/")):
        for encoding in ("identity", "br"):
            again, body = await raw(cape_town, url, if_none_match=given, accept_encoding=encoding)
            assert (again.status_code, body) == (304, b"")
            assert again.headers["etag"] == etag
            assert "Accept-Encoding" in again.headers["vary"]
    changed, body = await raw(cape_town, url, if_none_match='"other"')
    assert changed.status_code == 200
    assert body


async def test_head_says_what_get_would(cape_town: httpx.AsyncClient, url: str) -> None:
    got, body = await raw(cape_town, url)
    for _ in range(2):
        head, nothing = await raw(cape_town, url, "HEAD")
        assert (head.status_code, nothing) == (200, b"")
        assert head.headers["etag"] == got.headers["etag"]
        assert int(head.headers["content-length"]) == len(body)


async def test_where_nothing_is_there_is_no_content(cape_town: httpx.AsyncClient) -> None:
    for _ in range(2):
        answer, body = await raw(cape_town, "/tiles/requests/14/0/0.mvt")
        assert (answer.status_code, body) == (204, b"")


@pytest.mark.parametrize(
    "path",
    [
        "requests/23/0/0.mvt",
        "requests/-1/0/0.mvt",
        "requests/3/8/0.mvt",
        "requests/3/0/8.mvt",
        "requests/3/0/99999999999999999999.mvt",
        "requests/3.0/1/1.mvt",
        "requests/03/1/1.mvt",
        "requests/\u0663/1/1.mvt",
        "requests/3/1/1.gif",
        "requests/3/1/1",
        "nothing/3/1/1.mvt",
        "requests,/3/1/1.mvt",
        "requests,requests/3/1/1.mvt",
        "%27%3B--/3/1/1.mvt",
        "nothing.json",
        "requests.txt",
    ],
)
async def test_what_is_nowhere_is_not_found(cape_town: httpx.AsyncClient, path: str) -> None:
    answer = await cape_town.get(f"/tiles/{path}")
    assert answer.status_code == 404, answer.text
    assert answer.json()[0]["description"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=sleeping", "status"),
        ("start_date=yesterday", "start_date"),
        ("start_date=2021-01-02&end_date=2021-01-01", "after"),
        ("filter=service_code = ", "column"),
        ("filter=service_code == 'x'", "column"),
        ("filter=reporter_id = 'x'", "reporter_id"),
        ("filter=attributes = 'x'", "attributes"),
        ("filter=status = 'open' OR 1=1; drop table event", "column"),
        ('filter={"op":"=","args":[{"property":"team"},"x"]}&filter-lang=cql2-json', "team"),
        ('filter={"op":"pg_sleep","args":[1]}&filter-lang=cql2-json', "pg_sleep"),
        ("filter-lang=sql&filter=true", "filter-lang"),
        ("filter=" + "(" * 500 + "status='open'" + ")" * 500, "filter"),
    ],
)
@pytest.mark.parametrize("path", ["tiles/requests/12/2260/2458.mvt", "h3/8.json"])
async def test_a_bad_filter_is_refused_with_the_reason(
    cape_town: httpx.AsyncClient, path: str, query: str, said: str
) -> None:
    answer = await cape_town.get(f"/{path}?{query}")
    assert answer.status_code == 400, answer.text
    assert said in answer.json()[0]["description"]


async def test_tilejson_tells_a_map_all_that_it_needs(
    cape_town: httpx.AsyncClient, rows: list[Row]
) -> None:
    answer = await cape_town.get("/tiles/requests,hexes.json?status=open")
    told = json.loads(answer.content)
    assert told["tilejson"] == "3.0.0"
    ids = [layer["id"] for layer in told["vector_layers"]]
    assert ids == ["requests", "requests_truncated", "hexes"]
    assert {"service_request_id", "status", "count"} <= told["vector_layers"][0]["fields"].keys()
    west, south, east, north = told["bounds"]
    assert all(west <= row.lon <= east and south <= row.lat <= north for row in rows)
    lon, lat, zoom = told["center"]
    (template,) = told["tiles"]
    assert template.endswith("/tiles/requests,hexes/{z}/{x}/{y}.mvt?status=open")
    x, y = tile_at(lon, lat, zoom)
    path = template.format(z=zoom, x=x, y=y).partition("/maps/capetown.gov.za")[2]
    assert (await cape_town.get(path)).content
