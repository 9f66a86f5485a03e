"""Alembic's entry: runs on the connection that `open311.migrate` hands over."""

from alembic import context
from geoalchemy2.alembic_helpers import include_object, render_item

from open311.map_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=include_object,
    render_item=render_item,
    compare_type=True,
    compare_server_default=False,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
