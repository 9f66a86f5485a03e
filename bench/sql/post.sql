-- What POST requests writes, and nothing of what it reads.
\set number random(1, 1000000000)
begin;
select set_config('app.jurisdiction', 'capetown.gov.za', true);
insert into reporter (jurisdiction_id, reporter_id, sealed, email_hash)
values ('capetown.gov.za', md5(:number::text || random()::text), sha256(:number::text::bytea), sha256(:number::text::bytea));
with filed as (
    insert into service_request (
        jurisdiction_id, service_request_id, service_code, visibility, description,
        requested_datetime, updated_datetime, expected_datetime, geom, quadkey, h3,
        media_urls, attributes, channel, content_hash
    )
    values (
        'capetown.gov.za', md5(random()::text), 'POTHOLE', 'public', 'number ' || :number,
        now(), now(), now() + interval '3 days',
        st_setsrid(st_makepoint(18.65, -33.92 - (:number % 10000) / 1000000.0), 4326),
        163208757248000 + :number, 630948894377797000 + :number,
        '{}', '{}', 'open311', sha256(:number::text::bytea)
    )
    returning service_request_id
)
insert into event (jurisdiction_id, kind, subject, actor, after)
select 'capetown.gov.za', 'request.submitted', service_request_id, 'bench',
    '{"service_code": "POTHOLE", "visibility": "public", "lat": -33.92, "long": 18.65, "channel": "open311"}'
from filed;
commit;
