-- Where a point lies: the municipality or country around it, or else the nearest.
with here as (
    select st_setsrid(st_makepoint(:long, :lat), 4326) as geom
), around as materialized (
    select b.kind, b.code, b.name, b.parent_code, cast(0 as double precision) as metres
    from here
    join boundary_part part on st_intersects(part.geom, here.geom)
    join boundary b using (boundary_id)
    where b.kind in ('municipality', 'country')
        and b.valid_from <= :day and (b.valid_to is null or b.valid_to > :day)
), near as (
    -- degrees are not metres: the nearest of the nearest few is found on the ellipsoid
    select b.kind, b.code, b.name, b.parent_code,
        st_distance(cast(part.geom as geography), cast(here.geom as geography)) as metres
    from here
    cross join lateral (
        select boundary_id, geom
        from boundary_part
        where not exists (select from around)
            and st_dwithin(geom, here.geom, :degrees)
            and boundary_id in (
                select boundary_id from boundary
                where kind in ('municipality', 'country')
                    and valid_from <= :day and (valid_to is null or valid_to > :day)
            )
        order by geom <-> here.geom
        limit 40
    ) part
    join boundary b using (boundary_id)
), best as (
    select * from (select * from around union all select * from near) found
    order by metres, kind = 'country', code
    limit 1
)
select best.kind, best.code, best.name, best.parent_code as district, best.metres,
    ward_of(here.geom, :day) as ward
from best cross join here
