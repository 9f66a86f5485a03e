"""Published datasets as features, with the fields that their files had."""

from collections.abc import Mapping, Sequence
from functools import partial

from geo import tile_index
from mapserve.features.source import (
    SQL_TYPES,
    Bind,
    Bounds,
    Column,
    FieldType,
    Reading,
    Relation,
    Source,
)
from mapserve.filters import Selection
from open311.extents import Box

_WHERE = "f.jurisdiction_id = :jurisdiction_id and f.dataset = :dataset"

_NEAR = """f.feature_id = any(array(
    select near.feature_id
    from unnest(cast({firsts} as bigint[]), cast({lasts} as bigint[])) span (first, last)
    cross join lateral (
        select n.feature_id from feature n
        where n.jurisdiction_id = :jurisdiction_id and n.dataset = :dataset
            and n.place >= span.first and n.place < span.last
            and n.geom && st_makeenvelope({sides}, 4326)
        -- one look into the index for each range: joined, all rows would be compared
        offset 0
    ) near
))"""


def source(
    dataset: str, geometry_type: str, fields: Mapping[str, FieldType], bounds: Bounds
) -> Source:
    """The features of a dataset; single shapes and multiple ones of a kind may be mixed in it."""
    return Source(
        columns=tuple(_column(number, *field) for number, field in enumerate(fields.items())),
        geometry_type=geometry_type,
        relate=partial(_relate, dataset, list(fields)),
        identifier=Column("id", "integer", "f.feature_id"),
        shape="f.geom",
        near=_near,
        instant=next((name for name, told in fields.items() if told == "date-time"), None),
        bounds=partial(_bounds, bounds),
    )


async def _bounds(known: Bounds, _reading: Reading) -> Bounds:
    return known


def _column(number: int, name: str, told: FieldType) -> Column:
    # the name came with a file: it is bound
    value = f"f.properties ->> cast(:field_{number} as text)"
    return Column(name, told, f"cast({value} as {SQL_TYPES[told]})")


async def _relate(
    dataset: str, names: Sequence[str], reading: Reading, _selection: Selection
) -> Relation:
    values = {"jurisdiction_id": reading.city.jurisdiction_id, "dataset": dataset}
    fields = {f"field_{number}": name for number, name in enumerate(names)}
    return Relation("feature f", _WHERE, values | fields)


def _near(box: Box, bind: Bind) -> str:
    """By ranges of places, and for shapes by their own boxes."""
    spans = tile_index.around_box(box.west, box.south, box.east, box.north)
    return _NEAR.format(
        firsts=bind([first for first, _ in spans]),
        lasts=bind([last for _, last in spans]),
        sides=", ".join(bind(side) for side in (box.west, box.south, box.east, box.north)),
    )
