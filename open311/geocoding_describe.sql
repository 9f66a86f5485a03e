-- What a point is called: the nearest place, and the ward and municipality around it.
with here as (
    select st_setsrid(st_makepoint(:long, :lat), 4326) as geom
), around as (
    select b.code, b.name
    from here
    join boundary_part part on st_intersects(part.geom, here.geom)
    join boundary b using (boundary_id)
    where b.kind = 'municipality'
        and b.valid_from <= current_date and (b.valid_to is null or b.valid_to > current_date)
    -- of two that meet here the smaller code, as everywhere
    order by b.code
    limit 1
), nearest as (
    -- degrees are not metres: the nearest of the nearest few is found on the ellipsoid
    select near.name, near.kind,
        st_distance(cast(near.geom as geography), cast(here.geom as geography)) as metres
    from here
    cross join lateral (
        select name, kind, geom, weight
        from place
        where kind not in ('ward', 'municipality', 'district', 'county', 'region')
        order by geom <-> here.geom
        limit 20
    ) near
    order by metres, near.name
    limit 1
)
select nearest.name, nearest.kind, nearest.metres,
    ward_of(here.geom, current_date) as ward,
    municipality.code as municipality_code, municipality.name as municipality
from here
left join nearest on true
left join around municipality on true
