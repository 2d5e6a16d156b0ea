-- List pending jobs whose last attempt did not count: what each waits for, and since when; with the filters of dead_jobs.sql.
-- $1 handler text, $2 type text, $3 since interval, $4 limit bigint
select j.id, j.handler, j.error, j.event, j.due_at, j.waiting_since as since
from receiver.queues queue
cross join lateral (
    select *
    from receiver.jobs j
    where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
        and (j.handler, j.is_replay) = (queue.handler, queue.is_replay)
        and j.state = 'pending' and j.waiting_since is not null
    order by j.id
    limit $4
) as j
cross join lateral (
    select e.type, e.received_at from receiver.events e where e.id = j.event limit 1
) as e
where queue.state = 'pending' and ($1::text is null or queue.handler = $1)
    and ($2::text is null or e.type = $2 or right($2, 2) = '.*' and starts_with(e.type, left($2, -1)))
    and ($3::interval is null or e.received_at > now() - $3)
limit $4
