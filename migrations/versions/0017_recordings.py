"""Recordings of what people say: for the staff alone, and erased with the person."""

from migrations.tenancy import run

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add who may see a file, and whose it is. Those that are there are photos."""
    run("""
    alter table media add column access text not null default 'public'
        constraint media_access_check check (access in ('public', 'staff'));
    alter table media add column reporter_id text;
    alter table media add constraint media_jurisdiction_id_reporter_id_fkey
        foreign key (jurisdiction_id, reporter_id)
        references reporter (jurisdiction_id, reporter_id);
    create index media_jurisdiction_id_reporter_id_idx on media (jurisdiction_id, reporter_id);
    """)


def downgrade() -> None:
    """Take it away, and the recordings with it."""
    run("""
    alter table media no force row level security;
    delete from media where access = 'staff';
    alter table media force row level security;
    alter table media drop column reporter_id;
    alter table media drop column access;
    """)
