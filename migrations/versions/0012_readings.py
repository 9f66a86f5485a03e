"""What a program read in the words of a request, beside what people chose."""

from migrations.tenancy import run

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add it; of requests that are there already nothing is read."""
    run("""
    alter table service_request add column reading jsonb;
    comment on column service_request.reading is 'what a program read in the description';
    """)


def downgrade() -> None:
    """Take it away."""
    run("alter table service_request drop column reading;")
