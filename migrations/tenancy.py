"""Row-level security and grants of a tenant table: called by each migration that makes one."""

from collections.abc import Sequence

from alembic import op

TENANT = "jurisdiction_id = nullif(current_setting('app.jurisdiction', true), '')"


def run(sql: str) -> None:
    """Run SQL that may hold several statements, which prepared statements cannot."""
    op.get_bind().connection.dbapi_connection.run_async(lambda driver: driver.execute(sql))


def protect(table: str, grants: str = "select, insert, update, delete") -> None:
    """Let the application role see one jurisdiction's rows, the one that its transaction named.

    FORCE binds the owner too, so a function that must cross tenants says so with its own policy.
    """
    run(f"""
    alter table {table} enable row level security;
    alter table {table} force row level security;
    create policy tenant on {table} using ({TENANT});
    """)
    grant(table, grants, "app")


def publish(table: str, columns: Sequence[str], condition: str) -> None:
    """Let the map role read these columns of the rows that meet a condition, and nothing else."""
    run(
        f"create policy public_rows on {table} as restrictive for select to {role('map')} "
        f"using ({condition});"
    )
    grant(table, f"select ({', '.join(columns)})", "map")


def grant(table: str, what: str, to: str) -> None:
    """Grant privileges on a table to one of the installation's roles, `app` or `map`."""
    run(f"grant {what} on {table} to {role(to)};")


def role(name: str) -> str:
    """The quoted name of the installation's role: that of the database with `_app` or `_map`."""
    bind = op.get_bind()
    return bind.dialect.identifier_preparer.quote(f"{bind.engine.url.database}_{name}")
