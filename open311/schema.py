"""What tables are made of: their names, and the columns that all have in common."""

from sqlalchemy import (
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    MetaData,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


def instant(name: str, *, null: bool = False, now: bool = False) -> Column[object]:
    """A point in time, stored in UTC; those that clients see (`_datetime`) in whole seconds."""
    default = func.now() if now else None
    seconds = name.endswith("_datetime") or name == "changeset"
    kind = TIMESTAMP(timezone=True, precision=0 if seconds else None)
    return Column(name, kind, nullable=null, server_default=default)


def tenant() -> Column[str]:
    """Whose a row is: part of the key, and what row-level security reads."""
    return Column(
        "jurisdiction_id", Text, ForeignKey("jurisdiction.jurisdiction_id"), primary_key=True
    )


def within(table: str, column: str, other: str) -> ForeignKeyConstraint:
    """A reference that cannot leave the jurisdiction."""
    return ForeignKeyConstraint(
        ["jurisdiction_id", column], [f"{table}.jurisdiction_id", f"{table}.{other}"]
    )


EMPTY_LIST = text("'{}'")
EMPTY_OBJECT = text("'{}'::jsonb")
EMPTY_ARRAY = text("'[]'::jsonb")
