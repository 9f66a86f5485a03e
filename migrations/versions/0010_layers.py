"""Datasets for the staff alone, described more fully and with styles; requests of the staff."""

from migrations.tenancy import publish, run

revision = "0010"
down_revision = "0009"

_DESCRIBED = ("access", "keywords", "licence", "style")


def upgrade() -> None:
    """Say of each dataset whom it is for, where it said whether it is published."""
    _hide()
    run("""
    alter table dataset
        alter column published drop default,
        alter column published type text using case when published then 'public' else 'nobody' end;
    alter table dataset rename column published to access;
    alter table dataset
        alter column access set default 'nobody',
        add constraint dataset_access_check check (access in ('public', 'staff', 'nobody')),
        add column keywords text[] default '{}' not null,
        add column licence text default '' not null,
        add column style jsonb;
    comment on column dataset.style is 'layers of a MapLibre style; null: what all datasets get';
    create index service_request_private_quadkey_idx on service_request (jurisdiction_id, quadkey)
        where visibility <> 'public';
    """)
    _show("access = 'public'", _DESCRIBED)


def downgrade() -> None:
    """Go back; what was for the staff is for nobody."""
    _hide()
    run("""
    drop index service_request_private_quadkey_idx;
    alter table dataset
        drop constraint dataset_access_check,
        drop column keywords, drop column licence, drop column style,
        alter column access drop default,
        alter column access type boolean using access = 'public';
    alter table dataset rename column access to published;
    alter table dataset alter column published set default false;
    """)
    _show("published", ("published",))


def _hide() -> None:
    """Take the map role's policies away: they name the column."""
    run("drop policy public_rows on feature; drop policy public_rows on dataset;")


def _show(condition: str, columns: tuple[str, ...]) -> None:
    """Let maps see the datasets for everybody."""
    publish("dataset", columns, condition)
    those = f"select d.jurisdiction_id, d.dataset from dataset d where {condition}"  # noqa: S608
    publish("feature", ("jurisdiction_id",), f"(jurisdiction_id, dataset) in ({those})")
