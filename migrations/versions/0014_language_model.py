"""Translations for the staff, answers of a language model, and the budget of its calls."""

from migrations.tenancy import protect, run

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the tables; a translation goes with the words that it is of."""
    run("""
    create table translation (
        jurisdiction_id text not null references jurisdiction,
        service_request_id text not null,
        language text not null,
        text text not null,
        created_at timestamptz not null default now(),
        primary key (jurisdiction_id, service_request_id),
        foreign key (jurisdiction_id, service_request_id) references service_request
    );
    comment on table translation is
        'descriptions in the language of the staff, beside the originals';
    comment on column translation.language is 'what it was translated into';

    create table model_answer (
        jurisdiction_id text not null references jurisdiction,
        digest bytea not null,
        answer text not null,
        kept_until timestamptz not null,
        primary key (jurisdiction_id, digest)
    );
    comment on column model_answer.digest is 'SHA-256 of the masked question';

    create table model_use (
        jurisdiction_id text not null references jurisdiction,
        day date not null,
        calls integer not null constraint model_use_calls_check check (calls > 0),
        primary key (jurisdiction_id, day)
    );
    comment on column model_use.day is 'in UTC';

    create function drop_translation() returns trigger language plpgsql as $$
    begin
        delete from translation
        where jurisdiction_id = new.jurisdiction_id
            and service_request_id = new.service_request_id;
        return null;
    end
    $$;
    create trigger drop_translation after update of description on service_request
    for each row when (new.description is distinct from old.description)
    execute function drop_translation();
    """)
    for table in ("translation", "model_answer", "model_use"):
        protect(table)


def downgrade() -> None:
    """Take them away; the originals stay where they are."""
    run("""
    drop trigger drop_translation on service_request;
    drop function drop_translation;
    drop table model_use, model_answer, translation;
    """)
