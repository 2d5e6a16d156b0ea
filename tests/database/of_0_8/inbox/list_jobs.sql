-- List jobs, or only the dead ones, newest first, each with the name of its event.
-- $1 only_dead boolean, $2 limit bigint
select
    j.id, j.handler, j.state, j.attempt, j.error,
    extract(epoch from j.due_at - now())::double precision as waits_seconds,
    (select e.source || '/' || e.event_id from receiver.events e where e.id = j.event) as event
from (
    -- In two parts, because an index has each of them; only one is carried out.
    (select * from receiver.jobs where not $1 order by id desc limit $2)
    union all
    (
        select j.*
        from receiver.queues queue
        cross join lateral (
            select *
            from receiver.jobs j
            where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
                and (j.handler, j.is_replay) = (queue.handler, queue.is_replay) and j.state = 'dead'
            order by j.id desc
            limit $2
        ) as j
        where $1 and queue.state = 'dead'
        order by j.id desc
        limit $2
    )
) as j
order by j.id desc
