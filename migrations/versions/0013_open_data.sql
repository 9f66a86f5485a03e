create table open_data_file (
    jurisdiction_id text not null,
    layer text not null,
    extension text not null,
    object_key text not null,
    size bigint not null,
    sha256 text not null,
    written_at timestamptz default now() not null,
    constraint open_data_file_pkey primary key (jurisdiction_id, layer, extension),
    constraint open_data_file_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);
comment on column open_data_file.object_key is 'where it lies in the media store';
comment on column open_data_file.size is 'bytes';
comment on column open_data_file.sha256 is 'hexadecimal';
