-- Where a point lies: the municipality around it, or else the nearest, and the countries nearby.
with here as (
    select st_setsrid(st_makepoint(:long, :lat), 4326) as geom
), near as (
    -- degrees are not metres: the nearest of the nearest few is found on the ellipsoid
    select b.kind, b.code, b.name, b.parent_code, part.geom
    from here
    cross join lateral (
        select boundary_id, geom
        from boundary_part
        where st_dwithin(geom, here.geom, :degrees)
            and boundary_id in (
                select boundary_id from boundary
                where kind in ('municipality', 'country')
                    and valid_from <= :day and (valid_to is null or valid_to > :day)
            )
        order by geom <-> here.geom
        limit 40
    ) part
    join boundary b using (boundary_id)
)
select near.kind, near.code, near.name, near.parent_code as district,
    min(
        case when st_intersects(near.geom, here.geom) then 0
        else st_distance(cast(near.geom as geography), cast(here.geom as geography)) end
    ) as metres,
    ward_of(here.geom, :day) as ward
from near cross join here
group by near.kind, near.code, near.name, near.parent_code, here.geom
-- of a country and a municipality equally far it is the municipality only inside of it
order by metres, case when near.kind = 'municipality' then 0 else 1 end, near.code
limit 1
