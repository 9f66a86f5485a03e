"""How near and how recent a duplicate of a service may be, where it says its own."""

from migrations.tenancy import run

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add both; null is what the installation says."""
    run("""
    alter table service
        add column duplicate_metres integer,
        add column duplicate_days integer;
    """)


def downgrade() -> None:
    """Take them away."""
    run("alter table service drop column duplicate_metres, drop column duplicate_days;")
