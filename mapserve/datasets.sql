-- A tile of a dataset. What may touch it is found by ranges of places, for row-level security keeps
-- a spatial index from being used. When that is more than a tile may hold, the largest stay, and of
-- those that are alike the first ones by a fixed shuffle: the same whenever it is asked, and those
-- of a tile again in the finer tiles within it. What is smaller than a unit of the tile is not seen.
with found as materialized (
    select near.feature_id, near.size
    from unnest(cast(:firsts as bigint[]), cast(:lasts as bigint[])) span (first, last)
    cross join lateral (
        select f.feature_id, f.size
        from feature f
        where f.jurisdiction_id = :jurisdiction_id and f.dataset = :dataset
            and f.place >= span.first and f.place < span.last
            and case
                -- a point is in one tile, whatever is drawn around it
                when f.size = 0 then f.place >= :first and f.place < :last
                else f.size >= cast(:unit as real)
                    and f.geom && st_makeenvelope(:west, :south, :east, :north, 4326)
            end
        -- one look into the index for each range: joined, they would be compared with all rows
        offset 0
    ) near
),
chosen as (
    select feature_id
    from found
    order by size desc, hashint8(feature_id), feature_id
    limit :most
)
select st_asmvt(tile, :dataset, 4096, 'geom', 'feature_id') as data, count(*) as drawn,
    (select count(*) from found) as total
from (
    select f.feature_id, f.properties,
        st_asmvtgeom(
            -- to half a unit of the tile; what is cut alike in neighbouring tiles meets there
            st_transform(st_simplify(f.geom, :tolerance), 3857),
            st_tileenvelope(:zoom, :x, :y), 4096, 64
        ) as geom
    from chosen
    join feature f
        on f.jurisdiction_id = :jurisdiction_id and f.dataset = :dataset
        and f.feature_id = chosen.feature_id
) tile
where geom is not null
