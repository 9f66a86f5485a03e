create table account (
    account_id text not null,
    name text not null,
    password_hash text,
    state text default 'active' not null,
    created_at timestamptz default now() not null,
    constraint account_pkey primary key (account_id),
    constraint account_name_key unique (name),
    constraint account_state_check check (state in ('active', 'disabled'))
);
comment on column account.password_hash is 'argon2id; null of one that only has tokens';

create table access_token (
    token_id text not null,
    account_id text not null,
    digest bytea not null,
    name text not null,
    created_at timestamptz default now() not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    constraint access_token_pkey primary key (token_id),
    constraint access_token_digest_key unique (digest),
    constraint access_token_account_id_fkey foreign key(account_id) references account (account_id)
);
create index access_token_account_id_idx on access_token (account_id);

create table membership (
    jurisdiction_id text not null,
    account_id text not null,
    role text not null,
    created_at timestamptz default now() not null,
    constraint membership_pkey primary key (jurisdiction_id, account_id, role),
    constraint membership_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id),
    constraint membership_account_id_fkey foreign key(account_id) references account (account_id),
    constraint membership_role_check check (role in ('field', 'manager', 'analyst', 'admin'))
);
create index membership_account_id_idx on membership (account_id);

create table layer_use (
    jurisdiction_id text not null,
    id bigint generated always as identity,
    at timestamptz default now() not null,
    account_id text not null,
    layer text not null,
    asked text not null,
    constraint layer_use_pkey primary key (jurisdiction_id, id),
    constraint layer_use_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id),
    constraint layer_use_account_id_fkey foreign key(account_id) references account (account_id)
);
comment on column layer_use.asked is 'method, path and query of the call';
create index layer_use_jurisdiction_id_at_idx on layer_use (jurisdiction_id, at);

-- Who somebody is comes before where they are: a login asks across jurisdictions, and of one account.
create function account_roles(account text) returns table (jurisdiction_id text, role text)
language sql stable security definer
set search_path = public, pg_temp
as $$
    select m.jurisdiction_id, m.role from membership m where m.account_id = account
$$;
