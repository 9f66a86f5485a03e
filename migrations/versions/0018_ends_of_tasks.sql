-- The ends of tasks of any jurisdiction together: one write instead of one each. Only whoever holds
-- the latest attempt ends it.
create function finish_tasks(jurisdiction_ids text[], ids bigint[], tries integer[])
returns void
language sql security definer set search_path = public, pg_temp
as $$
    update task t
    set state = 'done', finished_at = now(), lease_until = null, last_error = null
    from unnest(jurisdiction_ids, ids, tries) as ended (jurisdiction_id, id, attempts)
    where t.jurisdiction_id = ended.jurisdiction_id and t.id = ended.id
        and t.attempts = ended.attempts and t.state = 'running'
$$;
