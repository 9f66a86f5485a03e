-- One new request with its audit event and the task to read its words, and the request of the last
-- minutes that says exactly the same, if there is one: a retry without a key, perhaps. Returns no
-- row when the id is taken.
with repeated as (
    select service_request_id
    from service_request
    where jurisdiction_id = :jurisdiction_id and service_code = :service_code
        and visibility = 'public' and requested_datetime >= :since and content_hash = :content_hash
    limit 1
), offered as (
    -- as it is now, not as the server remembers it: see catalogue._hide_late
    select type, sensitive
    from service
    where jurisdiction_id = :jurisdiction_id and service_code = :service_code
), filed as (
    insert into service_request (
        jurisdiction_id, service_request_id, service_code, visibility, description,
        agency_responsible, requested_datetime, updated_datetime, expected_datetime,
        address, address_id, geom, quadkey, h3, cells, media_urls, attributes, channel, ward, team,
        reporter_id, content_hash
    )
    select
        :jurisdiction_id, :service_request_id, :service_code,
        -- batch requests show once their id is issued; blackbox and sensitive ones never
        case
            when type = 'batch' then 'pending'
            when sensitive then 'sensitive'
            when type = 'blackbox' then 'hidden'
            else 'public'
        end,
        :description,
        :agency_responsible, :now, :now, :expected,
        :address, :address_id, st_setsrid(st_makepoint(:long, :lat), 4326), :quadkey, :h3,
        :cells,
        :media_urls, cast(:attributes as jsonb), :channel,
        ward_of(st_setsrid(st_makepoint(:long, :lat), 4326), current_date), :team,
        :reporter_id, :content_hash
    from offered
    on conflict (jurisdiction_id, service_request_id) do nothing
    returning service_request_id, visibility, description
), read_later as (
    insert into task (jurisdiction_id, kind, dedupe_key, payload)
    select :jurisdiction_id, 'request.read', service_request_id,
        jsonb_build_object('service_request_id', service_request_id)
    from filed where description is not null
)
insert into event (jurisdiction_id, kind, subject, actor, after)
select :jurisdiction_id, 'request.submitted', filed.service_request_id, :actor,
    cast(:after as jsonb)
        || jsonb_strip_nulls(jsonb_build_object(
            'visibility', filed.visibility, 'repeats', repeated.service_request_id
        ))
from filed left join repeated on true
returning subject, after ->> 'repeats'
