create table dataset (
    jurisdiction_id text not null,
    dataset text not null,
    title text not null,
    description text default '' not null,
    attribution text default '' not null,
    geometry_type text not null,
    fields jsonb default '[]' not null,
    features integer not null,
    bounds double precision[] not null,
    min_zoom smallint not null,
    published boolean default false not null,
    updated_at timestamptz default now() not null,
    constraint dataset_pkey primary key (jurisdiction_id, dataset),
    constraint dataset_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);
comment on column dataset.fields is 'list of name and type, in the order of the file';
comment on column dataset.bounds is 'west, south, east, north in degrees';
comment on column dataset.min_zoom is 'the first zoom at which there is something to see';

create table feature (
    jurisdiction_id text not null,
    dataset text not null,
    feature_id bigint not null,
    geom geometry(Geometry,4326) not null,
    properties jsonb default '{}' not null,
    place bigint not null,
    size real not null,
    constraint feature_pkey primary key (jurisdiction_id, dataset, feature_id),
    constraint feature_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id),
    constraint feature_jurisdiction_id_dataset_fkey foreign key(jurisdiction_id, dataset) references dataset (jurisdiction_id, dataset) on delete cascade
);
comment on column feature.place is 'the smallest tile around it: its first quadkey, and its zoom in the last five bits';
comment on column feature.size is 'longer side in Web Mercator, where the world is 1 wide; 0 of a point';
create index feature_jurisdiction_id_dataset_place_idx on feature (jurisdiction_id, dataset, place);
