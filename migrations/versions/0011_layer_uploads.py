"""Files of layers that were sent to the server, and what became of each."""

from pathlib import Path

from migrations.tenancy import protect, run

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create them."""
    run(Path(__file__).with_suffix(".sql").read_text())
    protect("layer_upload")


def downgrade() -> None:
    """Drop them."""
    run("drop table layer_upload;")
