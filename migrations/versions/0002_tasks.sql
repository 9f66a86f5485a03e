-- Take tasks that are due, of any jurisdiction, for `lease_seconds`. One that another worker holds
-- is skipped; one whose worker died is due again when its lease has run out.
create function claim_tasks(kinds text[], most integer, lease_seconds integer)
returns table (jurisdiction_id text, id bigint, kind text, payload jsonb, attempts integer)
language sql security definer set search_path = public, pg_temp
as $$
    update task t
    set state = 'running', attempts = t.attempts + 1,
        lease_until = now() + make_interval(secs => lease_seconds)
    from (
        select d.jurisdiction_id, d.id
        from task d
        where d.state in ('waiting', 'running') and d.run_after <= now()
            and (d.lease_until is null or d.lease_until < now())
            and d.kind = any(kinds)
        order by d.run_after
        limit most
        for update skip locked
    ) due
    where t.jurisdiction_id = due.jurisdiction_id and t.id = due.id
    returning t.jurisdiction_id, t.id, t.kind, t.payload, t.attempts
$$;

-- How many tasks of each kind are in each state, and how long the oldest has been due.
create function count_tasks()
returns table (kind text, state text, number bigint, oldest_seconds double precision)
language sql security definer set search_path = public, pg_temp
as $$
    select kind, state, count(*), max(extract(epoch from now() - run_after))
    from task
    where state <> 'done'
    group by kind, state
$$;
