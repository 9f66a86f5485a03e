"""Neighbouring countries as boundaries, and one rule for the ward of a point."""

from pathlib import Path

from migrations.tenancy import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Allow the kind, create the function."""
    run(Path(__file__).with_suffix(".sql").read_text())


def downgrade() -> None:
    """Go back; what lies in other countries is forgotten."""
    run("""
    drop function ward_of;
    delete from boundary where kind = 'country';
    alter table boundary drop constraint boundary_kind_check;
    alter table boundary add constraint boundary_kind_check
        check (kind in ('municipality', 'district', 'ward', 'suburb', 'service-area'));
    """)
