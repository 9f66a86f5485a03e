-- The direct cells of a point: H3 does not nest, so a coarser cell cannot be had from a finer one.
alter table service_request add column cells bigint[];
comment on column service_request.cells is 'H3 cells of the point at resolutions 3 to 9';

-- The relay numbers the events of each jurisdiction without a gap; what has no number is new.
alter table event drop column xid;
alter table event add column number bigint;
comment on column event.number is 'place in the jurisdiction''s feed; null until it is relayed';
create unique index event_number_idx on event (jurisdiction_id, number);
create index event_new_idx on event (jurisdiction_id, id) where number is null;

create table relayed (
    jurisdiction_id text not null,
    batch bigint generated always as identity,
    last_event bigint not null,
    quadkeys bigint[],
    at timestamptz default now() not null,
    constraint relayed_pkey primary key (jurisdiction_id, batch),
    constraint relayed_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);
comment on column relayed.last_event is 'number of the newest event';
comment on column relayed.quadkeys is 'points whose tiles changed; null when any may have';
create unique index relayed_batch_idx on relayed (batch);

create table map_change (
    jurisdiction_id text not null,
    id bigint generated always as identity,
    sign smallint not null,
    service_code text,
    requested_datetime timestamptz(0),
    days smallint,
    cells bigint[],
    quadkey bigint,
    constraint map_change_pkey primary key (jurisdiction_id, id),
    constraint map_change_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);
comment on column map_change.sign is '1: a request came onto the map, -1: it left; 0: too many to list';
comment on column map_change.days is 'see days_code; null of an open request';

create table hex_rollup (
    jurisdiction_id text not null,
    resolution smallint not null,
    service_code text not null,
    month date not null,
    cell bigint not null,
    requests integer not null,
    open integer not null,
    days bytea not null,
    median_days smallint,
    p90_days smallint,
    constraint hex_rollup_pkey primary key (jurisdiction_id, resolution, service_code, month, cell),
    constraint hex_rollup_jurisdiction_id_fkey foreign key(jurisdiction_id) references jurisdiction (jurisdiction_id)
);
comment on column hex_rollup.service_code is 'empty: all services';
comment on column hex_rollup.month is 'first day, in the jurisdiction''s time zone; -infinity: all months';
comment on column hex_rollup.days is 'closed requests by days_code: pairs of its two bytes and a count of four, ascending';

-- Days from request to closing to two significant digits, as a number that sorts like them:
-- 0 to 99 are tenths of a day, then come 10 to 99 days, 100 to 990, 1000 to 9900. Rounded so,
-- durations can be counted, and medians of any selection of cells, months and services are exact.
create function days_code(requested timestamptz, closed timestamptz) returns smallint
language sql immutable parallel safe
as $$
    select case
        when closed is null then null
        when days < 9.95 then round(days * 10)
        when days < 99.5 then 90 + round(days)
        when days < 995 then 180 + round(days / 10)
        else least(369, 270 + round(days / 100))
    end::smallint
    from (select greatest(0, extract(epoch from closed - requested)) / 86400) seconds (days)
$$;

-- What statements change of the public map, however they come about: a row for each request that
-- came or left, and both for one that changed; or one row with sign 0 when a statement changed so
-- many that counting anew is quicker.
create function note_map_arrivals() returns trigger
language plpgsql
as $$
begin
    if (select count(*) from added) > 10000 then
        insert into map_change (jurisdiction_id, sign)
        select distinct jurisdiction_id, 0 from added;
    else
        insert into map_change (
            jurisdiction_id, sign, service_code, requested_datetime, days, cells, quadkey
        )
        select jurisdiction_id, 1, service_code, requested_datetime,
            days_code(requested_datetime, closed_datetime), cells, quadkey
        from added
        where visibility = 'public' and quadkey is not null;
    end if;
    return null;
end
$$;

create function note_map_departures() returns trigger
language plpgsql
as $$
begin
    insert into map_change (
        jurisdiction_id, sign, service_code, requested_datetime, days, cells, quadkey
    )
    select jurisdiction_id, -1, service_code, requested_datetime,
        days_code(requested_datetime, closed_datetime), cells, quadkey
    from removed
    where visibility = 'public' and quadkey is not null;
    return null;
end
$$;

create function note_map_changes() returns trigger
language plpgsql
as $$
begin
    if (select count(*) from added) > 10000 then
        insert into map_change (jurisdiction_id, sign)
        select distinct jurisdiction_id, 0 from added;
        return null;
    end if;
    insert into map_change (
        jurisdiction_id, sign, service_code, requested_datetime, days, cells, quadkey
    )
    select change.*
    from removed was
    join added becomes using (jurisdiction_id, service_request_id)
    cross join lateral (
        values (
            was.jurisdiction_id, -1, was.service_code, was.requested_datetime,
            days_code(was.requested_datetime, was.closed_datetime), was.cells,
            case when was.visibility = 'public' then was.quadkey end
        ), (
            becomes.jurisdiction_id, 1, becomes.service_code, becomes.requested_datetime,
            days_code(becomes.requested_datetime, becomes.closed_datetime), becomes.cells,
            case when becomes.visibility = 'public' then becomes.quadkey end
        )
    ) change (jurisdiction_id, sign, service_code, requested_datetime, days, cells, quadkey)
    where change.quadkey is not null
        -- what maps show of a request; anything else leaves them as they are
        and (
            was.service_code, was.status, was.visibility, was.requested_datetime,
            was.updated_datetime, was.closed_datetime, was.quadkey
        ) is distinct from (
            becomes.service_code, becomes.status, becomes.visibility, becomes.requested_datetime,
            becomes.updated_datetime, becomes.closed_datetime, becomes.quadkey
        );
    return null;
end
$$;

create trigger map_arrivals after insert on service_request
    referencing new table as added
    for each statement execute function note_map_arrivals();
create trigger map_departures after delete on service_request
    referencing old table as removed
    for each statement execute function note_map_departures();
create trigger map_changes after update on service_request
    referencing old table as removed new table as added
    for each statement execute function note_map_changes();

-- Whose events or changes of the map wait for the relay, and for how long.
create function news() returns table (jurisdiction_id text, waiting_seconds double precision)
language sql security definer set search_path = public, pg_temp
as $$
    select j.jurisdiction_id, coalesce(extract(epoch from now() - oldest.at), 0)::double precision
    from jurisdiction j
    left join lateral (
        select e.at
        from event e
        where e.jurisdiction_id = j.jurisdiction_id and e.number is null
        order by e.id
        limit 1
    ) oldest on true
    where oldest.at is not null
        or exists (select from map_change c where c.jurisdiction_id = j.jurisdiction_id)
$$;

-- What was relayed since a batch, of all jurisdictions, in order; since null: the newest alone.
-- Each web process asks several times a second, and drops the tiles that changed.
create function relayed_since(seen bigint)
returns table (batch bigint, jurisdiction_id text, last_event bigint, quadkeys bigint[])
language sql security definer set search_path = public, pg_temp
as $$
    select r.batch, r.jurisdiction_id, r.last_event, r.quadkeys
    from relayed r
    where r.batch > coalesce(seen, (select max(newest.batch) - 1 from relayed newest))
    order by r.batch
    limit 1000
$$;
