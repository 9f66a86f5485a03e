-- Places that have one of the phrases as their name. Phrase by phrase, for the planner takes the
-- whole table for cheaper when a city's addresses are new to it.
select equal.*
from unnest(cast(:phrases as text[])) as asked (phrase)
cross join lateral (
    select name, search, kind, municipality_code, st_y(geom) as lat, st_x(geom) as long,
        address_id, weight
    from place
    where search = asked.phrase
        and (address_id is null or municipality_code = cast(:municipality_code as text))
    order by weight desc, place_id
    limit 300
) equal
