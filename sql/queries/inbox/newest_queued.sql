-- Find the events of jobs that are pending, waiting, running or dead: $4 of each queue, those due last, or the newest dead or waiting ones.
-- $1 first bigint, $2 title text, $3 state text, $4 limit bigint, $5 handler text, $6 job_states text[], $7 source text, $8 account text, $9 type text, $10 before_at timestamptz, $11 before_job bigint
--
-- $6 has `waiting` for the pending jobs whose last attempt ended as `later`. $3 is the state of the event, or null.
-- Each queue is read by its index, until it has enough; what is asked about an event is asked for each job alone: a plan
-- for many would read all events. A job's place is when it is due, and its id; of the dead and the
-- waiting, its id alone. What stands behind the place $10, $11 is found.
with queue as (
    select *
    from receiver.queues
    where ($5::text is null or handler = $5) and ($7::text is null or source = $7) and ($8::text is null or account = $8)
), found as (
    select j.event, j.at, j.id
    from queue
    cross join lateral (
        select j.event, j.due_at as at, j.id
        from receiver.jobs j
        where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
            and (j.handler, j.is_replay) = (queue.handler, queue.is_replay) and j.state = 'pending'
            and (j.due_at, j.id) < ($10, $11)
            and (
                select e.id >= $1 and ($2::text is null or e.title ~ $2)
                    and ($9::text is null or e.type = $9 or (right($9, 2) = '.*' and starts_with(e.type, left($9, -1))))
                from receiver.events e
                where e.id = j.event
            )
        order by j.due_at desc, j.id desc
        limit $4
    ) as j
    where 'pending' = any ($6::text[]) and queue.state = 'pending'
    union all
    select j.event, j.at, j.id
    from queue
    cross join lateral (
        select j.event, null::timestamptz as at, j.id
        from receiver.jobs j
        where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
            and (j.handler, j.is_replay) = (queue.handler, queue.is_replay)
            and j.state = 'pending' and j.waiting_since is not null and j.id < $11
            and (
                select e.id >= $1 and ($2::text is null or e.title ~ $2)
                    and ($9::text is null or e.type = $9 or (right($9, 2) = '.*' and starts_with(e.type, left($9, -1))))
                from receiver.events e
                where e.id = j.event
            )
        order by j.id desc
        limit $4
    ) as j
    where 'waiting' = any ($6) and queue.state = 'pending'
    union all
    select j.event, j.at, j.id
    from queue
    cross join lateral (
        select j.event, null::timestamptz as at, j.id
        from receiver.jobs j
        where (j.source, j.api_url, j.account) = (queue.source, queue.api_url, queue.account)
            and (j.handler, j.is_replay) = (queue.handler, queue.is_replay) and j.state = 'dead'
            and j.id < $11
            and (
                select e.id >= $1 and ($2::text is null or e.title ~ $2)
                    and ($9::text is null or e.type = $9 or (right($9, 2) = '.*' and starts_with(e.type, left($9, -1))))
                from receiver.events e
                where e.id = j.event
            )
            -- An event is not dead while another of its jobs is unfinished.
            and ($3::text is null or (
                select not bool_or(other.state in ('pending', 'running'))
                from receiver.jobs other
                where other.event = j.event
            ))
        order by j.id desc
        limit $4
    ) as j
    where 'dead' = any ($6) and queue.state = 'dead'
    union all
    select j.event, j.due_at as at, j.id
    from receiver.jobs j
    where 'running' = any ($6) and j.state = 'running' and ($5::text is null or j.handler = $5)
        and (j.due_at, j.id) < ($10, $11)
        and ($7::text is null or j.source = $7) and ($8::text is null or j.account = $8)
        and (
            select e.id >= $1 and ($2::text is null or e.title ~ $2)
                and ($9::text is null or e.type = $9 or (right($9, 2) = '.*' and starts_with(e.type, left($9, -1))))
            from receiver.events e
            where e.id = j.event
        )
)
select found.event as id, found.at, found.id as place from found order by found.at desc nulls last, found.id desc
