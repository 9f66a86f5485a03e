-- One version of all boundaries of a kind (within one parent, if it is named): what was valid before
-- ends where it begins, and it ends where a later one begins.
with ended as (
    update boundary
    set valid_to = :valid_from
    where kind = :kind and valid_from < :valid_from
        and (cast(:within as text) is null or parent_code = :within)
        and (valid_to is null or valid_to > :valid_from)
), stored as (
    insert into boundary (kind, code, name, parent_code, valid_from, valid_to, source, geom)
    select :kind, code, name, coalesce(:within, parent_code), :valid_from,
        (
            select min(valid_from)
            from boundary
            where kind = :kind and valid_from > :valid_from
                and (cast(:within as text) is null or parent_code = :within)
        ),
        :source, st_multi(st_geomfromwkb(geom, 4326))
    from unnest(
        cast(:codes as text[]), cast(:names as text[]), cast(:parents as text[]),
        cast(:shapes as bytea[])
    ) as row (code, name, parent_code, geom)
    returning boundary_id, geom
)
insert into boundary_part (boundary_id, geom)
select boundary_id, st_subdivide(geom, 64) from stored
