"""Municipalities, countries and wards as features: those of today."""

from functools import partial

from sqlalchemy import text

from mapserve.features.source import Bind, Column, Reading, Relation, Source
from mapserve.filters import Selection
from open311.extents import Box

_TODAY = """b.kind = any(cast(:kinds as text[]))
    and b.valid_from <= current_date and (b.valid_to is null or b.valid_to > current_date)"""
_MUNICIPALITY = text("""
select municipality_code from jurisdiction where jurisdiction_id = :jurisdiction_id
""")
_CODE = Column("code", "string", "b.code", "The code that its authority gave it")
_COLUMNS = (
    _CODE,
    Column("kind", "string", "b.kind", "municipality, country or ward"),
    Column("name", "string", "b.name", "What it is called"),
    Column("parent_code", "string", "b.parent_code", "The code of what it is a part of"),
    Column("valid_from", "date", "b.valid_from", "Its first day"),
)
Kinds = tuple[str, ...]


def source(kinds: Kinds) -> Source:
    """Boundaries of some kinds; of wards, those of the city's own municipality."""
    return Source(
        columns=_COLUMNS,
        geometry_type="MultiPolygon",
        relate=partial(_relate, kinds),
        identifier=Column("id", "string", "(b.kind || '.' || b.code)"),
        shape="b.geom",
        near=_near,
    )


async def _relate(kinds: Kinds, reading: Reading, _selection: Selection) -> Relation:
    values: dict[str, object] = {"kinds": list(kinds)}
    if kinds != ("ward",):
        return Relation("boundary b", _TODAY, values)
    names = {"jurisdiction_id": reading.city.jurisdiction_id}
    # a city that names no municipality has no wards
    within = (await reading.connection.execute(_MUNICIPALITY, names)).scalar_one() or ""
    return Relation(
        "boundary b", f"{_TODAY} and b.parent_code = :within", values | {"within": within}
    )


def _near(box: Box, bind: Bind) -> str:
    sides = ", ".join(bind(side) for side in (box.west, box.south, box.east, box.north))
    return f"b.geom && st_makeenvelope({sides}, 4326)"
