-- List the pending jobs of handlers that are not known, with the filters and the stretches of dead_jobs.sql.
-- $1 handler text, $2 type text, $3 since interval, $4 known text[]
select
    queue.source, queue.api_url, queue.account, queue.handler, stretch.jobs, stretch.attempts, stretch.events,
    stretch.errors
from receiver.queues queue
cross join lateral (
    select
        array_agg(j.id) as jobs, array_agg(j.attempt) as attempts, array_agg(j.event) as events,
        array_agg(j.error) as errors
    from receiver.jobs j
    where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
        and (j.handler, j.is_replay) = (queue.handler, queue.is_replay) and j.state = 'pending'
        and (
            $2::text is null and $3::interval is null
            or (
                select ($2::text is null or e.type = $2 or right($2, 2) = '.*' and starts_with(e.type, left($2, -1)))
                    and ($3::interval is null or e.received_at > now() - $3)
                from receiver.events e
                where e.id = j.event
            )
        )
    group by j.id / 10000
) as stretch
where queue.state = 'pending' and ($1::text is null or queue.handler = $1) and queue.handler <> all ($4)
