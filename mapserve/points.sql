-- A tile of requests as points. Each lies in exactly one tile, so there is no buffer; its place in
-- the tile comes from its degrees, for ST_Transform would take most of the time. When there are
-- more than a tile may hold, those stay that come first by a fixed shuffle: the same ones whenever
-- it is asked, and those of a tile again in the finer tiles within it.
select st_asmvt(tile, '{name}', 4096, 'geom', 'id') as data, count(*) as number
from (
    select
        st_makepoint(
            floor(((st_x(r.geom) + 180) / 360 * :size - :x) * 4096),
            floor(((0.5 - asinh(tand(st_y(r.geom))) / (2 * pi())) * :size - :y) * 4096)
        ) as geom,
        hashtext(r.service_request_id) + 2147483648 as id,
        r.service_request_id, r.service_code,
        case when r.closed_datetime is null then 'open' else 'closed' end as status,
        to_char(r.requested_datetime at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            as requested_datetime{columns}
    from service_request r
    where r.jurisdiction_id = :jurisdiction_id and {where}
    {order}
    limit :most
) tile
