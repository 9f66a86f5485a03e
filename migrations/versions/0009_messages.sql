create table conversation (
    jurisdiction_id text not null,
    conversation_id text not null,
    channel text not null,
    reporter_id text,
    sealed bytea,
    stopped_at timestamptz,
    heard_at timestamptz default now() not null,
    paced_until timestamptz default now() not null,
    constraint conversation_pkey primary key (jurisdiction_id, conversation_id),
    constraint conversation_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id),
    constraint conversation_jurisdiction_id_reporter_id_fkey foreign key(jurisdiction_id, reporter_id) references reporter (jurisdiction_id, reporter_id)
);
comment on column conversation.conversation_id is 'a keyed hash of the channel and both numbers';
comment on column conversation.sealed is 'where the conversation stands, encrypted; null once erased';
create index conversation_jurisdiction_id_reporter_id_idx on conversation (jurisdiction_id, reporter_id);

create table inbox (
    jurisdiction_id text not null,
    message_id text not null,
    number bigint generated always as identity,
    channel text not null,
    conversation_id text not null,
    sealed bytea,
    received_at timestamptz default now() not null,
    handled_at timestamptz,
    constraint inbox_pkey primary key (jurisdiction_id, message_id),
    constraint inbox_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);
comment on column inbox.message_id is 'the provider''s: it names a message however often it comes';
comment on column inbox.sealed is 'the message as it came, encrypted; null once erased';
create index inbox_waiting_idx on inbox (jurisdiction_id, conversation_id, number) where handled_at is null;
create index inbox_jurisdiction_id_conversation_id_idx on inbox (jurisdiction_id, conversation_id);

create table outbound (
    jurisdiction_id text not null,
    outbound_id text not null,
    number bigint generated always as identity,
    conversation_id text not null,
    kind text not null,
    sealed bytea,
    service_request_id text,
    state text default 'waiting' not null,
    provider_id text,
    error text,
    created_at timestamptz default now() not null,
    sent_at timestamptz,
    constraint outbound_pkey primary key (jurisdiction_id, outbound_id),
    constraint outbound_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id),
    constraint outbound_jurisdiction_id_conversation_id_fkey foreign key(jurisdiction_id, conversation_id) references conversation (jurisdiction_id, conversation_id),
    constraint outbound_state_check check (state in ('waiting', 'held', 'trying', 'sent', 'delivered', 'read', 'failed'))
);
comment on column outbound.outbound_id is 'what is said for one reason has one id, so it is said once';
comment on column outbound.sealed is 'the message, encrypted; null once erased';
comment on column outbound.service_request_id is 'the request that it speaks of: an answer to it continues that one';
comment on column outbound.state is 'held: until the citizen writes again; trying: whether the provider has it is not known';
create index outbound_waiting_idx on outbound (jurisdiction_id, conversation_id, number) where state in ('waiting', 'held', 'trying');
create index outbound_jurisdiction_id_conversation_id_idx on outbound (jurisdiction_id, conversation_id);
create index outbound_jurisdiction_id_provider_id_idx on outbound (jurisdiction_id, provider_id);

create table subscription (
    jurisdiction_id text not null,
    service_request_id text not null,
    home text not null,
    conversation_id text not null,
    created_at timestamptz default now() not null,
    constraint subscription_pkey primary key (jurisdiction_id, service_request_id, home, conversation_id),
    constraint subscription_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id),
    constraint subscription_jurisdiction_id_service_request_id_fkey foreign key(jurisdiction_id, service_request_id) references service_request (jurisdiction_id, service_request_id)
);
comment on column subscription.home is 'the jurisdiction that the conversation is kept in';
