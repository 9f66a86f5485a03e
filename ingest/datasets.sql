insert into feature (jurisdiction_id, dataset, feature_id, geom, properties, place, size)
select :jurisdiction_id, :dataset, number, st_setsrid(st_geomfromwkb(shape), 4326),
    cast(properties as jsonb), place, size
from unnest(
    cast(:numbers as bigint[]), cast(:shapes as bytea[]), cast(:properties as text[]),
    cast(:places as bigint[]), cast(:sizes as real[])
) read (number, shape, properties, place, size)
