"""Boundaries and place names, which everybody shares, and each jurisdiction's teams."""

from pathlib import Path

from migrations.tenancy import grant, protect, run

revision = "0004"
down_revision = "0003"

_SHARED = ("boundary", "boundary_part", "place")


def upgrade() -> None:
    """Create them; what everybody shares is public, and has no tenant to keep it from."""
    run(Path(__file__).with_suffix(".sql").read_text())
    for table in _SHARED:
        grant(table, "select, insert, update, delete", "app")
        grant(table, "select", "map")
    protect("team")


def downgrade() -> None:
    """Drop them."""
    run("drop table team;")
    for table in reversed(_SHARED):
        run(f"drop table {table};")
    run("alter table jurisdiction drop column municipality_code;")
