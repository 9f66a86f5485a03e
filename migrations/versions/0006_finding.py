"""Indexes by which places are found by name, and a team's open requests counted."""

from pathlib import Path

from migrations.tenancy import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create them."""
    run(Path(__file__).with_suffix(".sql").read_text())


def downgrade() -> None:
    """Go back to one index of names."""
    run("""
    drop index service_request_team_idx;
    drop index place_alike_idx;
    drop index place_search_idx;
    create index place_search_idx on place using gin (search gin_trgm_ops);
    """)
