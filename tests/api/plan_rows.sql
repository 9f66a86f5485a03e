-- As many rows beside a jurisdiction's requests as a busy year leaves.
insert into request_update (
    jurisdiction_id, update_id, service_request_id, status, updated_datetime, key_id,
    source_update_id
)
select jurisdiction_id, 'U-' || service_request_id, service_request_id, 'fixed',
    updated_datetime, 'K-1', service_request_id
from service_request
where jurisdiction_id = :jurisdiction_id;

insert into token (jurisdiction_id, token, service_request_id, issued_datetime)
select jurisdiction_id, 'T-' || service_request_id, service_request_id, updated_datetime
from service_request
where jurisdiction_id = :jurisdiction_id;

insert into api_key (jurisdiction_id, key_id, digest, name, scopes)
select :jurisdiction_id, 'K-' || n, sha256(cast(:jurisdiction_id || n as bytea)), 'many', '{}'
from generate_series(1, 5000) n;

insert into idempotency (jurisdiction_id, key_id, idempotency_key, digest, answer)
select :jurisdiction_id, 'K-1', n, '', '{}'
from generate_series(1, 5000) n;

insert into reporter (jurisdiction_id, reporter_id, sealed, email_hash, phone_hash)
select :jurisdiction_id, n, '', sha256(cast('e' || n as bytea)), sha256(cast('p' || n as bytea))
from generate_series(1, 5000) n;

insert into task (jurisdiction_id, kind, dedupe_key, state)
select :jurisdiction_id, 'token.issue', n, 'done'
from generate_series(1, 20000) n;

insert into media (
    jurisdiction_id, media_id, service_request_id, object_key, thumbnail_key, content_type, size
)
select jurisdiction_id, 'M-' || service_request_id, service_request_id,
    jurisdiction_id || '/' || service_request_id || '.jpg',
    jurisdiction_id || '/' || service_request_id || '-small.jpg', 'image/jpeg', 1
from service_request
where jurisdiction_id = :jurisdiction_id;
