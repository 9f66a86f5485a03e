"""Jurisdictions, services, requests and what belongs to them, with their row-level security."""

from pathlib import Path

from migrations.tenancy import grant, protect, publish, run

revision = "0001"
down_revision = None

TENANT_TABLES = {
    "service": "select, insert, update",
    "reporter": "select, insert, update",
    "service_request": "select, insert, update",
    "request_update": "select, insert",
    "media": "select, insert, update, delete",
    "token": "select, insert, update",
    "api_key": "select, insert, update",
    "idempotency": "select, insert, delete",
    "event": "select, insert",
    "task": "select, insert, update, delete",
}
PUBLIC_REQUEST = [
    "jurisdiction_id",
    "service_request_id",
    "service_code",
    "status",
    "status_notes",
    "description",
    "agency_responsible",
    "requested_datetime",
    "updated_datetime",
    "expected_datetime",
    "closed_datetime",
    "address",
    "address_id",
    "zipcode",
    "geom",
    "quadkey",
    "h3",
    "media_urls",
    "visibility",
    "ward",
]
PUBLIC_SERVICE = [
    "jurisdiction_id",
    "service_code",
    "service_name",
    "description",
    "group",
    "keywords",
    "type",
    "sla_hours",
    "sensitive",
    "active",
    "agency_responsible",
    "service_notice",
    "position",
]


def upgrade() -> None:
    """Create everything that the first release stores."""
    run("create extension if not exists postgis;")
    run(Path(__file__).with_suffix(".sql").read_text())
    for table, grants in TENANT_TABLES.items():
        protect(table, grants)
    grant("jurisdiction", "select, insert, update", "app")
    grant("jurisdiction", "select", "map")
    grant("alembic_version", "select", "app")
    publish("service_request", PUBLIC_REQUEST, "visibility = 'public'")
    publish("service", [f'"{column}"' for column in PUBLIC_SERVICE], "active and not sensitive")


def downgrade() -> None:
    """Drop everything, the data with it."""
    for table in reversed(["jurisdiction", *TENANT_TABLES]):
        run(f"drop table {table} cascade;")
