-- A tile of boundaries as they are today, and of the points at which their names are written: each
-- in one tile, where it always is, so that no name is there twice.
with near as materialized (
    select distinct boundary_id
    from boundary_part
    where geom && st_makeenvelope(:west, :south, :east, :north, 4326)
), shown as materialized (
    select b.boundary_id, b.kind, b.code, b.name, b.geom
    from near join boundary b using (boundary_id)
    where b.kind = any(cast(:kinds as text[]))
        and (cast(:within as text) is null or b.parent_code = :within)
        and b.valid_from <= current_date and (b.valid_to is null or b.valid_to > current_date)
), area as (
    select boundary_id, kind, code, name,
        st_asmvtgeom(
            -- to half a unit of the tile
            st_transform(st_simplify(geom, :tolerance), 3857),
            st_tileenvelope(:zoom, :x, :y), 4096, 64
        ) as geom
    from shown
), label as (
    select boundary_id, kind, code, name,
        st_asmvtgeom(
            st_transform(st_pointonsurface(geom), 3857), st_tileenvelope(:zoom, :x, :y), 4096, 0
        ) as geom
    from shown
)
select
    (
        select st_asmvt(area, cast(:layer as text), 4096, 'geom', 'boundary_id')
        from area where geom is not null
    ) as areas,
    (
        select st_asmvt(label, :layer || '_labels', 4096, 'geom', 'boundary_id')
        from label where geom is not null
    ) as labels
