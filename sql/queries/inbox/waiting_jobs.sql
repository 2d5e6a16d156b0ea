-- List pending jobs whose last attempt did not count: what each waits for, and since when; with the filters of dead_jobs.sql.
-- $1 handler text, $2 type text, $3 since interval, $4 limit bigint
select j.id, j.handler, j.error, j.event, j.due_at, waits.since
from (
    select *
    from receiver.jobs
    where state = 'pending' and uncounted > 0 and error is not null and ($1::text is null or handler = $1)
    order by handler, id
    limit $4
) as j
cross join lateral (
    -- Since the first of the attempts that ended so without any other in between.
    select min(a.ended_at) as since
    from (
        select a.ended_at, bool_and(a.outcome = 'later') over (order by a.attempt desc) as waits
        from receiver.attempts a
        where a.job = j.id
    ) as a
    where a.waits
) as waits
cross join lateral (
    select e.type, e.received_at from receiver.events e where e.id = j.event limit 1
) as e
where waits.since is not null
    and ($2::text is null or e.type = $2 or right($2, 2) = '.*' and starts_with(e.type, left($2, -1)))
    and ($3::interval is null or e.received_at > now() - $3)
