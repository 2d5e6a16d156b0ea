-- List the dead jobs of a handler, of an event type or family, and of events that came within a time; each may be null.
-- $1 handler text, $2 type text, $3 since interval
--
-- Each event is looked up by its id: a join may be planned to read the whole table.
select
    j.id, j.attempt, j.state, j.handler, j.error, j.source, j.api_url, j.account, j.event, e.received_at
from receiver.queues queue
cross join lateral (
    select *
    from receiver.jobs j
    where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
        and (j.handler, j.is_replay) = (queue.handler, queue.is_replay) and j.state = 'dead'
    order by j.id
) as j
cross join lateral (
    select e.type, e.received_at from receiver.events e where e.id = j.event limit 1
) as e
where queue.state = 'dead' and ($1::text is null or queue.handler = $1)
    and ($2::text is null or e.type = $2 or right($2, 2) = '.*' and starts_with(e.type, left($2, -1)))
    and ($3::interval is null or e.received_at > now() - $3)
