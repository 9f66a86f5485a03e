-- The real requests that growth draws from, in an order that does not change.
select
    service_code, status, agency_responsible, address,
    requested_datetime, closed_datetime,
    st_y(geom) as lat, st_x(geom) as long
from service_request
where jurisdiction_id = :jurisdiction_id and channel <> 'growth' and geom is not null
order by requested_datetime, service_request_id
