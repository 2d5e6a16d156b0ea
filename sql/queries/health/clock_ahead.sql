-- Return how far the newest event of the waiting jobs is ahead of the database's clock; null unless it went back.
-- $1 api_url text, $2 limit bigint
--
-- Only the next $2 jobs of each queue count: others wait for a later try, and might be many.
select max(e.received_at) - now()
from (
    select j.event
    from receiver.queues queue
    cross join lateral (
        select j.event
        from receiver.jobs j
        where j.source = queue.source and j.api_url = queue.api_url and j.account = queue.account
            and j.handler = queue.handler and j.is_replay = queue.is_replay
            and j.state = 'pending' and j.due_at > now()
        order by j.due_at, j.id
        limit $2
    ) as j
    where queue.state = 'pending' and queue.api_url = $1
    limit 10 * $2
) as waiting
cross join lateral (
    select e.received_at from receiver.events e where e.id = waiting.event and e.received_at > now() limit 1
) as e
