-- Count a jurisdiction's public requests anew: by resolution and cell, for each service and month,
-- all services (''), all months (-infinity), and both.
insert into hex_rollup (
    jurisdiction_id, resolution, service_code, month, cell, requests, open, days,
    median_days, p90_days
)
with fact as (
    -- requests in the same cells are one row before the cells are told apart
    select r.cells, r.service_code,
        cast(date_trunc('month', r.requested_datetime at time zone j.time_zone) as date) as month,
        days_code(r.requested_datetime, r.closed_datetime) as code,
        count(*) as n
    from service_request r
    join jurisdiction j using (jurisdiction_id)
    where r.jurisdiction_id = :jurisdiction_id and r.visibility = 'public'
        and r.quadkey is not null
    group by 1, 2, 3, 4
), cube as (
    select c.position + :coarsest - 1 as resolution, c.cell, f.code,
        coalesce(f.service_code, '') as service_code, coalesce(f.month, '-infinity') as month,
        sum(f.n) as n
    from fact f
    cross join unnest(f.cells) with ordinality c (cell, position)
    group by c.position, c.cell, f.code, cube (f.service_code, f.month)
), ranked as (
    select *,
        sum(n) filter (where code is not null) over (grouped order by code) as upto,
        sum(n) filter (where code is not null) over grouped as closed
    from cube
    window grouped as (partition by resolution, cell, service_code, month)
)
select :jurisdiction_id, resolution, service_code, month, cell,
    sum(n), coalesce(sum(n) filter (where code is null), 0),
    coalesce(string_agg(int2send(code) || int4send(cast(n as integer)), '' order by code), ''),
    min(code) filter (where upto >= ceil(0.5 * closed)),
    min(code) filter (where upto >= ceil(0.9 * closed))
from ranked
group by resolution, service_code, month, cell
