"""What an API key says of how reports came: by WhatsApp, SMS, our own pages, or another program."""

from migrations.tenancy import run

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add it; the pages have one key in each city. Requests that are there keep what they say."""
    run("""
    alter table api_key add column channel text not null default 'api';
    alter table api_key no force row level security;
    update api_key set channel = 'web' where name = 'web' and scopes = '{requests}';
    alter table api_key force row level security;
    alter table service_request alter column channel set default 'api';
    """)


def downgrade() -> None:
    """Take it away."""
    run("""
    alter table service_request alter column channel set default 'open311';
    alter table api_key drop column channel;
    """)
