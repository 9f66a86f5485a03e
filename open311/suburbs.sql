-- The places next to which a city's latest requests lie, those of the most requests first.
with latest as (
    select geom from service_request
    where jurisdiction_id = :jurisdiction_id and visibility = 'public' and geom is not null
    order by requested_datetime desc
    limit :latest
)
select near.name
from latest
cross join lateral (
    select name from place
    where municipality_code = :municipality_code
        and kind in ('locality', 'neighbourhood', 'suburb')
    order by place.geom <-> latest.geom
    limit 1
) near
group by near.name
order by count(*) desc, near.name
