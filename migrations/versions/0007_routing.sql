alter table boundary drop constraint boundary_kind_check;
alter table boundary add constraint boundary_kind_check
    check (kind in ('country', 'district', 'municipality', 'ward', 'suburb', 'service-area'));

-- The ward of a point on a day. Simplified outlines leave slivers between wards, of up to some
-- hundred metres: there it is the nearest; on a common border, or in two, that of the smaller code.
create function ward_of(point geometry, day date) returns text
language sql stable parallel safe as $$
    select b.code
    from boundary_part part join boundary b using (boundary_id)
    where b.kind = 'ward' and st_dwithin(part.geom, point, 0.005)
        and b.valid_from <= day and (b.valid_to is null or b.valid_to > day)
    order by st_distance(part.geom, point), b.code
    limit 1
$$;
comment on function ward_of is 'degrees of WGS 84; 0.005 of them is about 500 metres';
