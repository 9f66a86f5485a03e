"""The files of public layers that are written each night."""

from pathlib import Path

from migrations.tenancy import protect, run

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create them."""
    run(Path(__file__).with_suffix(".sql").read_text())
    protect("open_data_file")


def downgrade() -> None:
    """Drop them; the files stay in the media store."""
    run("drop table open_data_file;")
