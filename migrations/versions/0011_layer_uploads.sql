create table layer_upload (
    jurisdiction_id text not null,
    upload_id text not null,
    dataset text not null,
    mode text not null,
    about jsonb not null,
    source jsonb not null,
    actor text not null,
    state text default 'waiting' not null,
    done bigint default 0 not null,
    size bigint,
    problem text,
    outcome jsonb,
    created_at timestamptz default now() not null,
    finished_at timestamptz,
    constraint layer_upload_pkey primary key (jurisdiction_id, upload_id),
    constraint layer_upload_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id),
    constraint layer_upload_mode_check check (mode in ('replace', 'append')),
    constraint layer_upload_state_check check (state in ('waiting', 'running', 'done', 'failed'))
);
comment on column layer_upload.source is 'where the file lies in the media store, and how to read it';
comment on column layer_upload.size is 'features of the file; null until it is open';
create index layer_upload_jurisdiction_id_created_at_idx on layer_upload (jurisdiction_id, created_at);
