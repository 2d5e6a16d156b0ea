-- Return how long ago a worker was last seen; if too long ago, whether jobs wait; the trouble of a running worker.
-- $1 handlers text[], $2 api_url text, $3 unseen interval, $4 waiting interval
select
    seen.ago,
    case when seen.ago is null or seen.ago > $3 then exists (
        select
        from (
            -- Bounded: the first jobs might belong to handlers and APIs that no process runs any more.
            select j.handler, j.api_url
            from receiver.jobs j
            where j.state in ('pending', 'running') and j.due_at <= now() - $4::interval
            limit 10000
        ) due
        where due.handler = any ($1) and due.api_url = $2
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
