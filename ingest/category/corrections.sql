-- Requests of another service now than they were filed with, and what their city offers.
select r.description, coalesce(r.language, 'en') as language, r.service_code
from service_request r
join event filed on filed.jurisdiction_id = r.jurisdiction_id
    and filed.subject = r.service_request_id
    and filed.kind = 'request.submitted'
where r.jurisdiction_id = :jurisdiction_id and r.description is not null
    and filed.after ->> 'service_code' <> r.service_code
order by r.service_request_id
