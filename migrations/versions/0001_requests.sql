create table jurisdiction (
    jurisdiction_id text not null,
    name text not null,
    time_zone text not null,
    languages text[] default '{}' not null,
    contact text default '' not null,
    boundary geometry(MultiPolygon,4326),
    settings jsonb default '{}'::jsonb not null,
    test_of text,
    changeset timestamptz(0) default now() not null,
    constraint jurisdiction_pkey primary key (jurisdiction_id),
    constraint jurisdiction_test_of_fkey foreign key(test_of) references jurisdiction (jurisdiction_id)
);

create table event (
    jurisdiction_id text not null,
    id bigint generated always as identity,
    xid xid8 default pg_current_xact_id() not null,
    kind text not null,
    subject text not null,
    actor text not null,
    at timestamptz default now() not null,
    before jsonb,
    after jsonb,
    constraint event_pkey primary key (jurisdiction_id, id),
    constraint event_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);

create index event_jurisdiction_id_subject_idx on event (jurisdiction_id, subject);

create index event_xid_id_idx on event (xid, id);

create table idempotency (
    jurisdiction_id text not null,
    key_id text not null,
    idempotency_key text not null,
    digest bytea not null,
    answer jsonb not null,
    created_at timestamptz default now() not null,
    constraint idempotency_pkey primary key (jurisdiction_id, key_id, idempotency_key),
    constraint idempotency_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);

create index idempotency_jurisdiction_id_created_at_idx on idempotency (jurisdiction_id, created_at);

create table reporter (
    jurisdiction_id text not null,
    reporter_id text not null,
    sealed bytea,
    email_hash bytea,
    phone_hash bytea,
    device_hash bytea,
    account_hash bytea,
    created_at timestamptz default now() not null,
    erased_at timestamptz,
    constraint reporter_pkey primary key (jurisdiction_id, reporter_id),
    constraint reporter_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);

create index reporter_jurisdiction_id_email_hash_idx on reporter (jurisdiction_id, email_hash) where email_hash is not null;

create index reporter_jurisdiction_id_phone_hash_idx on reporter (jurisdiction_id, phone_hash) where phone_hash is not null;

create table service (
    jurisdiction_id text not null,
    service_code text not null,
    service_name text not null,
    description text default '' not null,
    "group" text default '' not null,
    keywords text[] default '{}' not null,
    type text default 'realtime' not null,
    attributes jsonb default '[]'::jsonb not null,
    sla_hours integer,
    sensitive boolean default false not null,
    active boolean default true not null,
    agency_responsible text,
    service_notice text,
    team text,
    position integer default 0 not null,
    constraint service_pkey primary key (jurisdiction_id, service_code),
    constraint service_type_check check (type in ('realtime', 'batch', 'blackbox')),
    constraint service_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);

create table task (
    jurisdiction_id text not null,
    id bigint generated always as identity,
    kind text not null,
    dedupe_key text not null,
    payload jsonb default '{}'::jsonb not null,
    state text default 'waiting' not null,
    attempts integer default 0 not null,
    run_after timestamptz default now() not null,
    lease_until timestamptz,
    last_error text,
    created_at timestamptz default now() not null,
    finished_at timestamptz,
    constraint task_pkey primary key (jurisdiction_id, id),
    constraint task_jurisdiction_id_kind_dedupe_key_key unique (jurisdiction_id, kind, dedupe_key),
    constraint task_state_check check (state in ('waiting', 'running', 'done', 'dead')),
    constraint task_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);

create index task_due_idx on task (run_after) where state in ('waiting', 'running');

create table api_key (
    jurisdiction_id text not null,
    key_id text not null,
    digest bytea not null,
    name text not null,
    scopes text[] not null,
    rate_class text default 'standard' not null,
    state text default 'pending' not null,
    reporter_id text,
    created_at timestamptz default now() not null,
    revoked_at timestamptz,
    constraint api_key_pkey primary key (jurisdiction_id, key_id),
    constraint api_key_jurisdiction_id_reporter_id_fkey foreign key(jurisdiction_id, reporter_id) references reporter (jurisdiction_id, reporter_id),
    constraint api_key_jurisdiction_id_digest_key unique (jurisdiction_id, digest),
    constraint api_key_state_check check (state in ('pending', 'active', 'revoked')),
    constraint api_key_rate_class_check check (rate_class in ('standard', 'high', 'demo')),
    constraint api_key_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);

create table service_request (
    jurisdiction_id text not null,
    service_request_id text not null,
    service_code text not null,
    status text default 'received' not null,
    status_notes text,
    visibility text default 'public' not null,
    description text,
    agency_responsible text,
    requested_datetime timestamptz(0) default now() not null,
    updated_datetime timestamptz(0) default now() not null,
    expected_datetime timestamptz(0),
    closed_datetime timestamptz(0),
    address text,
    address_id text,
    zipcode text,
    geom geometry(Point,4326),
    quadkey bigint,
    h3 bigint,
    media_urls text[] default '{}' not null,
    attributes jsonb default '{}'::jsonb not null,
    channel text default 'open311' not null,
    language text,
    urgency integer,
    ward text,
    team text,
    assignee text,
    parent_service_request_id text,
    reporter_id text,
    content_hash bytea,
    constraint service_request_pkey primary key (jurisdiction_id, service_request_id),
    constraint service_request_jurisdiction_id_service_code_fkey foreign key(jurisdiction_id, service_code) references service (jurisdiction_id, service_code),
    constraint service_request_jurisdiction_id_reporter_id_fkey foreign key(jurisdiction_id, reporter_id) references reporter (jurisdiction_id, reporter_id),
    constraint service_request_visibility_check check (visibility in ('public', 'pending', 'hidden', 'sensitive', 'erased')),
    constraint service_request_closed_check check ((status in ('fixed', 'rejected', 'duplicate', 'no_action')) = (closed_datetime is not null)),
    constraint service_request_quadkey_check check ((geom is null) = (quadkey is null)),
    constraint service_request_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);

create index service_request_quadkey_idx on service_request (jurisdiction_id, quadkey) where visibility = 'public';

create index service_request_requested_idx on service_request (jurisdiction_id, requested_datetime desc, service_request_id) where visibility = 'public';

create index service_request_service_idx on service_request (jurisdiction_id, service_code, requested_datetime desc) where visibility = 'public';

create index service_request_updated_idx on service_request (jurisdiction_id, updated_datetime) where visibility = 'public';

create table request_update (
    jurisdiction_id text not null,
    update_id text not null,
    service_request_id text not null,
    status text not null,
    description text,
    media_urls text[] default '{}' not null,
    updated_datetime timestamptz(0) default now() not null,
    created_at timestamptz default now() not null,
    key_id text,
    source_update_id text,
    reporter_id text,
    attributes jsonb default '{}'::jsonb not null,
    constraint request_update_pkey primary key (jurisdiction_id, update_id),
    constraint request_update_jurisdiction_id_service_request_id_fkey foreign key(jurisdiction_id, service_request_id) references service_request (jurisdiction_id, service_request_id),
    constraint request_update_jurisdiction_id_reporter_id_fkey foreign key(jurisdiction_id, reporter_id) references reporter (jurisdiction_id, reporter_id),
    constraint request_update_jurisdiction_id_key_id_source_update_id_key unique (jurisdiction_id, key_id, source_update_id),
    constraint request_update_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);

create index request_update_jurisdiction_id_service_request_id_idx on request_update (jurisdiction_id, service_request_id);

create index request_update_jurisdiction_id_updated_datetime_idx on request_update (jurisdiction_id, updated_datetime);

create table token (
    jurisdiction_id text not null,
    token text not null,
    service_request_id text not null,
    issued_datetime timestamptz(0),
    constraint token_pkey primary key (jurisdiction_id, token),
    constraint token_jurisdiction_id_service_request_id_fkey foreign key(jurisdiction_id, service_request_id) references service_request (jurisdiction_id, service_request_id),
    constraint token_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);

create table media (
    jurisdiction_id text not null,
    media_id text not null,
    service_request_id text,
    update_id text,
    position integer default 0 not null,
    object_key text not null,
    thumbnail_key text,
    content_type text not null,
    size integer not null,
    width integer,
    height integer,
    created_at timestamptz default now() not null,
    constraint media_pkey primary key (jurisdiction_id, media_id),
    constraint media_jurisdiction_id_service_request_id_fkey foreign key(jurisdiction_id, service_request_id) references service_request (jurisdiction_id, service_request_id),
    constraint media_jurisdiction_id_update_id_fkey foreign key(jurisdiction_id, update_id) references request_update (jurisdiction_id, update_id),
    constraint media_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);

create index media_jurisdiction_id_service_request_id_idx on media (jurisdiction_id, service_request_id);

create index media_jurisdiction_id_object_key_idx on media (jurisdiction_id, object_key);

comment on column jurisdiction.test_of is 'a test endpoint is a jurisdiction of its own, beside the one it rehearses';
comment on column event.subject is 'the id of what changed';
comment on column reporter.sealed is 'the personal data, encrypted; null once erased';
comment on column api_key.reporter_id is 'who asked for it';
comment on column service_request.quadkey is 'Morton key of the point at zoom 24';
comment on column service_request.h3 is 'H3 cell of the point at resolution 12';
comment on column service_request.media_urls is 'ours as paths (`/media/...`), those that a client named as they came';
comment on column service_request.parent_service_request_id is 'the request that this one duplicates';
comment on column service_request.content_hash is 'same report, same hash: finds likely repeats';
comment on column request_update.key_id is 'the API key that posted it; null for our own';
comment on column request_update.source_update_id is 'the poster''s own number of it';
