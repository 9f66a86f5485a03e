-- Rows of history from the staging table; what is there already stays as it is.
insert into service_request (
    jurisdiction_id, service_request_id, service_code, status, status_notes, visibility,
    description, agency_responsible, requested_datetime, updated_datetime, expected_datetime,
    closed_datetime, address, address_id, zipcode, geom, quadkey, h3, cells, channel, team
)
select
    :jurisdiction_id, row.service_request_id, row.service_code, row.status, row.status_notes,
    case when service.sensitive then 'sensitive' else 'public' end,
    row.description, coalesce(row.agency_responsible, service.agency_responsible),
    row.requested_datetime, row.updated_datetime,
    coalesce(
        row.expected_datetime,
        row.requested_datetime + service.sla_hours * interval '1 hour'
    ),
    row.closed_datetime, row.address, row.address_id, row.zipcode,
    st_setsrid(st_makepoint(row.long, row.lat), 4326), row.quadkey, row.h3, row.cells,
    row.channel,
    service.team
from history_row row
join service on service.jurisdiction_id = :jurisdiction_id
    and service.service_code = row.service_code
-- in one order, so that two chunks that hold the same ids wait for, and never block, each other
order by row.service_request_id
on conflict (jurisdiction_id, service_request_id) do nothing
