"""Accounts of staff, their roles in jurisdictions, their tokens, and which layers they used."""

from pathlib import Path

from migrations.tenancy import grant, protect, role, run

revision = "0008"
down_revision = "0007"

_FUNCTION = "account_roles(text)"


def upgrade() -> None:
    """Create them. Accounts belong to the installation: one may have roles in several cities."""
    run(Path(__file__).with_suffix(".sql").read_text())
    grant("account", "select, insert, update", "app")
    grant("access_token", "select, insert, update", "app")
    protect("membership", "select, insert, delete")
    protect("layer_use", "select, insert, delete")
    run("create policy roles on membership to current_user using (true);")
    run(f"revoke all on function {_FUNCTION} from public;")
    run(f"grant execute on function {_FUNCTION} to {role('app')};")


def downgrade() -> None:
    """Drop them."""
    run(f"drop function {_FUNCTION};")
    run("drop table layer_use; drop table membership; drop table access_token; drop table account;")
