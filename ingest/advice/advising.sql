-- A request that was read, with what a language model may be asked of it. What a city holds to be
-- sensitive is told to no other machine.
select r.description, r.language, r.reporter_id,
    r.requested_datetime < now() - make_interval(hours => :hours) as is_old,
    lower(r.service_code) = 'other'
        and coalesce(cast(r.reading -> 'suggestions' -> 0 ->> 'confidence' as float), 0) < :sure
        as is_unsure,
    t.service_request_id is not null as is_translated,
    r.reading ? 'second_opinion' as has_opinion,
    (
        select coalesce(jsonb_agg(jsonb_build_object(
            'service_code', s.service_code, 'words', s.service_name
        ) order by s.position, s.service_code), '[]')
        from service s
        where s.jurisdiction_id = :jurisdiction_id and s.active
            and lower(s.service_code) <> 'other'
    ) as offers
from service_request r
left join translation t using (jurisdiction_id, service_request_id)
where r.jurisdiction_id = :jurisdiction_id and r.service_request_id = :service_request_id
    and r.description is not null and r.reading is not null
    and r.visibility not in ('sensitive', 'erased')
