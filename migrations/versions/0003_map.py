"""What the map needs: cells of each request, what changed on the map, rollups, and the relay."""

from pathlib import Path

from migrations.tenancy import grant, protect, role, run

revision = "0003"
down_revision = "0002"

_FUNCTIONS = ("news()", "relayed_since(bigint)")
_TRIGGERS = {
    "map_arrivals": "note_map_arrivals",
    "map_departures": "note_map_departures",
    "map_changes": "note_map_changes",
}


def upgrade() -> None:
    """Add them; a worker then counts the requests that are there."""
    run(Path(__file__).with_suffix(".sql").read_text())
    for table in ("relayed", "map_change", "hex_rollup"):
        protect(table)
    grant("hex_rollup", "select", "map")
    grant("service_request", "select (cells)", "map")
    grant("event", "update (number)", "app")
    run("""
    insert into task (jurisdiction_id, kind, dedupe_key)
    select jurisdiction_id, 'map.rebuild', 'migration 0003' from jurisdiction;
    """)
    for table in ("event", "relayed", "map_change"):
        run(f"create policy relay on {table} to current_user using (true);")
    for function in _FUNCTIONS:
        run(f"revoke all on function {function} from public;")
        run(f"grant execute on function {function} to {role('app')};")


def downgrade() -> None:
    """Drop them."""
    for trigger, function in _TRIGGERS.items():
        run(f"drop trigger {trigger} on service_request; drop function {function}();")
    for function in _FUNCTIONS:
        run(f"drop function {function};")
    run("drop policy relay on event;")
    for table in ("hex_rollup", "map_change", "relayed"):
        run(f"drop table {table};")
    run("drop function days_code(timestamptz, timestamptz);")
    run("""
    alter table event drop column number;
    alter table event add column xid xid8 default pg_current_xact_id() not null;
    create index event_xid_id_idx on event (xid, id);
    alter table service_request drop column cells;
    """)
