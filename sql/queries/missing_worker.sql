-- How long ago a worker was last seen, and, where that is too long, whether jobs wait that have been due for a while.
-- $1 handlers text[], $2 api_url text, $3 unseen interval, $4 waiting interval
select
    seen.ago,
    case when seen.ago is null or seen.ago > $3 then exists (
        select
        from (
            -- Not all: those at the head may be of handlers and APIs that nobody runs any more.
            select j.event, j.handler
            from receiver.jobs j
            where j.state in ('pending', 'running') and j.due_at <= now() - $4::interval
            limit 10000
        ) due
        where due.handler = any ($1) and (select e.api_url from receiver.events e where e.id = due.event) = $2
    ) else false end as jobs_wait
from (
    select now() - max(p.seen_at) as ago
    from receiver.processes p
    where p.kind = 'worker' and p.api_url = $2
) seen
