-- The query of a page of a thousand requests.
begin;
select set_config('app.jurisdiction', 'capetown.gov.za', true);
select r.service_request_id,
    case when r.closed_datetime is null then 'open' else 'closed' end, r.status_notes,
    s.service_name, r.service_code, r.description, r.agency_responsible, s.service_notice,
    r.requested_datetime, r.updated_datetime, r.expected_datetime, r.address, r.address_id,
    r.zipcode, st_y(r.geom), st_x(r.geom), r.media_urls[1]
from service_request r
join service s on s.jurisdiction_id = r.jurisdiction_id and s.service_code = r.service_code
where r.jurisdiction_id = 'capetown.gov.za' and r.visibility = 'public'
    and r.requested_datetime >= '2020-10-01T00:00:00+02' and r.requested_datetime <= '2020-12-30T00:00:00+02'
order by r.requested_datetime desc, r.service_request_id
limit 1000;
select count(*) from service_request r
where r.jurisdiction_id = 'capetown.gov.za' and r.visibility = 'public'
    and r.requested_datetime >= '2020-10-01T00:00:00+02' and r.requested_datetime <= '2020-12-30T00:00:00+02';
commit;
