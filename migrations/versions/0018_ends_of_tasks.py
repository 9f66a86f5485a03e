"""Tasks of all jurisdictions ended together; messages sent without a transaction held open."""

from pathlib import Path

from migrations.tenancy import role, run

revision = "0018"
down_revision = "0017"

_FUNCTION = "finish_tasks(text[], bigint[], integer[])"


def upgrade() -> None:
    """Add the function, and until when a worker has a conversation to itself."""
    run(Path(__file__).with_suffix(".sql").read_text())
    run(f"revoke all on function {_FUNCTION} from public;")
    run(f"grant execute on function {_FUNCTION} to {role('app')};")
    run("""
    alter table conversation add column sending_until timestamptz;
    alter table conversation add column errand_until timestamptz;
    """)


def downgrade() -> None:
    """Take them away."""
    run("""
    alter table conversation drop column errand_until;
    alter table conversation drop column sending_until;
    """)
    run(f"drop function {_FUNCTION};")
