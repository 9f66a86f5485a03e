-- Every team of a jurisdiction with how it stands to a request: the best first. docs/places.md
-- tells the rules; the columns tell which of them counts.
with here as (
    select st_setsrid(st_makepoint(:long, :lat), 4326) as geom
), area as (
    select b.code
    from here
    join boundary_part part on st_intersects(part.geom, here.geom)
    join boundary b using (boundary_id)
    where b.kind in ('service-area', 'suburb')
        and b.valid_from <= current_date and (b.valid_to is null or b.valid_to > current_date)
), ward as (
    select coalesce(cast(:ward as text), ward_of(geom, current_date)) as code from here
), standing as (
    select team.team, team.name, team.position, team.active,
        case
            when :service_code = any(team.service_codes) then 1
            when :group = any(team.groups) then 2
            when team.service_codes = '{}' and team.groups = '{}' then 3
        end as by_service,
        case
            when team.areas && array(select code from area) then 1
            when ward.code = any(team.wards) then 2
            when team.areas = '{}' and team.wards = '{}' then 3
        end as by_place,
        round(
            st_distance(cast(team.base as geography), cast(here.geom as geography)) / 1000
        ) as kilometres
    from team cross join here cross join ward
    where team.jurisdiction_id = :jurisdiction_id
), ranked as (
    select *, active and by_service is not null and by_place is not null as able,
        rank() over (
            partition by active and by_service is not null and by_place is not null
            order by by_service, by_place, kilometres nulls last
        ) as place
    from standing
), counted as (
    -- only where it decides; and who has a thousand open requests has enough to do
    select *,
        case when able and place = 1 and count(*) over (partition by able, place) > 1 then (
            select count(*)
            from (
                select from service_request r
                where r.jurisdiction_id = :jurisdiction_id and r.team = ranked.team
                    and r.closed_datetime is null
                limit 1000
            ) open
        ) end as open
    from ranked
)
select team, name, active, by_service, by_place, kilometres, open, able
from counted
order by able desc, place, open, position, team
