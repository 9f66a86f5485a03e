"""The task queue's calls across jurisdictions: the application role may call them, and no more."""

from pathlib import Path

from migrations.tenancy import role, run

revision = "0002"
down_revision = "0001"

_FUNCTIONS = ("claim_tasks(text[], integer, integer)", "count_tasks()")


def upgrade() -> None:
    """Make functions that run as the owner, who for this one table may see every tenant."""
    run("create policy queue on task to current_user using (true);")
    run(Path(__file__).with_suffix(".sql").read_text())
    for function in _FUNCTIONS:
        run(f"revoke all on function {function} from public;")
        run(f"grant execute on function {function} to {role('app')};")


def downgrade() -> None:
    """Drop them."""
    for function in _FUNCTIONS:
        run(f"drop function {function};")
    run("drop policy queue on task;")
