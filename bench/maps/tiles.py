"""Tiles, kept and not, against the same SQL, a plain ST_AsMVT, a bare server, and TiPG."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import msgspec
from sqlalchemy import text

from bench.maps import peers
from bench.maps.data import CITY, Effort
from bench.maps.statements import recorded
from bench.measure import Load, Server, compare, pgbench_file, running, wrk
from geo.tiles import KEY_ZOOM, deinterleave
from open311 import db
from open311.settings import Settings

APP = "open311.app:create_app_from_environment"
ZOOMS = (8, 10, 12, 13, 14, 15, 16)
TIPG_ZOOMS = (14, 15, 16)
_BUSIEST = text("""
select quadkey >> :shift as key, count(*) as number
from service_request
where jurisdiction_id = :jurisdiction_id and visibility = 'public' and quadkey is not null
group by 1
order by 2 desc
""")
# What a map server without our index would run: all of a tile's rows, however many.
_PLAIN = """
select st_asmvt(tile, 'requests', 4096, 'geom') from (
    select st_asmvtgeom(st_transform(geom, 3857), st_tileenvelope({z}, {x}, {y}), 4096, 64) as geom,
        service_request_id, service_code, status, requested_datetime
    from service_request
    where geom && st_transform(st_tileenvelope({z}, {x}, {y}), 4326)
) tile;
"""
Spot = tuple[int, int, int]


def measure(settings: Settings, folder: Path, effort: Effort) -> None:
    """Print every comparison, for a tile of each zoom that holds as many as most requests see."""
    spots = asyncio.run(typical(settings))
    uncached = msgspec.structs.replace(settings, tile_cache_bytes=1)
    with running(settings, "uvicorn", APP) as ours, running(uncached, "uvicorn", APP) as slow:
        for spot, number in spots.items():
            print(f"-- zoom {spot[0]}: a tile of {number:,} requests", flush=True)
            compare_misses(uncached, folder, effort, slow, spot)
        with peers.tipg(settings, folder) as tipg:
            compare_tipg(effort, ours, slow, tipg, list(spots))
        compare_hits(folder, effort, ours, next(s for s in spots if s[0] == 14))


async def typical(settings: Settings) -> dict[Spot, int]:
    """Of each zoom the tile in which the median request lies: half are in busier ones."""
    spots = {}
    async with db.connected(settings) as database, database.begin(CITY) as connection:
        await connection.execute(text("set local statement_timeout = 0"))
        for zoom in ZOOMS:
            names = {"jurisdiction_id": CITY, "shift": 2 * (KEY_ZOOM - zoom)}
            rows = (await connection.execute(_BUSIEST, names)).all()
            half = sum(row.number for row in rows) / 2
            for row in rows:
                half -= row.number
                if half <= 0:
                    spots[(zoom, *deinterleave(row.key))] = row.number
                    break
    return spots


def path_of(spot: Spot) -> str:
    z, x, y = spot
    return f"/maps/{CITY}/tiles/requests/{z}/{x}/{y}.mvt"


def compare_misses(
    settings: Settings, folder: Path, effort: Effort, server: Server, spot: Spot
) -> None:
    """One client at a time, nothing kept."""
    z, x, y = spot
    same, plain = folder / "tile.sql", folder / "plain.sql"
    same.write_text(asyncio.run(recorded(settings, CITY, path_of(spot))))
    plain.write_text(_PLAIN.format(z=z, x=x, y=y))
    as_map = db.role_url(settings, "map")
    by_pgbench: Callable[[], Load] = partial(pgbench_file, as_map, same, effort.seconds, 1)
    compare(
        effort.rounds,
        ("tile, not kept", lambda: wrk(server, path_of(spot), effort.seconds, 1)),
        ("pgbench, the same SQL", by_pgbench),
    )
    compare(
        effort.rounds,
        ("that SQL", by_pgbench),
        (
            "plain ST_AsMVT over GiST",
            lambda: pgbench_file(db.owner_url(settings), plain, effort.seconds, 1),
        ),
    )


def compare_tipg(
    effort: Effort, ours: Server, slow: Server, tipg: Server, spots: list[Spot]
) -> None:
    """On the same table, eight clients at a time."""
    for spot in spots:
        if spot[0] not in TIPG_ZOOMS:
            continue
        print(f"-- zoom {spot[0]}: TiPG, 8 clients", flush=True)
        theirs = ("TiPG", partial(wrk, tipg, peers.tipg_path(spot), effort.seconds, 8))
        for name, server in (("not kept", slow), ("kept", ours)):
            load = partial(wrk, server, path_of(spot), effort.seconds, 8)
            compare(effort.rounds, (f"tile, {name}", load), theirs)


def compare_hits(folder: Path, effort: Effort, ours: Server, spot: Spot) -> None:
    """A kept tile, gzip as clients ask for it, against a server that has nothing but its bytes."""
    gzip = {"Accept-Encoding": "gzip"}
    with httpx.stream("GET", ours.url + path_of(spot), headers=gzip) as answer:
        body, etag = b"".join(answer.iter_raw()), answer.headers["etag"]
    (folder / "tile.gz").write_bytes(body)
    print(f"-- kept, {len(body):,} bytes of gzip, 16 clients", flush=True)
    os.environ["BENCH_BODY"] = str((folder / "tile.gz").absolute())
    for kind, app in (("Litestar", "bench.bare:create_fixed"), ("ASGI", "bench.bare:create_asgi")):
        with peers.serving(app) as bare:
            for name, headers in (("kept", gzip), ("kept, 304", {**gzip, "If-None-Match": etag})):
                compare(
                    effort.rounds,
                    (
                        f"tile, {name}",
                        partial(wrk, ours, path_of(spot), effort.seconds, 16, headers=headers),
                    ),
                    (f"bare {kind}", partial(wrk, bare, "/", effort.seconds, 16)),
                )
