-- A request whose words are to be read, with what its city speaks and offers.
select r.description, r.service_code, r.language, j.languages,
    coalesce(j.settings -> 'categories', '{}') as chosen,
    (
        select coalesce(jsonb_agg(jsonb_build_object(
            'service_code', s.service_code,
            'words', s.service_name || ' ' || array_to_string(s.keywords, ' ')
        ) order by s.position, s.service_code), '[]')
        from service s
        where s.jurisdiction_id = :jurisdiction_id and s.active
    ) as offers
from service_request r
join jurisdiction j using (jurisdiction_id)
where r.jurisdiction_id = :jurisdiction_id and r.service_request_id = :service_request_id
    and r.description is not null
