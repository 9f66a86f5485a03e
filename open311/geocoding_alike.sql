-- Places whose names are like the phrases. `%` takes the threshold that the transaction has set.
select asked.phrase, alike.*
from unnest(cast(:phrases as text[])) as asked (phrase)
cross join lateral (
    select name, search, kind, municipality_code, st_y(geom) as lat, st_x(geom) as long,
        address_id, weight
    from place
    where address_id is null and search % asked.phrase
    order by similarity(search, asked.phrase) desc, weight desc, place_id
    limit 8
) alike
