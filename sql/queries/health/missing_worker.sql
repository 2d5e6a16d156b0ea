-- Return how long ago a worker was last seen; if too long ago, whether jobs wait; the trouble of a running worker.
-- $1 handlers text[], $2 api_url text, $3 unseen interval, $4 waiting interval
select
    seen.ago,
    case when seen.ago is null or seen.ago > $3 then exists (
        select
        from receiver.queues queue
        cross join lateral (
            select
            from receiver.jobs j
            where j.source = queue.source and j.api_url = queue.api_url and j.account = queue.account
                and j.handler = queue.handler and j.is_replay = queue.is_replay
                and j.state = 'pending' and j.due_at <= now() - $4::interval
            limit 1
        ) as j
        where queue.state = 'pending' and queue.handler = any ($1) and queue.api_url = $2
    ) or exists (
        select
        from receiver.jobs j
        where j.state = 'running' and j.due_at <= now() - $4::interval and j.handler = any ($1) and j.api_url = $2
    ) else false end as jobs_wait,
    (
        select p.trouble
        from receiver.processes p
        where p.kind = 'worker' and p.api_url = $2 and p.seen_at > now() - $3::interval and p.trouble is not null
        order by p.started_at
        limit 1
    ) as trouble
from (
    select now() - max(p.seen_at) as ago
    from receiver.processes p
    where p.kind = 'worker' and p.api_url = $2
) seen
