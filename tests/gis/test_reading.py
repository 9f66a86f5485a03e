"""Features as they are read: the same as the rows, in a stable order, whatever limits them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import shapely
from msgspec import structs
from sqlalchemy import text

from mapserve import cql, layers
from mapserve.features.extents import extent
from mapserve.features.reading import Features, Query, count, read, stream
from mapserve.features.source import Reading
from mapserve.filters import Selection
from open311 import connections, jurisdictions
from open311.context import Context
from open311.errors import BadInput
from open311.extents import Box
from open311.settings import Settings

pytestmark = pytest.mark.anyio

CAPE_TOWN = "capetown.gov.za"
SOME = Box(18.63, -33.92, 18.64, -33.91)


@pytest.fixture
async def context(demo: Settings) -> AsyncIterator[Context]:
    made = connections.open_context(demo)
    yield made
    await connections.close_context(made)


async def all_of(reading: Reading, query: Query) -> list[Features]:
    return [batch async for batch in stream(reading, query, batch_rows=500)]


async def ids_of(context: Context, layer: str, query: Query) -> list[str]:
    city = await jurisdictions.find(context.db, CAPE_TOWN)
    async with layers.opened(context, city, layers.LAYERS[layer]) as reading:
        batches = await all_of(reading, query)
        assert sum(map(len, batches)) == await count(reading, query)
        assert max(map(len, batches), default=0) <= 500
        return [each for batch in batches for each in batch.ids]


async def truth(context: Context, where: str) -> set[str]:
    sql = f"""select service_request_id from service_request r
    where jurisdiction_id = '{CAPE_TOWN}' and visibility = 'public' and {where}"""
    async with context.db.begin(CAPE_TOWN) as connection:
        return set((await connection.execute(text(sql))).scalars())


async def test_all_features_come_once_in_a_stable_order(context: Context) -> None:
    found = await ids_of(context, "requests", Query())
    assert found == sorted(found)
    assert set(found) == await truth(context, "true")
    assert len(found) > 5_000


async def test_a_box_limits_exactly(context: Context) -> None:
    inside = await truth(
        context, "st_within(geom, st_makeenvelope(18.63, -33.92, 18.64, -33.91, 4326))"
    )
    assert set(await ids_of(context, "requests", Query(boxes=(SOME,)))) == inside
    assert 0 < len(inside) < 5_000


async def test_everything_limits_together(context: Context) -> None:
    condition = cql.read(
        "status = 'closed' and requested_datetime < TIMESTAMP('2021-01-01T00:00:00Z')",
        "cql2-text",
        layers.LAYERS["requests"].source.properties,
        ZoneInfo("Africa/Johannesburg"),
    )
    (code, *_), start = sorted(await truth_codes(context)), datetime(2020, 6, 1, tzinfo=UTC)
    selection = Selection(service_codes=(code,), start=start)
    query = Query(selection=selection, boxes=(SOME,), condition=condition)
    expected = await truth(
        context,
        f"service_code = '{code}' and requested_datetime >= '2020-06-01+00' and "
        "closed_datetime is not null and requested_datetime < '2021-01-01+00' and "
        "st_within(geom, st_makeenvelope(18.63, -33.92, 18.64, -33.91, 4326))",
    )
    assert expected
    assert set(await ids_of(context, "requests", query)) == expected


async def truth_codes(context: Context) -> list[str]:
    async with context.db.begin(CAPE_TOWN) as connection:
        sql = "select service_code from service_request group by 1 order by count(*) desc limit 1"
        return list((await connection.execute(text(sql))).scalars())


@pytest.mark.parametrize("layer", ["requests", "hexes", "wards", "boundaries"])
@pytest.mark.parametrize("descends", [False, True])
async def test_pages_are_the_whole(context: Context, layer: str, descends: bool) -> None:
    """By the cursor and by counting: sorted by a property with equal values and with none."""
    city = await jurisdictions.find(context.db, CAPE_TOWN)
    source = layers.LAYERS[layer].source
    sort = {"requests": "closed_datetime", "hexes": "median_days"}.get(layer, "parent_code")
    query = Query(sort=((sort, descends),), properties=(sort,), with_shapes=False)
    async with layers.opened(context, city, layers.LAYERS[layer]) as reading:
        whole = await all_of(reading, query)
        paged: list[str] = []
        step = max(7, sum(map(len, whole)) // 9)
        query = structs.replace(query, limit=step)
        for _ in range(12):
            batch = await read(reading, query)
            skipped = await read(reading, structs.replace(query, after=None, offset=len(paged)))
            assert skipped.ids == batch.ids
            paged += batch.ids
            if batch.cursor is None:
                break
            query = structs.replace(query, after=batch.cursor)
    assert paged == [each for batch in whole for each in batch.ids]
    values = [value for batch in whole for value in batch.values[sort]]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=descends)
    assert values[len(known) :] == [None] * (len(values) - len(known))
    assert source.column(sort) is not None


async def test_features_of_names(context: Context) -> None:
    some = sorted(await truth(context, "true"))[::1500]
    query = Query(ids=(*some, "not-there", "nul\0"))
    assert await ids_of(context, "requests", query) == some


async def test_hexagons_are_features(context: Context) -> None:
    city = await jurisdictions.find(context.db, CAPE_TOWN)
    async with layers.opened(context, city, layers.LAYERS["hexes"]) as reading:
        (batch,) = await all_of(reading, Query())
        few = await all_of(reading, Query(boxes=(SOME,)))
    assert sum(batch.values["count"]) == len(await truth(context, "geom is not null"))
    assert all(shapely.is_valid(batch.shapes))
    near = shapely.intersects(batch.shapes, shapely.box(18.63, -33.92, 18.64, -33.91))
    assert set(few[0].ids) == {
        each for each, is_near in zip(batch.ids, near, strict=True) if is_near
    }


@pytest.mark.parametrize("cursor", ["", "x", "bnVsbA==", "W10=", "WyJhIiwgImIiXQ==", "WzFd"])
async def test_a_cursor_that_is_none_is_refused(context: Context, cursor: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        await ids_of(context, "wards", Query(after=cursor))


async def test_the_extent_is_that_of_the_features(context: Context) -> None:
    city = await jurisdictions.find(context.db, CAPE_TOWN)
    for layer in layers.LAYERS.values():
        async with layers.opened(context, city, layer) as reading:
            told = await extent(reading)
            batches = await all_of(reading, Query())
        shapes = [shape for batch in batches for shape in batch.shapes if shape is not None]
        west, south, east, north = shapely.total_bounds(shapes)
        assert told.bounds is not None
        assert told.bounds == pytest.approx((west, south, east, north), abs=0.01)
        if layer.source.instant:
            times = [at for batch in batches for at in batch.values[layer.source.instant]]
            assert told.span == (min(times), max(times))
