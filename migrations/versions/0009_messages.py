"""Messages of citizens and to them, the conversations they make, and who follows which request."""

from pathlib import Path

from migrations.tenancy import protect, run

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create them. What people wrote is encrypted in each; people themselves are reporters."""
    run(Path(__file__).with_suffix(".sql").read_text())
    protect("conversation", "select, insert, update")
    protect("inbox", "select, insert, update")
    protect("outbound", "select, insert, update")
    protect("subscription", "select, insert, delete")


def downgrade() -> None:
    """Drop them."""
    run("drop table subscription; drop table outbound; drop table inbox; drop table conversation;")
