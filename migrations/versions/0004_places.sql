create extension if not exists pg_trgm;

alter table jurisdiction add column municipality_code text;
comment on column jurisdiction.municipality_code is 'code of its boundary of kind municipality';

create table boundary (
    boundary_id bigint generated always as identity,
    kind text not null,
    code text not null,
    name text not null,
    parent_code text,
    valid_from date not null,
    valid_to date,
    source text default '' not null,
    geom geometry(MultiPolygon,4326) not null,
    constraint boundary_pkey primary key (boundary_id),
    constraint boundary_kind_check check (kind in ('municipality', 'district', 'ward', 'suburb', 'service-area')),
    constraint boundary_span_check check (valid_to > valid_from),
    constraint boundary_kind_code_valid_from_key unique (kind, code, valid_from)
);
comment on column boundary.valid_from is 'first day';
comment on column boundary.valid_to is 'first day on which it is no longer; null while it is';
create index boundary_parent_code_kind_idx on boundary (parent_code, kind);

create table boundary_part (
    boundary_id bigint not null,
    geom geometry(Polygon,4326) not null,
    constraint boundary_part_boundary_id_fkey foreign key(boundary_id) references boundary (boundary_id) on delete cascade
);
comment on table boundary_part is 'boundaries cut into small pieces: what looks points up';
create index boundary_part_geom_idx on boundary_part using gist (geom);
create index boundary_part_boundary_id_idx on boundary_part (boundary_id);

create table place (
    place_id bigint generated always as identity,
    name text not null,
    search text not null,
    kind text not null,
    municipality_code text,
    geom geometry(Point,4326) not null,
    address_id text,
    weight real default 0 not null,
    source text default '' not null,
    constraint place_pkey primary key (place_id)
);
comment on column place.search is 'the name as it is looked for';
create index place_search_idx on place using gin (search gin_trgm_ops);
create index place_geom_idx on place using gist (geom);
create index place_municipality_code_address_id_idx on place (municipality_code, address_id);

create table team (
    jurisdiction_id text not null,
    team text not null,
    name text not null,
    service_codes text[] default '{}' not null,
    groups text[] default '{}' not null,
    areas text[] default '{}' not null,
    wards text[] default '{}' not null,
    base geometry(Point,4326),
    active boolean default true not null,
    position integer default 0 not null,
    constraint team_pkey primary key (jurisdiction_id, team),
    constraint team_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);
comment on column team.areas is 'codes of boundaries of kinds service-area and suburb';
